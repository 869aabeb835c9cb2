"""`mpc.*` steps of a plan, at all three roles."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Engine, Party
from ppc.runtime.mpc.protocols import protocol
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.state import RANKS, ship, state_of
from ppc.runtime.mpc.turn import Rounds, dealt, play
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight

Operand = Value | Weight | None


def run(session: Session, step: Step, *operands: Operand) -> Value:
    """Take one step. PPC6003 where a value has another shape than the plan says; PPC6009 without material."""
    name = step.name.partition(".")[2]
    try:
        implementation = protocol(name)
    except KeyError:
        raise PartyError("PPC6006", f"this version has no MPC protocol for {name} (step {step.id})") from None
    state = state_of(session)
    arguments = [_share(o, session.role, step) if isinstance(o, Value) else o for o in operands]
    if session.role == "dealer":
        dealer = Dealer(state.keys, step.run, step.id)
        _check(_apply(implementation, Engine(dealer, None), step, arguments, dealt).shape, step)
        ship(session, step.run, step.id, dealer)
        return Value("mpc", step.shape)
    rank = RANKS[session.role]
    chunk = state.material.open(step.run, step.id)
    peer = session.channel("client" if rank else "server")
    party = Party(rank, peer, chunk, step.tag, state.masked.get(step.id, {}), state.plain.get(step.id, {}))
    result = _apply(implementation, Engine(None, party), step, arguments, lambda rounds: play(rounds, peer, step.tag))
    _check(result.shape, step)
    return Value("mpc", step.shape, np.ascontiguousarray(result).view(np.int64))


def _apply(
    implementation: Any, engine: Engine, step: Step, arguments: list[Any], end: Callable[[Rounds[Ring]], Ring]
) -> Ring:
    """Shapes that numpy or torch cannot combine mean that plan and operands differ; their messages name shapes only."""
    try:
        result: Ring | Rounds[Ring] = implementation(engine, step.attrs, *arguments)
        if isinstance(result, Generator):
            result = end(result)
    except (ValueError, IndexError, RuntimeError) as error:
        shapes = ", ".join(str(a.shape) for a in arguments if a is not None)
        raise PartyError("PPC6003", f"step {step.id} ({step.name}) cannot take {shapes}: {error}") from error
    return result


def _share(value: Value, role: str, step: Step) -> Ring:
    if role == "dealer":
        return make_zero(value.shape)
    data: Any = value.data
    if value.domain != "mpc" or not isinstance(data, np.ndarray) or data.dtype != np.int64:
        raise PartyError("PPC6003", f"step {step.id} needs a share, and was given a value of domain {value.domain!r}")
    if data.shape != value.shape:
        raise PartyError("PPC6003", f"step {step.id}: a share of shape {data.shape} stands for a value {value.shape}")
    return np.ascontiguousarray(data).view(np.uint64)


def _check(shape: tuple[int, ...], step: Step) -> None:
    if shape != step.shape:
        raise PartyError("PPC6003", f"step {step.id} ({step.name}) gives {shape} where the plan says {step.shape}")
