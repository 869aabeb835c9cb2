"""`mpc.*` steps of a plan: at the two holders of shares, and at the dealer."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc import told
from ppc.runtime.mpc.deal import ship
from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Engine, Party
from ppc.runtime.mpc.lockstep import Begun, Lockstep, Operand, Part, Results, Task
from ppc.runtime.mpc.protocols import STEPS, Implementation, protocol
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.state import MpcState, state_of, supply_of
from ppc.runtime.mpc.turn import dealt
from ppc.runtime.party import Session, Step
from ppc.runtime.places import holders, is_outsourced, other_holder, rank_of
from ppc.runtime.schema import Tables
from ppc.runtime.value import Value, Weight


def run(session: Session, step: Step, *operands: Value | Weight | None) -> Any:
    """Take one step, or put it off until the last MPC step in a row, with which it then shares rounds. A tuple of
    values where the plan says that it has several results.

    PPC6003 where a value has another shape than the plan says; PPC6009 without material.
    """
    if session.role not in (*holders(session.manifest), "dealer"):
        return told.hear(session, step)
    values = _begin(session, step, operands)
    if session.role != "dealer" and step.id not in state_of(session).followed:
        settle(session)
    return values


def run_alone(session: Session, step: Step, *operands: Value | Weight | None) -> Any:
    """The same, at once."""
    values = _begin(session, step, operands)
    if session.role != "dealer":
        settle(session)
    return values


def settle(session: Session) -> None:
    """Run the steps that were put off."""
    state, peer = state_of(session), session.channel(other_holder(session.manifest, session.role))
    tasks, state.due = state.due, []
    Lockstep(peer, session.meter, [*tasks]).run()
    told.tell(session, tasks)


def _begin(session: Session, step: Step, operands: Sequence[Value | Weight | None]) -> Any:
    name = step.name.partition(".")[2]
    try:
        implementation = protocol(name)
    except KeyError:
        raise PartyError("PPC6006", f"this version has no MPC protocol for {name} (step {step.id})") from None
    state = state_of(session)
    given = [_share(o, session.role, step) if isinstance(o, Value) else o for o in operands]
    outsourced = is_outsourced(session.manifest)
    counts, values = state.counts_in(step.run), [Value("mpc", shape) for shape in step.shapes]
    if session.role == "dealer":
        _deal(session, state, implementation, step, given)
        return _several(values)

    def begin(arguments: Sequence[Operand]) -> Begun:
        task.engine = Engine(None, _party(session, state, step), counts, Tables.of(step.attrs), outsourced)
        return implementation(task.engine, step.attrs, *arguments)

    def finish(results: tuple[Ring, ...]) -> None:
        _check(results, step)
        if name not in STEPS:
            counts[step.node] = task.engine.left_range
        for i, (value, result) in enumerate(zip(values, results, strict=True)):
            if value.data == Part(task, i):  # else its last reader is in this row as well, and the value was let go
                value.data = _words(result, np.int64)

    task = Task(step, begin, given, finish, after=_told_of(state.due, step))
    for i, value in enumerate(values):
        value.data = Part(task, i)
    state.due.append(task)
    return _several(values)


def _several(values: list[Value]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _told_of(due: Sequence[Task], step: Step) -> list[Task]:
    """Steps before this one whose counts of values out of range it reads."""
    nodes = step.attrs.get("of", ())
    return [task for task in due if task.step.node in nodes] if nodes else []


def _party(session: Session, state: MpcState, step: Step) -> Party:
    rank = rank_of(session.manifest, session.role)
    assert rank is not None  # only holders of shares and the dealer take MPC steps
    chunk = supply_of(session).open(step.run, step.id)
    peer = session.channel(other_holder(session.manifest, session.role))
    return Party(rank, peer, chunk, step.tag, state.masked.get(step.id, {}), state.own.get(step.id, {}))


def _deal(
    session: Session, state: MpcState, implementation: Implementation, step: Step, arguments: Sequence[Any]
) -> None:
    assert state.keys is not None  # `deal` sets them for each pass
    dealer, counts = Dealer(state.keys, step.id), state.counts_in(step.run)
    engine = Engine(dealer, None, counts, Tables.of(step.attrs), is_outsourced(session.manifest))

    def begin(given: Sequence[Operand]) -> Results:
        made = implementation(engine, step.attrs, *given)
        return dealt(made) if isinstance(made, Generator) else made

    Task(step, begin, arguments, lambda results: _check(results, step)).start()
    if step.name.partition(".")[2] not in STEPS:
        counts[step.node] = engine.left_range
    ship(session, step.run, step.id, dealer)


def _share(value: Value, role: str, step: Step) -> Ring | Part:
    if role == "dealer":
        return make_zero(value.shape)
    data: Any = value.data
    if isinstance(data, Part):
        return data
    if value.domain != "mpc" or not isinstance(data, np.ndarray) or data.dtype != np.int64:
        raise PartyError("PPC6003", f"step {step.id} needs a share, and was given a value of domain {value.domain!r}")
    if data.shape != value.shape:
        raise PartyError("PPC6003", f"step {step.id}: a share of shape {data.shape} stands for a value {value.shape}")
    share: Ring = _words(data, np.uint64)
    return share


def _words(data: Any, dtype: Any) -> Any:
    """In one piece, as words of another type; of the same shape (numpy gives a scalar an axis)."""
    return np.ascontiguousarray(data).view(dtype).reshape(data.shape)


def _check(results: tuple[Ring, ...], step: Step) -> None:
    shapes = tuple(r.shape for r in results)
    if shapes != step.shapes:
        raise PartyError("PPC6003", f"step {step.id} ({step.name}) gives {shapes} where the plan says {step.shapes}")
