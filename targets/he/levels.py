"""Levels: which steps rescale, and at which level each one runs: as low as its consumers allow.

A lower level is cheaper in everything. A product of ciphertexts rescales; the linear map before it does not (its scale
is raised only so far that one rescale after the product brings both down), so a linear layer and the square after it
take one prime together, and the last linear layer none. Only a map that another map reads rescales by itself
("lazy" rescaling, as in EVA: Dathathri et al., PLDI 2020, by roles instead of a waterline for each operation).
Sharing a prime leaves the weights what the value and its square do not take of it; where that is too coarse, an
"eager" plan lets the map before a product rescale as well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ppc.ir.module import Op
from ppc.targets.he.graph import Kind, polynomial_levels

Role = Literal["linear", "product", "polynomial", "exit"]
ROLES: dict[Kind, Role] = {
    "linear": "linear",
    "square": "product",
    "mul": "product",
    "polynomial": "polynomial",
    "leave": "exit",
}


class Leveled(Protocol):
    """What level planning needs of a step."""

    @property
    def kind(self) -> Kind: ...
    @property
    def op(self) -> Op: ...
    @property
    def operands(self) -> tuple[str, ...]: ...
    @property
    def result(self) -> str: ...


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """`of`: the level at which each value is produced; `run`: the level at which step i reads its operands.

    `roles`: what each value is read as, through sums and views; `rescaled`: results of linear maps that rescale.
    """

    of: dict[str, int]
    run: tuple[int, ...]
    roles: dict[str, frozenset[Role]]
    rescaled: frozenset[str]

    @property
    def top(self) -> int:
        return max(self.of.values(), default=0)

    def after(self, step: Leveled, level: int) -> int:
        """The level of the result of a step that runs at `level`."""
        return level - _consumed(step, self.rescaled)


def plan_levels(steps: Sequence[Leveled], exit_level: Callable[[Op], int], eager: bool = False) -> LevelPlan:
    """Backward over the steps: a value is produced at the highest level that a consumer reads it at.

    `exit_level(op)`: the level at which a value leaves by this step; `eager`: maps before products rescale.
    """
    roles = _roles(steps)
    readers: set[Role] = {"linear", "product"} if eager else {"linear"}
    rescaled = frozenset(s.result for s in steps if s.kind == "linear" and readers & roles[s.result])
    of: dict[str, int] = {}
    run = [0] * len(steps)
    for i in reversed(range(len(steps))):
        step = steps[i]
        if step.kind == "leave":
            run[i] = exit_level(step.op)
        else:
            run[i] = of.setdefault(step.result, 0) + _consumed(step, rescaled)
        for name in step.operands:
            of[name] = max(of.get(name, 0), run[i])
    return LevelPlan(of, tuple(run), roles, rescaled)


def relinearised(levels: Iterable[tuple[str, int, int]]) -> tuple[int, ...]:
    """Levels at which relinearisation happens: (kind, level in, level out) of each product and polynomial."""
    found: set[int] = set()
    for kind, start, end in levels:
        found |= set(range(end + 1, start + 1)) if kind == "polynomial" else {start}
    return tuple(sorted(found))


def _roles(steps: Sequence[Leveled]) -> dict[str, frozenset[Role]]:
    found: dict[str, frozenset[Role]] = {s.result: frozenset() for s in steps if s.kind != "leave"}
    for step in reversed(steps):
        role = ROLES.get(step.kind)
        mine = found[step.result] if role is None else frozenset((role,))
        for name in step.operands:
            found[name] |= mine
    return found


def _consumed(step: Leveled, rescaled: frozenset[str]) -> int:
    if step.kind == "linear":
        return int(step.result in rescaled)
    if step.kind == "polynomial":
        return polynomial_levels(step.op)
    return int(step.kind in ("square", "mul"))
