"""Typed access to attributes, which the IR keeps as scalars and nested tuples."""

from collections.abc import Sequence
from typing import Any

from ppc.ir.module import Op


def ints(op: Op, name: str, default: Sequence[int]) -> tuple[int, ...]:
    """A tuple of integers, or the default where the attribute is absent."""
    found: Any = op.attrs.get(name)
    return tuple(int(i) for i in (default if found is None else found))


def integer(op: Op, name: str, default: int) -> int:
    found: Any = op.attrs.get(name)
    return default if found is None else int(found)


def number(op: Op, name: str, default: float) -> float:
    found: Any = op.attrs.get(name)
    return default if found is None else float(found)


def axes(op: Op, rank: int, default: Sequence[int]) -> tuple[int, ...]:
    """The attribute `axes`, normalised to be non-negative."""
    return tuple(sorted(a % rank for a in ints(op, "axes", default)))
