"""Prices of the work of MPC gates: steps of the engine at both parties, and a fit of what a unit must take.

Client and server are two processes over TLS, as in a run, after the dealer has made their material. A step's time is
what passes until the client has its result: computation, messages and waiting for each other. How many units a step
has is what the cost model counts for it (`ppc.targets.mpc.rules.count`): the prices are the non-negative ones that come
nearest to all steps, relatively.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from ppc.compiler.measure.processes import joined, server_process
from ppc.compiler.measure.stopwatch import Stopwatch, Timing
from ppc.ir.label import PUBLIC
from ppc.ir.module import Constant, Module, Op, Stage
from ppc.ir.module import Value as Typed
from ppc.ir.types import TensorType
from ppc.runtime.mpc.deal import deal, receive_material
from ppc.runtime.mpc.ring import encode
from ppc.runtime.mpc.state import setup, supply_of
from ppc.runtime.mpc.steps import run_alone
from ppc.runtime.net.channel import Channel
from ppc.runtime.net.connect import close_all
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight
from ppc.targets.mpc.rules import count

#: Smallest price of a unit: below, the fit only says that it is nothing beside the others.
LEAST = 1e-11

#: Elements of a step: few, for what a call and a round take, and many, for an element.
SIZES = (84, 10_000)


@dataclass(frozen=True)
class Case:
    """A step to measure: operands are shapes of values, or of weights where the name begins with @."""

    op: str
    operands: Mapping[str, tuple[int, ...]]
    out: tuple[int, ...]
    attrs: Mapping[str, Any]

    @property
    def counted(self) -> tuple[Op, Module]:
        """The same for the cost model."""
        types = {name: TensorType("f32", shape) for name, shape in self.operands.items()}
        values = {n: Typed(t) for n, t in types.items() if not n.startswith("@")}
        constants = {n: Constant(t, PUBLIC, "") for n, t in types.items() if n.startswith("@")}
        node = Op(self.op, tuple(self.operands), ("y",), self.attrs)
        values["y"] = Typed(TensorType("f32", self.out))
        return node, Module("calibration", Stage.LABELLED, (), ("y",), (node,), values, constants)


def cases(n: int) -> list[Case]:
    """Steps that differ in the units they are made of, on about n elements. A unit of work needs one that has it."""
    x, rows, side = (n,), (max(8, n // 16),), max(8, int(n**0.5))
    pool = {"kernel_shape": (2, 2), "strides": (2, 2)}
    image = (1, 4, side, side)
    pooled = (1, 4, side // 2, side // 2)
    return [
        Case("Add", {"x": x, "z": x}, x, {}),
        Case("Mul", {"x": x, "z": x}, x, {}),
        Case("Mul", {"x": x, "@w": x}, x, {}),
        Case("MatMul", {"x": (side, side), "@w": (side, 4 * side)}, (side, 4 * side), {}),
        Case("MatMul", {"x": (side, side), "z": (side, side)}, (side, side), {}),
        Case("ReduceMean", {"x": (n, 4)}, x, {"axes": (1,), "keepdims": 0}),
        Case("Relu", {"x": x}, x, {}),
        Case("Clip", {"x": x}, x, {"min": 0.0, "max": 6.0}),
        Case("Relu", {"x": rows}, rows, {"tables": "dcf"}),
        Case("Sign", {"x": rows}, rows, {"tables": "dcf"}),
        Case("MaxPool", {"x": image}, pooled, pool),
        Case("Sigmoid", {"x": x}, x, {}),
        Case("Exp", {"x": x}, x, {}),
        Case("Sqrt", {"x": rows}, rows, {}),  # tens of signs each, as norms take of rows
    ]


def measure(watch: Stopwatch) -> dict[str, float]:
    """Seconds of each unit of work and of a round on loopback."""
    steps = [case for n in SIZES for case in cases(n)]
    found = run(steps, watch)
    counted = [count(*case.counted) for case in steps]
    units = sorted({unit for c in counted for unit in c.work} | {"round"})
    table = np.array([[c.rounds if unit == "round" else c.work.get(unit, 0.0) for unit in units] for c in counted])
    return dict(zip(units, fitted(table, np.array(found)).tolist(), strict=True))


def fitted(table: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prices >= LEAST with table @ prices near `seconds`, each row in proportion to its own seconds."""
    rows = table / seconds[:, None]
    scale = np.maximum(np.abs(rows).max(0), 1e-300)  # columns of like size: elements come in thousands, calls do not
    solution = lsq_linear(rows / scale, np.ones(len(seconds)), bounds=(LEAST * scale, np.inf))
    prices: NDArray[np.float64] = np.maximum(solution.x / scale, LEAST)
    return prices


def run(steps: Sequence[Case], watch: Stopwatch) -> list[float]:
    """Seconds of each step: the median over passes."""
    passes = 2 * watch.least + 1
    with server_process(__name__, ("client", "server", "dealer"), str(passes)) as join, ThreadPoolExecutor(1) as beside:
        dealing = beside.submit(lambda: _deal(_session("dealer", join("dealer"), steps), steps, passes))
        session = _session("client", join("client"), steps)
        receive_material(session, passes)
        dealing.result()
        spent = np.array(_passes(session, steps, passes))[1:]  # the first pass warms up
        close_all(session.channels)
    for i, case in enumerate(steps):
        watch.timings[f"mpc.{case.op}.{i}"] = Timing.of([(t, t) for t in spent[:, i].tolist()])
    return [median(column) for column in spent.T.tolist()]


def _session(role: str, channels: dict[str, Channel], steps: Sequence[Case]) -> Session:
    """Of a plan of these steps, ready for its material."""
    weights = {
        f"{name}{i}": np.full(shape, 0.01)
        for i, case in enumerate(steps, 1)
        for name, shape in case.operands.items()
        if name.startswith("@")
    }
    manifest = {
        "weights": {name: {"shape": list(w.shape)} for name, w in weights.items()},
        "steps": [{"id": i, "step": f"mpc.{case.op}"} for i, case in enumerate(steps, 1)],
    }
    session = Session(role, manifest, channels)
    if role == "server":
        session.weights = dict(weights)
    setup(session)
    return session


def _deal(session: Session, steps: Sequence[Case], passes: int) -> None:
    deal(session, lambda dealer: _program(dealer, steps), passes)
    close_all(session.channels)


def main(arguments: Sequence[str]) -> int:
    """The server's process."""
    channels, (passes,) = joined(arguments)
    steps = [case for n in SIZES for case in cases(n)]
    session = _session("server", channels, steps)
    receive_material(session, int(passes))
    _passes(session, steps, int(passes))
    close_all(channels)
    return 0


def _passes(session: Session, steps: Sequence[Case], passes: int) -> list[list[float]]:
    found = []
    for run in range(passes):
        supply_of(session).prepare(run)  # material is expanded ahead of a pass: it is no part of a step's time
        found.append(_program(session, steps, run))
    return found


def _program(session: Session, steps: Sequence[Case], run: int | None = None) -> list[float]:
    """All steps of one pass; the seconds of each. At the dealer `deal` counts the passes."""
    session.run = session.run if run is None else run
    found = []
    for i, case in enumerate(steps, 1):
        step = Step(i, f"mpc.{case.op}", case.op, "calibration", case.out, "f32", case.attrs, session.run)
        operands = [_operand(session, i, name, shape) for name, shape in case.operands.items()]
        start = time.perf_counter()
        run_alone(session, step, *operands)
        found.append(time.perf_counter() - start)
    return found


def _operand(session: Session, step: int, name: str, shape: tuple[int, ...]) -> Value | Weight:
    if name.startswith("@"):
        key = f"{name}{step}"
        return Weight(key, shape, session.weights.get(key))
    if session.role == "dealer":
        return Value("mpc", shape)
    ones = encode(np.ones(shape)) if session.role == "client" else np.zeros(shape, np.uint64)
    return Value("mpc", shape, ones.view(np.int64))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
