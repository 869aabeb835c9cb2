"""`mpc.*` steps of a plan, at all three roles."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.deal import ship
from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Engine, Party
from ppc.runtime.mpc.lockstep import Lockstep, Operand, Task
from ppc.runtime.mpc.protocols import Implementation, protocol
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.state import RANKS, MpcState, state_of, supply_of
from ppc.runtime.mpc.turn import Rounds, dealt
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight


def run(session: Session, step: Step, *operands: Value | Weight | None) -> Value:
    """Take one step, or put it off until the last MPC step in a row, with which it then shares rounds.

    PPC6003 where a value has another shape than the plan says; PPC6009 without material.
    """
    value = _begin(session, step, operands)
    if session.role != "dealer" and step.id not in state_of(session).followed:
        settle(session)
    return value


def run_alone(session: Session, step: Step, *operands: Value | Weight | None) -> Value:
    """The same, at once."""
    value = _begin(session, step, operands)
    if session.role != "dealer":
        settle(session)
    return value


def settle(session: Session) -> None:
    """Run the steps that were put off."""
    state, peer = state_of(session), "client" if session.role == "server" else "server"
    tasks, state.due = state.due, []
    Lockstep(session.channel(peer), session.meter, tasks).run()


def _begin(session: Session, step: Step, operands: Sequence[Value | Weight | None]) -> Value:
    name = step.name.partition(".")[2]
    try:
        implementation = protocol(name)
    except KeyError:
        raise PartyError("PPC6006", f"this version has no MPC protocol for {name} (step {step.id})") from None
    state = state_of(session)
    arguments = [_share(o, session.role, step) if isinstance(o, Value) else o for o in operands]
    if session.role == "dealer":
        return _deal(session, state, implementation, step, arguments)
    value = Value("mpc", step.shape)

    def begin(given: Sequence[Operand]) -> Ring | Rounds[Ring]:
        return implementation(Engine(None, _party(session, state, step), _small(step)), step.attrs, *given)

    def finish(task: Task, result: Ring) -> None:
        _check(result.shape, step)
        if value.data is task:  # else its last reader is in this row as well, and the value was let go
            value.data = np.ascontiguousarray(result).view(np.int64)

    value.data = Task(step, begin, arguments, finish)
    state.due.append(value.data)
    return value


def _party(session: Session, state: MpcState, step: Step) -> Party:
    rank = RANKS[session.role]
    chunk = supply_of(session).open(step.run, step.id)
    peer = session.channel("client" if rank else "server")
    return Party(rank, peer, chunk, step.tag, state.masked.get(step.id, {}), state.plain.get(step.id, {}))


def _small(step: Step) -> bool:
    return step.attrs.get("tables") == "small"


def _deal(
    session: Session, state: MpcState, implementation: Implementation, step: Step, arguments: Sequence[Any]
) -> Value:
    assert state.keys is not None  # `deal` sets them for each pass
    dealer = Dealer(state.keys, step.id)

    def finish(task: Task, result: Ring) -> None:
        _check(result.shape, step)

    def begin(given: Sequence[Operand]) -> Ring:
        made = implementation(Engine(dealer, None, _small(step)), step.attrs, *given)
        return dealt(made) if isinstance(made, Generator) else made

    Task(step, begin, arguments, finish).start()
    ship(session, step.run, step.id, dealer)
    return Value("mpc", step.shape)


def _share(value: Value, role: str, step: Step) -> Ring | Task:
    if role == "dealer":
        return make_zero(value.shape)
    data: Any = value.data
    if isinstance(data, Task):
        return data
    if value.domain != "mpc" or not isinstance(data, np.ndarray) or data.dtype != np.int64:
        raise PartyError("PPC6003", f"step {step.id} needs a share, and was given a value of domain {value.domain!r}")
    if data.shape != value.shape:
        raise PartyError("PPC6003", f"step {step.id}: a share of shape {data.shape} stands for a value {value.shape}")
    return np.ascontiguousarray(data).view(np.uint64)


def _check(shape: tuple[int, ...], step: Step) -> None:
    if shape != step.shape:
        raise PartyError("PPC6003", f"step {step.id} ({step.name}) gives {shape} where the plan says {step.shape}")
