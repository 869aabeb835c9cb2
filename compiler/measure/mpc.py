"""Prices of the work of MPC gates: steps of the engine at both parties, and a fit of what a unit must take.

Client and server are two threads over channels in memory, after the dealer has made their material. A step's time is
the CPU time of the slower thread, so it is computation alone, whoever waits for whom; what a message takes is
measured over TLS (`ppc.compiler.measure.link`). How many units a step has is what the cost model counts for it
(`ppc.targets.mpc.rules.count`): the prices are the non-negative ones that come nearest to all steps, relatively.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from ppc.compiler.measure.parties import Parties
from ppc.compiler.measure.stopwatch import Stopwatch, Timing
from ppc.ir.label import PUBLIC
from ppc.ir.module import Constant, Module, Op, Stage
from ppc.ir.module import Value as Typed
from ppc.ir.types import TensorType
from ppc.runtime.mpc.ring import encode
from ppc.runtime.mpc.state import supply_of
from ppc.runtime.mpc.steps import run_alone
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
        Case("MaxPool", {"x": image}, pooled, pool),
        Case("Sigmoid", {"x": x}, x, {}),
        Case("Exp", {"x": x}, x, {}),
        Case("Sqrt", {"x": rows}, rows, {}),  # tens of signs each, as norms take of rows
    ]


def measure(watch: Stopwatch, message: float) -> dict[str, float]:
    """Seconds of each unit of work and of a round. `message`: seconds of one message each way over TLS."""
    steps = [case for n in SIZES for case in cases(n)]
    found = run(steps, watch)
    counted = [count(*case.counted) for case in steps]
    units = sorted({unit for c in counted for unit in c.work} | {"round"})
    table = np.array([[c.rounds if unit == "round" else c.work.get(unit, 0.0) for unit in units] for c in counted])
    prices = fitted(table, np.array(found))
    named = dict(zip(units, prices.tolist(), strict=True))
    return {**named, "round": named["round"] + message}


def fitted(table: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prices >= LEAST with table @ prices near `seconds`, each row in proportion to its own seconds."""
    rows = table / seconds[:, None]
    scale = np.maximum(np.abs(rows).max(0), 1e-300)  # columns of like size: elements come in thousands, calls do not
    solution = lsq_linear(rows / scale, np.ones(len(seconds)), bounds=(LEAST * scale, np.inf))
    prices: NDArray[np.float64] = np.maximum(solution.x / scale, LEAST)
    return prices


def run(steps: Sequence[Case], watch: Stopwatch) -> list[float]:
    """Seconds of each step: the median over passes of the slower party's CPU time."""
    passes = 2 * watch.least
    weights = {
        f"{name}{i}": np.full(shape, 0.01)
        for i, case in enumerate(steps, 1)
        for name, shape in case.operands.items()
        if name.startswith("@")
    }
    parties = Parties([case.op for case in steps], weights)
    parties.prepare(lambda session: _program(session, steps), passes + 1)
    spent = parties.compute(lambda session: _passes(session, steps, passes + 1))
    slower = np.maximum(np.array(spent["client"]), np.array(spent["server"]))[1:]  # the first pass warms up
    for i, case in enumerate(steps):
        watch.timings[f"mpc.{case.op}.{i}"] = Timing.of([(spent, spent) for spent in slower[:, i].tolist()])
    return [median(column) for column in slower.T.tolist()]


def _passes(session: Session, steps: Sequence[Case], passes: int) -> list[list[float]]:
    found = []
    for run in range(passes):
        supply_of(session).prepare(run)  # material is expanded ahead of a pass: it is no part of a step's time
        found.append(_program(session, steps, run))
    return found


def _program(session: Session, steps: Sequence[Case], run: int | None = None) -> list[float]:
    """All steps of one pass; the CPU seconds of this thread for each. At the dealer `deal` counts the passes."""
    session.run = session.run if run is None else run
    found = []
    for i, case in enumerate(steps, 1):
        step = Step(i, f"mpc.{case.op}", case.op, "calibration", case.out, "f32", case.attrs, session.run)
        operands = [_operand(session, i, name, shape) for name, shape in case.operands.items()]
        start = time.thread_time()
        run_alone(session, step, *operands)
        found.append(time.thread_time() - start)
    return found


def _operand(session: Session, step: int, name: str, shape: tuple[int, ...]) -> Value | Weight:
    if name.startswith("@"):
        key = f"{name}{step}"
        return Weight(key, shape, session.weights.get(key))
    if session.role == "dealer":
        return Value("mpc", shape)
    ones = encode(np.ones(shape)) if session.role == "client" else np.zeros(shape, np.uint64)
    return Value("mpc", shape, ones.view(np.int64))
