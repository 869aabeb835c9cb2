"""Models are hostile: whatever attributes and operand types say, a shape rule answers or raises OpError.

Every differential case is bent in many ways. Where the rule still accepts a bent attribute, the kernel must run and
give the shape that the rule promised.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from kernel_oracle import Case, operand_types
from test_differential import CASES

from ppc.ir.ops import OPS, opdef
from ppc.ir.ops.declare import OpError
from ppc.ir.types import TensorType
from ppc.runtime import kernels
from ppc.runtime.errors import PartyError

#: No test makes a tensor larger than this.
LARGEST = 1 << 22


def bent(value: Any) -> Iterator[Any]:
    """Other values of the same type."""
    if isinstance(value, tuple):
        yield ()
        if value:
            yield value[:-1]
            yield (*value, value[-1])
            yield from ((other, *value[1:]) for other in bent(value[0]))
    elif isinstance(value, str):
        yield "nonsense"
    elif isinstance(value, float):
        yield from (0.0, -1.0, float("nan"), float("inf"))
    elif isinstance(value, int):
        yield from (0, -1, 3, 100, -(2**40))


def bent_attributes(case: Case) -> Iterator[dict[str, Any]]:
    defaults = {a.name: a.default for a in opdef(case.op).attrs if a.default is not None}
    for name, value in (defaults | dict(case.attrs)).items():
        for other in bent(value):
            yield {**case.attrs, name: other}
    for name in case.attrs:
        yield {k: v for k, v in case.attrs.items() if k != name}


def bent_types(types: list[TensorType | None]) -> Iterator[list[TensorType | None]]:
    for i, t in enumerate(types):
        if t is None:
            continue
        shapes = [(), t.shape[:-1], (*t.shape, 2), (0,) * len(t.shape), (5, *t.shape[1:]), (7,)]
        for other in [
            *(TensorType(t.dtype, s) for s in shapes),
            TensorType("str", t.shape),
            TensorType("u8", t.shape),
            None,
        ]:
            yield [*types[:i], other, *types[i + 1 :]]
    yield types[:-1]
    yield [*types, TensorType("f32", (1,))]


def answer(op: str, types: list[TensorType | None], attrs: dict[str, Any]) -> tuple[TensorType, ...] | None:
    try:
        result = opdef(op).shape(types, attrs)
    except OpError:
        return None
    assert result and all(min(t.shape, default=0) >= 0 for t in result), f"{attrs} gives {result}"
    return result


@pytest.mark.parametrize("op", OPS)
def test_bent_attributes(op: str) -> None:
    for case in (c for c in CASES if c.op == op):
        types = operand_types(case)
        for attrs in bent_attributes(case):
            promised = answer(op, types, attrs)
            if promised is None or sum(t.size for t in promised) > LARGEST:
                continue
            try:
                got = kernels.run(op, case.operands, attrs)
            except PartyError:
                continue  # data that does not fit is an error of the run
            except Exception as e:
                raise AssertionError(f"{op} {attrs} was promised {promised}; the kernel failed: {e!r}") from e
            assert [y.shape for y in got] == [t.shape for t in promised], attrs


@pytest.mark.parametrize("op", OPS)
def test_bent_operand_types(op: str) -> None:
    for case in (c for c in CASES if c.op == op):
        for types in bent_types(operand_types(case)):
            answer(op, types, dict(case.attrs))


def test_an_index_out_of_range_is_not_shown() -> None:
    with pytest.raises(PartyError) as caught:
        kernels.run("Gather", [np.zeros(5), np.array([123456])], {})
    assert "123456" not in str(caught.value) and "an axis of 5 elements" in str(caught.value)
