"""What the client computes before a pass begins: its part of a product with a weight, f(a, W − B), in which a is
material and W − B was sent in the set-up.

Which products there are the plan tells: each of its steps is taken up to its first gate, on zeros.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

from ppc.runtime.mpc.engine import Engine, Gate
from ppc.runtime.mpc.gates.product import Weighted
from ppc.runtime.mpc.lockstep import Operand, Task
from ppc.runtime.mpc.material import Ahead, Row
from ppc.runtime.mpc.protocols import protocol
from ppc.runtime.mpc.ring import Ring, zeros
from ppc.runtime.mpc.state import state_of
from ppc.runtime.mpc.turn import Rounds, T, Turn, U
from ppc.runtime.party import Session, Step


class _Scout(Engine):
    """Finds the first gate of a protocol."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self.gate: Gate | None = None

    def apply(self, gate: Gate, *shares: Ring) -> Rounds[Any]:
        self.gate = gate
        yield Turn((), ())
        raise AssertionError("a scout goes no further")

    def beside(
        self, first: Callable[[Engine], Rounds[T]], second: Callable[[Engine], Rounds[U]]
    ) -> Rounds[tuple[T, U]]:
        yield from first(self)
        raise AssertionError("a scout goes no further")


def parts(session: Session) -> dict[int, Ahead]:
    """At the client, by step: its part of the product with which the step begins. PPC6003 where shapes do not fit."""
    shapes: dict[str, tuple[int, ...]] = {}
    found: dict[int, Ahead] = {}
    masked = state_of(session).masked
    for line in session.manifest["steps"]:
        operands = line.get("operands", ())
        if operands and line["id"] in masked and all(o.startswith("@") or o in shapes for o in operands if o):
            gate = _first_gate(Step.from_json(line), [_operand(session, o, shapes) for o in operands])
            weight = masked[line["id"]][0]
            if isinstance(gate, Weighted) and gate.form.shape == weight.shape:
                found[line["id"]] = Ahead(Row("client", "uint64", gate.x), partial(_product, gate, weight))
        shapes.update(zip(line.get("results", ()), map(tuple, line.get("shapes", ())), strict=False))
    return found


def _product(gate: Weighted, masked: Ring, a: Ring) -> Ring:
    return gate.f(a, masked)


def _operand(session: Session, name: str, shapes: Mapping[str, tuple[int, ...]]) -> Operand:
    if not name:
        return None
    return session.weight(name) if name.startswith("@") else zeros(shapes[name])


def _first_gate(step: Step, operands: Sequence[Operand]) -> Gate | None:
    scout = _Scout()

    def begin(given: Sequence[Operand]) -> Any:
        return protocol(step.name.removeprefix("mpc."))(scout, step.attrs, *given)

    task = Task(step, begin, operands, lambda results: None)
    task.start()
    if isinstance(task.rounds, Generator):
        task.rounds.close()
    return scout.gate
