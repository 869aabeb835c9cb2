"""`mpc.*` steps of a plan, at all three roles."""

from typing import Any

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.deal import ship
from ppc.runtime.mpc.dealer import Dealer, make_zero
from ppc.runtime.mpc.engine import Engine, Party
from ppc.runtime.mpc.protocols import STEPS, protocol
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.state import RANKS, state_of, supply_of
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight

Operand = Value | Weight | None


def run(session: Session, step: Step, *operands: Operand) -> Any:
    """Take one step; a tuple of values where the plan says that it has several results.

    PPC6003 where a value has another shape than the plan says; PPC6009 without material.
    """
    name = step.name.partition(".")[2]
    try:
        implementation = protocol(name)
    except KeyError:
        raise PartyError("PPC6006", f"this version has no MPC protocol for {name} (step {step.id})") from None
    state = state_of(session)
    arguments = [_share(o, session.role, step) if isinstance(o, Value) else o for o in operands]
    counts = state.counts_in(step.run)
    if session.role == "dealer":
        assert state.keys is not None  # `deal` sets them for each pass
        dealer = Dealer(state.keys, step.id)
        engine = Engine(dealer, None, counts)
        _results(_apply(implementation, engine, step, arguments), step)
        if name not in STEPS:
            counts[step.node] = engine.left_range
        ship(session, step.run, step.id, dealer)
        return _several([Value("mpc", shape) for shape in step.shapes])
    rank = RANKS[session.role]
    chunk = supply_of(session).open(step.run, step.id)
    peer = session.channel("client" if rank else "server")
    party = Party(rank, peer, chunk, step.tag, state.masked.get(step.id, {}), state.plain.get(step.id, {}))
    engine = Engine(None, party, counts)
    results = _results(_apply(implementation, engine, step, arguments), step)
    if name not in STEPS:
        counts[step.node] = engine.left_range
    return _several([Value("mpc", r.shape, _words(r, np.int64)) for r in results])


def _several(values: list[Value]) -> Value | tuple[Value, ...]:
    return values[0] if len(values) == 1 else tuple(values)


def _apply(implementation: Any, engine: Engine, step: Step, arguments: list[Any]) -> Ring | tuple[Ring, ...]:
    """Shapes that numpy or torch cannot combine mean that plan and operands differ; their messages name shapes only."""
    try:
        result: Ring | tuple[Ring, ...] = implementation(engine, step.attrs, *arguments)
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
    share: Ring = _words(data, np.uint64)
    return share


def _words(data: Any, dtype: Any) -> Any:
    """In one piece, as words of another type; of the same shape (numpy gives a scalar an axis)."""
    return np.ascontiguousarray(data).view(dtype).reshape(data.shape)


def _results(found: Ring | tuple[Ring, ...], step: Step) -> tuple[Ring, ...]:
    """Those that the plan asks for: an operator's further results may be left out."""
    results = (found if isinstance(found, tuple) else (found,))[: len(step.shapes)]
    shapes = tuple(r.shape for r in results)
    if shapes != step.shapes:
        raise PartyError("PPC6003", f"step {step.id} ({step.name}) gives {shapes} where the plan says {step.shapes}")
    return results
