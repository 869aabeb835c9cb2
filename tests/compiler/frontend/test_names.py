"""Names of a model are hostile text: identifiers are made from them, locations keep them verbatim."""

import re
from collections.abc import Callable

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc.compiler.frontend.limits import MAX_IDENTIFIER
from ppc.compiler.frontend.names import Names, identifier
from ppc.compiler.frontend.onnx_import import import_model

VALID = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")
HOSTILE = [
    'x"); import os #',
    "a\nb",
    "a\x1b[2Jb",
    "\u202egnp",
    "é",
    "",
    ".",
    "0",
    "@w",
    "%x",
    "x" * 10_000,
    "..",
    "a b",
]


@given(st.text())
def test_an_identifier_is_valid_whatever_the_text(text: str) -> None:
    assert VALID.match(identifier(text)) and len(identifier(text)) <= MAX_IDENTIFIER + 1


def test_long_names_keep_their_end() -> None:
    name = identifier("/encoder/" + "block/" * 30 + "MatMul_output_7")
    assert name.startswith("_encoder_block") and name.endswith("MatMul_output_7")


@given(st.lists(st.sampled_from(["a", "a_2", "a b", "a_b", "a_2_2"]), max_size=12))
def test_no_name_is_handed_out_twice(hints: list[str]) -> None:
    names = Names()
    given_out = [names.fresh(h) for h in hints]
    assert len(set(given_out)) == len(given_out)


@pytest.mark.parametrize("text", [h for h in HOSTILE if h])
def test_a_hostile_name_is_an_identifier_and_its_own_location(
    text: str, make_model: Callable[..., onnx.ModelProto]
) -> None:
    relu = onnx.helper.make_node("Relu", [text], ["out " + text], name=text)
    module = import_model(make_model([relu], {text: (1, 2)}, ["out " + text]))
    assert all(VALID.match(name) for name in module.values)
    assert module.ops[0].loc == text
    assert module.attrs["input_names"] == (text,) and module.attrs["output_names"] == ("out " + text,)


def test_names_that_collide_after_cleaning_stay_apart(make_model: Callable[..., onnx.ModelProto]) -> None:
    nodes = [
        onnx.helper.make_node("Relu", ["a b"], ["a-b"], name="n"),
        onnx.helper.make_node("Relu", ["a-b"], ["a.b/"], name="n"),
        onnx.helper.make_node("Relu", ["a.b/"], ["a_b"]),
    ]
    module = import_model(make_model(nodes, {"a b": (1, 2)}, ["a_b"]))
    assert len(module.values) == 4
    assert [op.loc for op in module.ops] == ["n", "n#2", "Relu_2"]


def test_the_producer_is_cleaned(make_model: Callable[..., onnx.ModelProto]) -> None:
    model = make_model([onnx.helper.make_node("Relu", ["x"], ["y"])], {"x": (1, 2)}, ["y"])
    model.producer_name = 'pytorch"""\nimport os'
    assert import_model(model).attrs["producer"] == "pytorch_import os" or '"' not in str(
        import_model(model).attrs["producer"]
    )
