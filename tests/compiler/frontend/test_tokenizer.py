"""Tokenizer: refused, until it is said how many words a text has at most."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from small_models import evaluate

from ppc.compiler.driver import Request, compile_model
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError
from ppc.runtime.errors import PartyError
from ppc.runtime.kernels.words import words_of

TEXTS = np.array([["The cat, the CAT; a sofa!"], [""], ["42 cat-cats_sat"]])
POOL = ["cat", "the", "sofa", "cats", "42"]


def model(**attrs: Any) -> onnx.ModelProto:
    """Counts of words times weights."""
    given = {"mark": 0, "mincharnum": 2, "pad_value": "#", "tokenexp": "[a-zA-Z0-9]+", **attrs}
    counted = {"ngram_counts": [0], "ngram_indexes": list(range(len(POOL))), "pool_strings": POOL, "mode": "TF"}
    nodes = [
        onnx.helper.make_node("Tokenizer", ["text"], ["words"], domain="com.microsoft", **given),
        onnx.helper.make_node("Flatten", ["words"], ["flat"]),
        onnx.helper.make_node(
            "TfIdfVectorizer", ["flat"], ["counts"], min_gram_length=1, max_gram_length=1, max_skip_count=0, **counted
        ),
        onnx.helper.make_node("MatMul", ["counts", "w"], ["y"]),
    ]
    weights = onnx.numpy_helper.from_array(np.arange(10, dtype=np.float32).reshape(5, 2) - 3, "w")
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [info("text", onnx.TensorProto.STRING, ["N", 1])], [info("y", 1, ["N", 2])], [weights]
    )
    rows = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    made = onnx.helper.make_model(graph, opset_imports=rows)
    made.ir_version = 8
    return made


@pytest.mark.parametrize("expression", ["[a-zA-Z]+", "[^ ;,]+", "\\w+", "[\\w-]+", "[0-9]+"])
@pytest.mark.parametrize("least", [1, 3])
def test_words_are_those_of_onnxruntime(expression: str, least: int) -> None:
    made = model(tokenexp=expression, mincharnum=least, pad_value=" ")
    expected = onnxruntime.InferenceSession(made.SerializeToString()).run(None, {"text": TEXTS})[0]
    module = import_model(made, batch=3, dims={"words:2": 9})
    np.testing.assert_array_equal(evaluate(module, TEXTS)[0], expected)


def test_the_client_splits_its_text_and_the_weights_stay_secret() -> None:
    made = compile_model(Request(model(), targets=("mpc", "client"), dims={"words:2": 9}))
    names = [step["step"] for step in made.manifest["steps"]]
    assert "client.Tokenizer" in names and "mpc.Gemm" in names


def test_without_a_bound_it_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError) as caught:
        import_model(model())
    (found,) = caught.value.diagnostics
    assert found.code == "PPC1010"
    assert "--dim" in str(found.help)


@pytest.mark.parametrize(
    ("dims", "code"), [({"words:1": 9}, "PPC1016"), ({"other:2": 9}, "PPC1016"), ({"words:2": 0}, "PPC1014")]
)
def test_a_bound_that_makes_no_sense(dims: dict[str, int], code: str) -> None:
    with pytest.raises(UserError) as caught:
        import_model(model(), dims={**dims, **({"words:2": 9} if "other:2" in dims else {})})
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    "attrs",
    [{"tokenexp": "(a+)+b"}, {"tokenexp": ""}, {"tokenexp": "[z-a]+"}, {"pad_value": "cat"}, {"mark": 1}],
    ids=str,
)
def test_forms_that_are_not_known_are_refused(attrs: dict[str, Any]) -> None:
    with pytest.raises(UserError) as caught:
        import_model(model(**attrs), dims={"words:2": 9})
    assert caught.value.diagnostics[0].code == "PPC1011"


def test_a_text_with_more_words_is_refused_with_both_numbers() -> None:
    module = import_model(model(), batch=3, dims={"words:2": 3})
    with pytest.raises(PartyError, match=r"5 words.*at most 3") as caught:
        evaluate(module, TEXTS)
    assert caught.value.code == "PPC6005"


@pytest.mark.parametrize("expression", ["(a+)+", "a+", "[a-z]*", "[a-z]+[a-z]+", "[[:alpha:]]+", "[]+", "[\\", "a|b"])
def test_only_classes_of_characters_split_text(expression: str) -> None:
    assert words_of(expression) is None
