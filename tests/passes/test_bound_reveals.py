"""A result that depends on a polynomial under HE is revealed up to a bound; garbage is an error at who learns it."""

from pathlib import Path

import numpy as np
import pytest

import ppc
from ppc.ir.module import Module, Op, Stage, Value
from ppc.ir.types import Domain, TensorType
from ppc.passes.bound_reveals import BEYOND, BoundReveals
from ppc.runtime.errors import PartyError
from ppc.runtime.plan import Plan
from ppc.runtime.secure import run_secure

EXAMPLES = Path(__file__).parents[2] / "examples"
MODEL = EXAMPLES / "models" / "mlp_relu_breast_cancer.onnx"
MORE = "allow he, client\nerror <= 0.1"
PUBLIC = (EXAMPLES / "policies" / "he_public_weights.ppc").read_text() + "error <= 0.1\n"
SECRET = 'output * reveal to client because "its own prediction"\n' + MORE


def module(first: str, range: tuple[float, float] | None = (-3.0, 2.0), dtype: str = "f32") -> Module:
    """x -> first -> a sum -> the client."""
    ops = [
        Op(first, ("x",), ("h",), {}, "act", Domain.HE),
        Op("Add", ("h", "h"), ("y",), {}, "sum", Domain.HE),
        Op("reveal.he_to_client", ("y",), ("y_client",), {"privacy": "masking"}, "sum", Domain.HE),
        Op("client.output", ("y_client",), (), {"name": "y"}, "y", Domain.CLIENT),
    ]
    value = Value(TensorType(dtype, (1, 4)), range=range)
    values = dict.fromkeys(("x", "h", "y", "y_client"), value)
    return Module("m", Stage.CONVERTED, ("x",), ("y_client",), tuple(ops), values, {})


def bound(found: Module) -> object:
    return next(op for op in found.ops if op.name.startswith("reveal.")).attrs.get("bound")


def test_what_depends_on_a_polynomial_is_bounded() -> None:
    assert bound(BoundReveals()(module("Polynomial"))) == BEYOND * 3.0


@pytest.mark.parametrize(
    "free", [module("Square"), module("Polynomial", None), module("Polynomial", (0.0, 9.0), "i64")]
)
def test_exact_functions_unknown_ranges_and_integers_have_none(free: Module) -> None:
    assert bound(BoundReveals()(free)) is None


@pytest.mark.parametrize("policy", [PUBLIC, SECRET], ids=["public weights", "masking"])
def test_an_input_outside_the_range_is_an_error_at_the_client(policy: str, tmp_path: Path) -> None:
    path = ppc.compile(MODEL, policy, calibrate=MODEL.with_suffix(".npz")).save(tmp_path / "plan.py")
    name = Plan.load(path)[0].manifest["model"]["inputs"][0]["name"]
    x = np.load(MODEL.with_suffix(".npz"))["x"][:1].astype(np.float32)
    run_secure(path, {name: x}, timeout=60, progress=False)
    with pytest.raises(PartyError, match="PPC6010"):
        run_secure(path, {name: 30 * x}, timeout=60, progress=False)
