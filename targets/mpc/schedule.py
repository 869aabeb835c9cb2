"""What the MPC steps of a plan take together: independent ones share rounds (`ppc.runtime.mpc.lockstep`)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby

from ppc.ir.module import Module, Op
from ppc.ir.target import Cost
from ppc.targets.mpc.counts.count import NOTHING, Count
from ppc.targets.mpc.rules import checked, count


def in_lockstep(lowered: Module, prices: Mapping[str, float]) -> Iterator[tuple[Op, Cost]]:
    """Each row of MPC steps, by its first, with the cost of all: work and bytes add up, rounds count along the longest
    path."""
    for of_mpc, row in groupby(lowered.ops, lambda op: op.name.startswith("mpc.")):
        if of_mpc:
            ops = [*row]
            yield ops[0], _row(ops, lowered).priced(prices)


def _row(ops: list[Op], lowered: Module) -> Count:
    total, done = NOTHING, dict[str, float]()
    for op in ops:
        name = op.name.removeprefix("mpc.")
        found = checked(op, lowered) if name == "checked" else count(replace(op, name=name), lowered)
        start = max((done.get(o, 0.0) for o in op.operands), default=0.0)
        done.update(dict.fromkeys(op.results, start + found.rounds))
        total += replace(found, rounds=0.0)
    return replace(total, rounds=max(done.values()))
