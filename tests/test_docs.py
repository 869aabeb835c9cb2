"""The examples in the documents: every policy in docs/policy.md compiles, and every statement has one."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from small_models import make_model

import ppc
from ppc.ir.policy import DEFAULT, Policy, ast, format_policy, parse_policy
from ppc.ir.policy.printer import FORMS

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```policy\n(.*?)^```$", (ROOT / "docs" / "policy.md").read_text(encoding="utf-8"), re.M | re.S)


def model() -> onnx.ModelProto:
    """The model that the examples are about: an image and the age of a patient, and a risk."""
    random = np.random.default_rng(3)
    shapes = {"conv1.weight": (2, 1, 3, 3), "fc1.weight": (10, 4), "fc2.weight": (4, 3)}
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["image", "conv1.weight"], ["h"], "conv1", strides=[2, 2]),
        node("Relu", ["h"], ["a"], "act1"),
        node("Flatten", ["a"], ["f"], "flat"),
        node("Concat", ["f", "age"], ["c"], "join", axis=1),
        node("MatMul", ["c", "fc1.weight"], ["d"], "fc1"),
        node("Relu", ["d"], ["e"], "act2"),
        node("MatMul", ["e", "fc2.weight"], ["s"], "fc2"),
        node("Softmax", ["s"], ["risk"], "probs", axis=1),
    ]
    weights = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return make_model(nodes, {"image": (1, 1, 5, 5), "age": (1, 2)}, ["risk"], weights)


def completed(block: str) -> Policy:
    """The statements of an example, and of the default policy those of kinds that the example leaves out."""
    given = parse_policy(block, "docs/policy.md")
    kinds = {_kind(s) for s in given.statements}
    rest = tuple(s for s in DEFAULT.statements if _kind(s) not in kinds)
    parties = set(given.roles.values())
    rest = tuple(s for s in rest if not isinstance(s, ast.Trust) or s.party in parties & set(given.roles))
    return Policy((*given.statements, *rest), "docs/policy.md")


def _kind(s: ast.Statement) -> object:
    if isinstance(s, ast.Owned):
        return s.what
    return (ast.Reveal, s.output) if isinstance(s, ast.Reveal) else type(s)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.strip().splitlines()[-1][:40])
def test_every_policy_in_the_document_compiles(block: str) -> None:
    ppc.compile(model(), completed(block))


def test_every_statement_has_an_example() -> None:
    shown = {type(s) for block in BLOCKS for s in parse_policy(block).statements}
    assert set(FORMS) - shown == set()


def test_the_examples_are_formatted() -> None:
    for block in BLOCKS:
        assert block == format_policy(block)
