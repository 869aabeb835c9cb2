"""Values inside a node that was lowered to several steps: none of them is what the node results in."""

from ppc.ir.module import Module

#: Steps that compute nothing new: the value stays what it was.
CARRIERS = ("mpc.checked", "he.drop", "he.upscale", "he.batch_drop", "he.view")


def partial_values(module: Module) -> frozenset[str]:
    """Values inside a node: another step of the same node reads them. None of them is what the node results in.
    Inputs and outputs of the plan have names of their own, which may be those of nodes."""
    made = {r: (r, op.loc) for op in module.ops for r in op.results if not op.name.endswith(".input")}
    found = set[str]()
    for op in module.ops:
        carries = op.name.startswith(("convert.", "reveal.")) or op.name in CARRIERS
        for o in op.operands:
            if carries and o in made:
                made |= dict.fromkeys(op.results, made[o])
            elif o in made and op.loc and made[o][1] == op.loc and not op.name.endswith(".output"):
                found.add(made[o][0])
    return frozenset(found)
