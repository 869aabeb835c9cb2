"""How a step computes: through SEAL's binding on one thread, or with SEAL called directly on several.

A direct call costs Python some microseconds more than one through the binding, and gains only where threads run at
the same time. So a step takes several threads where there is work for them, and its residues are the same either way.
What decides is in the plan and the number of threads: no clock.
"""

from dataclasses import dataclass

from ppc.runtime.he.attrs import level_of, linear_terms, sums_of
from ppc.runtime.he.context import Context
from ppc.runtime.he.evaluator import unavailable
from ppc.runtime.he.linear_order import order, parallelism
from ppc.runtime.he.schedule import Workers
from ppc.runtime.party import Step

#: Least work over longest chain of work at which several threads gain more than direct calls cost.
WORTH = 1.5


@dataclass(frozen=True, slots=True)
class Way:
    """The context whose `arithmetic` a step uses, and the threads that it uses it on."""

    context: Context
    workers: Workers


class Ways:
    """The ways of one server: of a linear step decided once, since its weights are encoded for one of them."""

    def __init__(self, context: Context, workers: Workers):
        self.workers = workers
        self._binding, self._context = Way(context, Workers(1)), context
        self._linear: dict[int, Way] = {}

    def across(self, ciphertexts: int) -> Way:
        """Of a step that does the same with each of these, one independent of the other."""
        return self._of(float(ciphertexts))

    def linear(self, step: Step) -> Way:
        """Of a `he.linear`. Raises PartyError PPC6006 where its rotations cannot be reached by the plan's keys."""
        if step.id not in self._linear:
            # one thread needs no look at the work
            self._linear[step.id] = self._of(self._linear_parallelism(step) if self.workers.threads > 1 else 1.0)
        return self._linear[step.id]

    def _of(self, parallel: float) -> Way:
        if self.workers.threads == 1 or parallel < WORTH or unavailable() is not None:
            return self._binding
        return Way(self._context.direct, self.workers)

    def _linear_parallelism(self, step: Step) -> float:
        terms, outputs = linear_terms(step)
        keys = frozenset(self._context.parameters.galois.get(level_of(step), ()))
        operations = order(terms, outputs, keys, self._context.slots, self.workers.threads)
        inputs = len({term[0] for term in terms})
        return parallelism(operations, inputs, len(sums_of(step, "pre")), len(sums_of(step, "post")))
