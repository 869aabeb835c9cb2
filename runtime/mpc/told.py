"""`mpc.checked` where the party that is told holds no share: each holder sends it one of y (`gates.verdict`)."""

from collections.abc import Sequence

import numpy as np

from ppc.runtime.mpc.gates.verdict import outside
from ppc.runtime.mpc.lockstep import Task
from ppc.runtime.mpc.protocols.checked import left_range
from ppc.runtime.party import Session, Step
from ppc.runtime.places import holders
from ppc.runtime.value import Value


def tell(session: Session, tasks: Sequence[Task]) -> None:
    """At a holder of shares, after a row of steps: in the order of the plan, whatever the steps' own."""
    for task in tasks:
        if task.engine.doubt is not None:
            session.channel(str(task.step.attrs["to"])).send(_tag(task.step), task.engine.doubt)


def hear(session: Session, step: Step) -> Value:
    """At a party that holds no share. PPC6016 where it is told that a value left its range."""
    if session.role == step.attrs["to"]:
        total = np.zeros(1, np.uint64)
        for holder in holders(session.manifest):
            total = total + session.channel(holder).receive(_tag(step), ("uint64", (1,)))[0]
        if outside(total):
            raise left_range(step.attrs)
    return Value("mpc", step.shape)


def _tag(step: Step) -> str:
    return f"{step.tag}.doubt"
