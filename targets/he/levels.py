"""Levels: every step runs as low as its consumers allow, because a lower level is cheaper in everything."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Leveled(Protocol):
    """What level planning needs of a step."""

    @property
    def operands(self) -> tuple[str, ...]: ...
    @property
    def result(self) -> str: ...
    @property
    def levels(self) -> int: ...  # how many it consumes
    @property
    def exit(self) -> str: ...  # name of the conversion for one that leaves HE, else ""


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """`of`: the level at which each value is produced; `run`: the level at which step i reads its operands."""

    of: dict[str, int]
    run: tuple[int, ...]

    @property
    def top(self) -> int:
        return max(self.of.values(), default=0)


def plan_levels(steps: Sequence[Leveled], exit_level: Callable[[str], int]) -> LevelPlan:
    """Backward over the steps: a value is produced at the highest level that a consumer reads it at."""
    of: dict[str, int] = {}
    run = [0] * len(steps)
    for i in reversed(range(len(steps))):
        step = steps[i]
        level = exit_level(step.exit) if step.exit else of.setdefault(step.result, 0) + step.levels
        run[i] = level
        for name in step.operands:
            of[name] = max(of.get(name, 0), level)
    return LevelPlan(of, tuple(run))


def relinearised(levels: Iterable[tuple[str, int, int]]) -> tuple[int, ...]:
    """Levels at which relinearisation happens: (kind, level in, level out) of each product and polynomial."""
    found: set[int] = set()
    for kind, start, end in levels:
        found |= {start} if kind == "mul" else set(range(end + 1, start + 1))
    return tuple(sorted(found))
