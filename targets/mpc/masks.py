"""Constants that mean "never": −10^9, −3.4·10^38 or −infinity, added to the logits of an attention, or chosen in their
place. Shares saturate them (`ppc.runtime.mpc.engine.Engine.constant`), which is the same to a Softmax: they weigh
nothing beside any other logit."""

import numpy as np

from ppc.ir.module import Module, Op

#: What leaves a masked logit masked on its way to a Softmax.
_PASSES = ("Identity", "Reshape", "Transpose", "Slice", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Concat")


def masks_logits(op: Op, module: Module, limit: float) -> bool:
    """Whether all constants of an Add or Where that are not below `limit` in size mask what every reader of the result
    takes the Softmax of."""
    operands = {"Add": op.operands, "Where": op.operands[1:]}.get(op.name, ())
    for name in operands:
        data = module.constants[name].data if name.startswith("@") else None
        if data is not None and not np.all((data < limit) & ~np.isnan(data)):
            return False
    return bool(operands) and _only_softmax(op, module, module.uses())


def _only_softmax(op: Op, module: Module, uses: dict[str, list[Op]]) -> bool:
    (result,) = op.results
    readers = uses[result]
    if result in module.outputs or not readers:
        return False
    return all(r.name == "Softmax" or (r.name in _PASSES and _only_softmax(r, module, uses)) for r in readers)
