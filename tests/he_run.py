"""A lowered HE module run as a plan would run it: on slot vectors (clear, or with simulated noise), or encrypted.

Encrypted, a client and a server run it in two threads over memory channels, with keys of their own. The input is "x".
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.ir.module import Module, Op
from ppc.runtime.convert import he as borders
from ppc.runtime.convert import he_mpc
from ppc.runtime.he import batch_simulate, batch_steps, engine, simulate, steps
from ppc.runtime.he.noise import NoiseModel
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session, Step
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Value, Weight

Array = NDArray[Any]

CONVERSIONS: dict[str, Any] = {
    "convert.client_to_he": borders.client_to_he,
    "reveal.he_to_client": borders.he_to_client,
    "convert.he_to_mpc": he_mpc.he_to_mpc,
    "convert.mpc_to_he": he_mpc.mpc_to_he,
}


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run each call in a thread of its own; the first error is raised."""
    results: list[Any] = [None] * len(calls)

    def run(i: int) -> None:
        try:
            results[i] = (True, calls[i]())
        except BaseException as e:
            results[i] = (False, e)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for good, result in results:
        if not good:
            raise result
    return [result for _, result in results]


def manifest(module: Module) -> dict[str, Any]:
    """What plan.json has of the HE parameters."""
    names = ("degree", "prime_bits", "top_level", "relin", "security_bits")
    he = {name: module.attrs[f"he.{name}"] for name in names}
    he["galois"] = {str(level): list(keys) for level, keys in module.attrs["he.galois"]}
    return {"he": he, "weights": {}, "steps": []}


def on_slots(module: Module, x: Array, *, noise: bool, seed: int = 0) -> dict[str, Value]:
    """Every value of the module: in HE as arrays of shape (ciphertexts, slots)."""
    model = NoiseModel.of(manifest(module)["he"], seed) if noise else None
    session = Session("client", manifest(module), engines={"he": simulate.SlotEngine(model)})
    return _run(session, module, x, lambda name: _named(name, simulate, batch_simulate))


@dataclass
class Encrypted:
    """What both parties hold of each value after an encrypted run."""

    module: Module
    client: Session
    server: Session
    at_client: dict[str, Value]
    at_server: dict[str, Value]

    def slots(self, name: str) -> Array:
        """A value in HE, decrypted: shape (ciphertexts, slots)."""
        held = self.client.engines["he"]
        return np.array([held.context.encoder.decode_double(held.keys.decrypt(c)) for c in self.at_server[name].data])

    def result(self, name: str) -> Array:
        """A value that left HE: the client's array, or the sum of the shares."""
        mine, other = self.at_client[name].data, self.at_server[name].data
        return np.asarray(mine) if other is None else (mine + other) / 2.0**FRACTION_BITS


def encrypted(module: Module, x: Array) -> Encrypted:
    plan = manifest(module)
    a, b = pair("client", "server", 600.0)  # large keys on a busy machine
    client, server = Session("client", plan, {"server": a}), Session("server", plan, {"client": b})
    at_once(lambda: engine.setup(client), lambda: engine.setup(server))

    def function(session: Session) -> Callable[[str], Any]:
        absent = lambda session, step, *_: Value("he", step.shape)  # noqa: E731
        mine = session.role == "server"
        return lambda name: CONVERSIONS.get(name) or (_named(name, steps, batch_steps) if mine else absent)

    values = at_once(
        lambda: _run(client, module, x, function(client)), lambda: _run(server, module, None, function(server))
    )
    return Encrypted(module, client, server, *values)


def _named(name: str, latency: Any, batch: Any) -> Any:
    """The function of a step, in the module of its packing."""
    step = name.partition(".")[2]
    return getattr(batch, step.removeprefix("batch_")) if step.startswith("batch_") else getattr(latency, step)


def _run(session: Session, module: Module, x: Array | None, function: Callable[[str], Any]) -> dict[str, Value]:
    env: dict[str, Any] = {"x": Value("client", module.values["x"].type.shape, x)}
    env |= {name: Weight(name, c.type.shape, c.data) for name, c in module.constants.items()}
    for id, op in enumerate(module.ops, start=1):
        env[op.results[0]] = function(op.name)(session, _step(module, op, id), *(env[o] for o in op.operands))
    return env


def _step(module: Module, op: Op, id: int) -> Step:
    shape = module.values[op.results[0]].type.shape
    return Step(id, op.name, op.attrs.get("source", ""), op.loc, shape, "f32", op.attrs, 0, ())
