"""What the MPC target refuses, and why; the size of its costs. That costs are what the engine sends is tested with
the engine."""

from dataclasses import replace

import pytest

from ppc.ir.calibration import widened
from ppc.ir.label import PUBLIC
from ppc.ir.module import Attr, Constant, Module, Op, Stage, Value
from ppc.ir.target import LAN, WAN, HeRung
from ppc.ir.types import Domain, TensorType
from ppc.targets.mpc.ops import OPS
from ppc.targets.mpc.target import MpcTarget

TARGET, RUNG = MpcTarget(), HeRung(8192, 3)


def node(
    name: str,
    *operands: str,
    dtype: str = "f32",
    attrs: dict[str, Attr] | None = None,
    results: int = 1,
    to: str = "",
    dims: tuple[int, ...] = (1, 4, 8, 8),
) -> tuple[Op, Module]:
    kind = TensorType(dtype, dims)
    outs = tuple(f"y{i}" for i in range(results))
    op = Op(name, operands, outs, attrs or {})
    values = {v: Value(kind) for v in (*operands, *outs) if v and not v.startswith("@")}
    values |= {v: Value(TensorType(to or dtype, dims)) for v in outs}
    constants = {v: Constant(kind, PUBLIC, "") for v in operands if v.startswith("@")}
    return op, Module("m", Stage.LABELLED, (), outs, (op,), values, constants)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (node("LSTM", "x", "w", "r"), "takes a value and weights"),
        (node("LSTM", "x", "@w", "@r", "", "n"), "lengths of sequences"),
        (node("LSTM", "x", "@w", "@r", "", "", "", "", "@p"), "no peepholes"),
        (node("GRU", "x", "@w", "@r", attrs={"activations": ("Sigmoid", "Softsign")}), "usual activations"),
        (node("NonZero", "x"), "no protocol for NonZero"),
        (node("MaxPool", "x", results=2, attrs={"kernel_shape": (2, 2)}), "one result"),
        (node("Relu", "x", dtype="str"), "not on str"),
        (node("Add", "@a", "@b"), "constant"),
        (node("Conv", "x", "w"), "as weights"),
        (node("Conv", "@x", "w"), "as weights"),
        (node("Gemm", "@x", "w"), "first operand"),
        (node("LayerNormalization", "x", "g"), "as weights"),
        (node("Pow", "x", "@e"), "no protocol for Pow"),
        (node("Gather", "@t", "i", attrs={"axis": 1}), "first axis"),
        (node("Cast", "x", attrs={"to": "i64"}, to="i64"), "towards zero"),
        (node("Einsum", "x", "y", "z", attrs={"equation": "ab,bc,cd->ad"}), "two operands"),
        (node("TopK", "x", attrs={"k": 3, "axis": 0}, dims=(3000, 2)), "every pair"),
        (node("Pad", "x", attrs={"pads": (0, -1)}), "negative pads"),
    ],
)
def test_refusals_say_why(case: tuple[Op, Module], reason: str) -> None:
    refusal = TARGET.refuses(*case)
    assert refusal is not None and reason in refusal


@pytest.mark.parametrize(
    "case",
    [
        node("Relu", "x"),
        node("Conv", "x", "@w", ""),
        node("MatMul", "x", "y"),
        node("Div", "@w", "x"),
        node("Gather", "x", "@i"),
        node("Gather", "x", "i"),
        node("Cast", "x", dtype="bool", attrs={"to": "f32"}, to="f32"),
        node("Add", "x", "@w", dtype="i64"),
    ],
)
def test_what_it_takes(case: tuple[Op, Module]) -> None:
    assert TARGET.refuses(*case) is None
    assert TARGET.cost(*case, RUNG).seconds > 0
    assert TARGET.depth(*case) == 0


def test_costs_grow_with_size_and_weigh_rounds() -> None:
    relu, add = (TARGET.cost(*node(name, *args), RUNG) for name, args in (("Relu", ["x"]), ("Add", ["x", "y"])))
    assert add.rounds == add.bytes == add.offline_bytes == 0
    assert relu.rounds == 3 and relu.bytes == pytest.approx(256 * 8.125)
    assert WAN.seconds(relu) > 0.06 > 0.002 > LAN.seconds(relu)


def test_it_is_the_mpc_domain_and_documents_every_operator() -> None:
    assert TARGET.domain is Domain.MPC
    assert len(OPS) >= 69 and all(len(row.limits) > 5 for row in OPS.values())


def test_a_function_that_calibration_saw_outside_its_range_is_refused() -> None:
    op, module = node("Exp", "x")
    for range_, refused in (((-5.0, 13.0), False), ((-1.0, 14.5), False), ((-5.0, 20.0), True)):  # 10 % is margin
        refusal = TARGET.refuses(
            op, replace(module, values={**module.values, "x": Value(module.type_of("x"), range=range_)})
        )
        assert (refusal is not None and "x < 14" in refusal) == refused
    op, module = node("Sqrt", "x")
    measured = Value(module.type_of("x"), range=widened(0.0, 3.7))
    assert TARGET.refuses(op, replace(module, values={**module.values, "x": measured})) is None
