"""Helpers of the HE lowering's tests: a builder of CONVERTED modules and an interpreter of he.* steps in numpy."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ppc.ir.label import Label
from ppc.ir.module import Constant, Module, Op, Stage, Value
from ppc.ir.types import Domain, TensorType
from ppc.passes.calibrate import Calibrate, seen
from ppc.runtime.layout import layout_from_attrs
from ppc.targets.he.graph import Kind
from ppc.targets.he.lower import lower_he
from ppc.targets.he.verify import verify_he

for folder in (
    Path(__file__).parents[2],
    Path(__file__).parent,
):  # tests run with importlib, which has no test packages
    sys.path.insert(0, str(folder))

Array = NDArray[np.float64]
CLIENT, SERVER = Label.secret("client"), Label.secret("server")


class Builder:
    """Writes a module at stage CONVERTED, one HE op after another; `last` is the newest value."""

    def __init__(self, shape: tuple[int, ...], batch: int = 1):
        self.batch = batch
        self.values = {"x": Value(TensorType("f32", shape), CLIENT, Domain.CLIENT)}
        self.constants: dict[str, Constant] = {}
        self.ops: list[Op] = []
        self.last = self.op("convert.client_to_he", ["x"], shape)

    def weight(self, data: Any) -> str:
        name = f"@w{len(self.constants)}"
        data = np.asarray(data, np.float64)
        self.constants[name] = Constant.of(data, TensorType("f64", data.shape), SERVER)
        return name

    def op(
        self, name: str, operands: list[str], result_shape: Any, attrs: Any = None, domain: Domain = Domain.HE
    ) -> str:
        result = f"v{len(self.ops)}"
        self.values[result] = Value(TensorType("f32", tuple(result_shape)), CLIENT.join(SERVER), domain)
        self.ops.append(Op(name, tuple(operands), (result,), attrs or {}, f"node{len(self.ops)}", domain))
        self.last = result
        return result

    def module(self, leave: str = "convert.he_to_mpc", attrs: Any = None) -> Module:
        domain = Domain.MPC if leave.endswith("mpc") else Domain.CLIENT
        self.op(leave, [self.last], self.values[self.last].type.shape, attrs, domain)
        return Module(
            "m",
            Stage.CONVERTED,
            ("x",),
            (self.last,),
            tuple(self.ops),
            self.values,
            self.constants,
            {"batch": self.batch},
        )


@dataclass(frozen=True)
class Step:
    """A step as level and scale planning see it."""

    kind: Kind
    op: Op
    operands: tuple[str, ...]
    result: str
    largest: float = 1.0
    typical: float = 1.0


#: Kinds of a line of `program` that are not a step's own kind.
LEAVES = {"share": "convert.he_to_mpc", "reveal": "reveal.he_to_client"}


def program(text: str, **largest: float) -> list[Step]:
    """Steps from lines `result = kind operand ...`; `largest` bounds values by name, all others by 1.

    `poly3 x` is a polynomial of degree 3 on [-1, 1], `wide3 x` one on [-2, 2]; `share x` and `reveal x` leave.
    """
    found = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        result, _, words = line.rpartition(" = ")
        kind, *operands = words.split()
        name, attrs = kind, {}
        if kind[:-1] in ("poly", "wide"):
            end = 1.0 if kind.startswith("poly") else 2.0
            attrs = {"coefficients": (0.5,) * (int(kind[-1]) + 1), "lo": -end, "hi": end}
            name = kind = "polynomial"
        elif kind in LEAVES:
            name, kind, result = LEAVES[kind], "leave", f"{operands[0]}.out"
        op = Op(name, tuple(operands), (result,), attrs, result, Domain.HE)
        found.append(Step(kind, op, tuple(operands), result, largest.get(result, 1.0)))
    return found


def in_clear(module: Module) -> Module:
    """A CONVERTED module as the reference interpreter takes it: its borders do nothing."""
    ops = tuple(replace(op, name="Identity", attrs={}) if "." in op.name else op for op in module.ops)
    return replace(module, stage=Stage.ASSIGNED, ops=ops)


def with_ranges(module: Module, *batches: Array) -> Module:
    """The module with the ranges that its values have on these, as the calibrate pass writes them."""
    return Calibrate(seen(in_clear(module), tuple({"x": x} for x in batches))).run(module)


def rotated(v: Array, step: int) -> Array:
    return np.roll(v, -step, axis=-1)


def run_linear(x: Array, diagonals: Array, bias: Array, attrs: Any) -> Array:
    for step in attrs.get("pre", ()):
        x = x + rotated(x, step)
    partial: dict[tuple[int, int], Any] = {}
    for t, (ct_in, ct_out, baby, giant) in enumerate(attrs["terms"]):
        key = (ct_out, giant)
        partial[key] = partial.get(key, 0.0) + rotated(x[ct_in], baby) * diagonals[t]
    out = np.zeros_like(bias)
    for (ct_out, giant), v in partial.items():
        out[ct_out] += rotated(v, giant)
    for step in attrs["post"]:
        out = out + rotated(out, step)
    return out + bias


def interpret(module: Module, x: Array) -> dict[str, Any]:
    """Run a lowered module on slot vectors. Values in HE are (ciphertexts, slots); those in clear have their shape."""
    env: dict[str, Any] = {"x": x}
    env |= {n: c.data for n, c in module.constants.items()}
    for op in module.ops:
        args = [env[o] for o in op.operands]
        name, a = op.name, op.attrs
        shape = module.values[op.results[0]].type.shape
        if name in ("convert.client_to_he", "convert.mpc_to_he"):
            r = layout_from_attrs(a).pack(args[0])
        elif name in ("convert.he_to_mpc", "reveal.he_to_client"):
            r = args[0]
            for step in a.get("sums", ()):
                r = r + rotated(r, step)
            r = layout_from_attrs(a).unpack(r, shape)
        elif name == "he.linear":
            assert len(args[1]) == len(a["terms"])
            r = run_linear(args[0], args[1], args[2], a)
        elif name == "he.polynomial":
            t = (2 * args[0] - a["lo"] - a["hi"]) / (a["hi"] - a["lo"])
            r = chebyshev.chebval(t, a["coefficients"])
        elif name in ("he.add", "he.sub", "he.mul"):
            r = {"he.add": np.add, "he.sub": np.subtract, "he.mul": np.multiply}[name](*args)
        elif name == "he.square":
            r = (-1 if a["negate"] else 1) * args[0] ** 2 + a["plus"]
        elif name in ("he.view", "he.drop", "he.upscale"):
            r = args[0]
        else:
            raise AssertionError(f"no HE step should be named {name}")
        env[op.results[0]] = r
    return env


@pytest.fixture(scope="session")
def builder() -> type[Builder]:
    return Builder


@pytest.fixture(name="program")
def program_() -> Callable[..., list[Step]]:
    return program


@pytest.fixture
def calibrated() -> Callable[..., Module]:
    return with_ranges


@pytest.fixture
def run() -> Callable[[Module, Array], dict[str, Any]]:
    return interpret


@pytest.fixture
def check() -> Callable[..., Module]:
    """check(module, x, expected): lower, verify, interpret, compare to 1e-9; gives the lowered module."""

    def compare(module: Module, x: Array, expected: Array) -> Module:
        lowered = lower_he(module)
        verify_he(lowered)
        assert not [op.name for op in lowered.ops if op.domain is Domain.HE and "." not in op.name]
        got = interpret(lowered, x)[module.outputs[0]]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)
        return lowered

    return compare
