"""What the MPC steps of a plan take together: independent ones share rounds (`ppc.runtime.mpc.lockstep`)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby

from ppc.ir.module import Module, Op
from ppc.ir.target import Cost
from ppc.targets.mpc.counts import CHECKED, NOTHING, Count
from ppc.targets.mpc.rules import count


def in_lockstep(lowered: Module, prices: Mapping[str, float]) -> Cost:
    """Of all MPC steps of a plan: work and bytes add up, rounds count along the longest path of each row of steps."""
    total = NOTHING
    for of_mpc, row in groupby(lowered.ops, lambda op: op.name.startswith("mpc.")):
        if of_mpc:
            total += _row([*row], lowered)
    return total.priced(prices)


def _row(ops: list[Op], lowered: Module) -> Count:
    total, done = NOTHING, dict[str, float]()
    for op in ops:
        name = op.name.removeprefix("mpc.")
        found = CHECKED if name == "checked" else count(replace(op, name=name), lowered)
        start = max((done.get(o, 0.0) for o in op.operands), default=0.0)
        done.update(dict.fromkeys(op.results, start + found.rounds))
        total += replace(found, rounds=0.0)
    return replace(total, rounds=max(done.values()))
