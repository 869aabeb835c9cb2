"""Softmax whose logits calibration has seen close together: MPC may do without the maximum of a row, and then has to
tell of rows that lie elsewhere."""

from ppc.ir.calibration import measured
from ppc.ir.module import Module, Op
from ppc.runtime.ranges import MOST_EXPONENTIALS, logits_bound


def logits_below(op: Op, module: Module) -> int | None:
    """What the logits of such a Softmax lie below; None of another one, and of another operator."""
    value = module.values.get(op.operands[0]) if op.name == "Softmax" else None
    if value is None or value.range is None:
        return None
    if value.type.shape[int(op.attrs.get("axis", -1))] > MOST_EXPONENTIALS:  # type: ignore[arg-type]
        return None
    return logits_bound(*measured(value.range))
