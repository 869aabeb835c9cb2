"""How much data accuracy is measured on while compiling.

By what a pass is predicted to take, never by a clock: the figures are part of plan.json, which depends on the input
alone.
"""

from dataclasses import dataclass
from typing import Any

from ppc.ir.module import Module
from ppc.ir.target import HeRung
from ppc.targets.clear.target import client_target
from ppc.targets.he.target import rungs
from ppc.targets.prices import Prices

#: Samples that the plan is tried on, and predicted seconds for the plan and for its nodes one by one.
MOST_SAMPLES, MOST_SECONDS = 64, 4.0

#: Of a term of a he.linear on slot vectors (roll, multiply, add), a slot.
SECONDS_A_SLOT = 4e-9

#: Of a node or a step, besides its arithmetic: numpy in small pieces, the interpreter's own work.
SECONDS_A_NODE = 3e-4


@dataclass(frozen=True)
class Effort:
    """Predicted seconds of a pass in this process, by the shipped prices: of the model, and of the simulated plan."""

    model: float
    plan: float

    @staticmethod
    def of(assigned: Module, lowered: Module) -> "Effort":
        target, rung = client_target(Prices.shipped()), _any_rung()
        model = sum(target.cost(op, assigned, rung).seconds + SECONDS_A_NODE for op in assigned.ops)
        degree: Any = lowered.attrs.get("he.degree", 0)
        terms: Any = [op.attrs.get("terms", ()) for op in lowered.ops]
        slots = sum(map(len, terms)) * degree / 2
        return Effort(model, model + len(lowered.ops) * SECONDS_A_NODE + slots * SECONDS_A_SLOT)

    def passes(self, batch: int) -> int:
        """Passes on which the plan is compared with the model; 0 where one takes too long."""
        return _most(self.model + self.plan, batch)

    def node_passes(self, batch: int, runs: int) -> int:
        """Passes for each of `runs` runs of the model."""
        return _most(self.model * max(runs, 1), batch)


def _most(seconds: float, batch: int) -> int:
    affordable = int(MOST_SECONDS / seconds) if seconds > 0 else MOST_SAMPLES
    return min(max(1, MOST_SAMPLES // batch), affordable)


def _any_rung() -> HeRung:
    """What is in clear costs the same on all of them."""
    ring = next(iter(rungs().values()))
    return HeRung(ring.degree, ring.levels)
