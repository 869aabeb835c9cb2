"""How the rows of this folder are written: shape rules get attributes with their defaults filled in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ppc.ir.label import PUBLIC, Label
from ppc.ir.module import Attr
from ppc.ir.opdef import AttrSpec, Kind, LabelRule, OpDef, joins_operands
from ppc.ir.parameters import PARAMETERS
from ppc.ir.types import TensorType

Types = Sequence[TensorType]
Operands = Sequence[TensorType | None]
Result = tuple[TensorType, ...]
#: A shape rule as the families write it: f(operand types, **attributes with defaults) -> result types.
Rule = Callable[..., Result]

#: Any number of operands.
MANY = 1 << 20


class OpError(ValueError):
    """Operands or attributes do not fit the operator. The text has the numbers; the caller knows the node."""


def is_public(labels: Sequence[Label]) -> Label:
    """Label rule of results that depend on static shapes alone: they say nothing of any secret."""
    return PUBLIC


def need(name: str, type: type) -> AttrSpec:
    """A required attribute."""
    return AttrSpec(name, type, required=True)


def attr(name: str, type: type, default: Attr | None = None) -> AttrSpec:
    """An optional attribute; default None means absent."""
    return AttrSpec(name, type, default)


def declare(
    name: str,
    kind: Kind,
    arity: int | tuple[int, int],
    rule: Rule,
    doc: str,
    *attrs: AttrSpec,
    label: LabelRule = joins_operands,
) -> OpDef:
    """A row. The shape rule checks arity and attributes first and raises `OpError`.

    A trained number (`ppc.ir.parameters`) is an attribute or the operand of its place behind the others; the shape
    rule sees an operand as a `range` of its length, for it knows no values.
    """
    low, high = (arity, arity) if isinstance(arity, int) else arity
    specs = {spec.name: spec for spec in attrs}
    lifted = PARAMETERS.get(name, ())

    def shape(types: Operands, given: Mapping[str, Attr]) -> Result:
        own, behind = types[:high], dict(zip(lifted, types[high:], strict=False))
        as_ranges = {key: range(t.size) for key, t in behind.items() if t is not None}
        check_attrs(name, {k: s for k, s in specs.items() if k not in as_ranges}, given)
        present = len(own) if len(types) <= high + len(lifted) else len(types)
        required = types if high == MANY else types[:low]
        if not low <= present <= high or any(t is None for t in required):
            raise OpError(f"{name} takes {_span(low, high)} operands, not {present}")
        filled: dict[str, Any] = {s.name: given.get(s.name, s.default) for s in attrs} | as_ranges
        return rule(own, **filled)

    rows = tuple(replace(s, required=s.required and s.name not in lifted) for s in attrs)
    return OpDef(name, kind, (low, high + len(lifted)), shape, label, rows, doc)


def check_attrs(name: str, specs: Mapping[str, AttrSpec], given: Mapping[str, Attr]) -> None:
    """Raise `OpError` for an attribute that is unknown, missing or of the wrong type."""
    for key, value in given.items():
        if key not in specs:
            raise OpError(f"{name} has no attribute {key!r} (it has: {', '.join(specs) or 'none'})")
        if not _fits(value, specs[key].type):
            raise OpError(f"{name}: attribute {key} is {type(value).__name__}, not {specs[key].type.__name__}")
    for spec in specs.values():
        if spec.required and spec.name not in given:
            raise OpError(f"{name} needs the attribute {spec.name}")


def _fits(value: Attr, type: type) -> bool:
    return isinstance(value, type) or (type is float and isinstance(value, int))


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"at least {low}" if high == MANY else f"{low} to {high}"
