"""What the report says of circuit privacy and of memory."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from small_models import make_model

import ppc
from ppc.compiler.artefacts import Compiled
from ppc.runtime.he.memory import server_memory

EXAMPLES = Path(__file__).parents[3] / "examples"
LINES = """input * secret of client
weight * {}
output * reveal to client because "it asked"
allow he
"""


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Compiled]:
    """y = (x @ a)² @ b with secret and with public weights."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["h"], name="fc1"),
        helper.make_node("Mul", ["h", "h"], ["s"], name="square"),
        helper.make_node("MatMul", ["s", "b"], ["y"], name="fc2"),
    ]
    weights = {"a": rng.normal(size=(8, 8)).astype(np.float32), "b": rng.normal(size=(8, 3)).astype(np.float32)}
    path = tmp_path_factory.mktemp("model") / "square.onnx"
    onnx.save(make_model(nodes, {"x": (1, 8)}, ["y"], weights), path)
    np.savez(path.with_suffix(".npz"), x=rng.uniform(-1, 1, (8, 1, 8)).astype(np.float32))
    data = path.with_suffix(".npz")
    owners = {"secret": "secret of server", "public": "public"}
    return {kind: ppc.compile(path, LINES.format(who), targets=("he",), calibrate=data) for kind, who in owners.items()}


def test_a_plan_that_hides_its_weights_stands_beside_the_one_that_does_not(plans: dict[str, Compiled]) -> None:
    secret, public = (plans[kind].report["he"] for kind in ("secret", "public"))
    bare = secret["without_privacy"]
    assert [way["kind"] for way in secret["privacy"]] == ["masking"]
    assert bare == {
        "degree": plans["public"].manifest["he"]["degree"],
        **{key: public[key] for key in ("server_seconds", "key_bytes", "upload_bytes")},
    }
    assert bare["upload_bytes"] < secret["upload_bytes"], "the mask takes a modulus of its own"


def test_public_weights_have_nothing_to_compare(plans: dict[str, Compiled]) -> None:
    assert plans["public"].report["he"]["without_privacy"] is None


def test_what_leaves_for_shares_has_nothing_to_compare() -> None:
    model = EXAMPLES / "models" / "lenet5_relu_maxpool_mnist.onnx"
    found = ppc.compile(model, EXAMPLES / "policies" / "he_mpc.ppc").report["he"]
    assert found["privacy"] == [] and found["without_privacy"] is None, "nothing is decrypted by the client"


def test_the_servers_memory_is_in_the_report(plans: dict[str, Compiled]) -> None:
    for plan in plans.values():
        assert plan.report["he"]["memory_bytes"] == server_memory(plan.manifest).total > 1e6
