"""Finding the declaration of an operator without importing the whole table."""

from collections.abc import Mapping, Sequence
from importlib import import_module

from ppc.ir.label import Label
from ppc.ir.opdef import OpDef, joins_operands


def _table() -> Mapping[str, str]:
    table: Mapping[str, str] = import_module("ppc.ir.ops").OPS
    return table


def find_opdef(name: str) -> OpDef | None:
    """The row of `ppc.ir.ops.OPS`, or None where there is none."""
    if name not in _table():
        return None
    found: OpDef = import_module("ppc.ir.ops").opdef(name)
    return found


def result_label(name: str, operands: Sequence[Label]) -> Label:
    """Label of the results of an operator. Conversions and reveals are no rows of OPS: a result depends on every
    operand, and a reveal changes who may know a value, not whose secrets are in it."""
    opdef = find_opdef(name)
    return (opdef.label if opdef else joins_operands)(operands)
