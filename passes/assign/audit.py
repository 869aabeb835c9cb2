"""An assigned module, judged from the module and the prices alone: it shares nothing with the problem that was solved.

`recheck` judges an answer to the problem; this judges that the problem was the module's: every op in a domain that it
may take, every copy a conversion that exists and that the rules allow, levels that suffice, limits, and the same total.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Module, Op
from ppc.ir.refresh import refreshed
from ppc.ir.target import EXIT_LEVEL, Cost, HeRung
from ppc.ir.types import Domain
from ppc.passes.assign import measures
from ppc.passes.assign.build import Pricing, Rules
from ppc.passes.assign.measures import LIMITED, Measure

HE, CLIENT = Domain.HE, Domain.CLIENT

#: Relative difference that two sums of the same numbers may have.
ROUNDING = 1e-6

#: (first result of the op that makes the value, where the copy goes, as a refresh)
Copy = tuple[str, Domain, bool]


@dataclass
class Audit:
    """`levels`: the level at which each op under HE reads, by its first result."""

    module: Module
    rules: Rules
    pricing: Pricing
    rung: HeRung
    levels: dict[str, int]
    made: dict[str, Op] = field(default_factory=dict)
    copies: dict[Copy, int] = field(default_factory=dict)  # -> level of arrival

    def run(self) -> "Audit":
        """Raises InternalError where something is not legal."""
        late = set[str]()  # what the client has only after something came back to it
        for op in self.module.ops:
            first = op.results[0]
            if op.domain not in self.rules.allowed[first]:
                raise InternalError(f"{first} is in {op.domain}, where it may not run")
            if op.domain is HE and not self._depth(op) <= self.levels[first] <= self.rung.levels:
                raise InternalError(f"{first} reads at level {self.levels[first]} and takes {self._depth(op)}")
            for operand in op.operands:
                if operand in self.module.values:
                    self._read(operand, op.domain, self.levels[first] if op.domain is HE else 0, op, late)
            if op.domain is CLIENT and any(self._home(o) is not CLIENT or o in late for o in op.operands
                                           if o in self.module.values):  # fmt: skip
                late.update(op.results)
            self.made.update(dict.fromkeys(op.results, op))
        for value in self.module.outputs:
            for goal in self.rules.recipients[value]:
                self._read(value, goal, 0, None, late)
        return self

    def total(self, measure: Measure) -> float:
        """Of the whole plan."""
        found = 0.0
        for op in self.module.ops:
            assert op.domain is not None
            target, domain = self.pricing.targets[op.domain], op.domain
            found += _rising(
                lambda level, op=op, target=target, domain=domain: measure.node(  # type: ignore[misc]
                    target.cost(op, self.module, self.rung, level), domain
                ),
                self.levels.get(op.results[0], 0) if domain is HE else 0,
            )
        for (value, goal, _), level in self.copies.items():
            home = self._home(value)
            found += _rising(
                lambda at, value=value, home=home, goal=goal: measure.move(  # type: ignore[misc]
                    self._conversion(home, goal, value, at), home, goal
                ),
                level,
            )
        used = {op.domain for op in self.module.ops} | ({CLIENT} if self.module.inputs else set())
        used |= {goal for goals in self.rules.recipients.values() for goal in goals}
        return found + sum(measure.setup(cost, d) for d, cost in self.pricing.setup.items() if d in used)

    def limits(self) -> dict[str, tuple[float, float]]:
        """What the plan uses of each limit that is counted, and what it may."""
        return {
            m.name: (self.total(m), most)
            for word, most in self.rules.limits.items()
            for m in (LIMITED[word](self.pricing.network) if word in LIMITED else ())
        }

    def agrees(self, value: float) -> None:
        """Raises InternalError where the objective is not what the solver says."""
        found = self.total(measures.objective(self.pricing.objective, self.pricing.network))
        if not abs(found - value) <= ROUNDING * max(abs(value), abs(found)):
            raise InternalError(f"the assignment costs {found}, the solver says {value}")

    def _home(self, value: str) -> Domain:
        if value not in self.made:
            return CLIENT  # an input
        domain = self.made[value].domain
        assert domain is not None
        return domain

    def _depth(self, op: Op) -> int:
        return self.pricing.targets[HE].depth(op, self.module)

    def _read(self, value: str, goal: Domain, level: int, reader: Op | None, late: set[str]) -> None:
        home, again = self._home(value), reader is not None and value in refreshed(reader)
        left = self.levels[self.made[value].results[0]] - self._depth(self.made[value]) if home is HE else 0
        if home is goal and not again:
            if home is HE and left < level:
                raise InternalError(f"{value} has {left} levels left, {level} are read")
            return
        if home is HE and left < EXIT_LEVEL:
            raise InternalError(f"{value} leaves HE with {left} levels")
        if again and not (home is goal is HE and self.rules.refreshes):
            raise InternalError(f"{value} is refreshed, and may not be")
        if {home, goal} in ({HE}, {HE, Domain.TEE}) and value not in self.rules.shares:
            raise InternalError(f"{value} goes through shares, and may not")
        if not self.rules.interactive and home is CLIENT and value in late:
            raise InternalError(f"{value} would have to be sent in the middle of a run")
        first = self.made[value].results[0] if value in self.made else value
        self.copies[first, goal, again] = max(level, self.copies.get((first, goal, again), 0))

    def _conversion(self, home: Domain, goal: Domain, value: str, level: int) -> Cost:
        found = self.pricing.conversions.cost(home, goal, value, self.module, self.rung, level)
        if found is None:
            raise InternalError(f"there is no conversion from {home} to {goal}")
        return found


def _rising(cost: Callable[[int], float], level: int) -> float:
    """A price never falls with the level."""
    return max((cost(at) for at in range(level + 1)), default=inf)
