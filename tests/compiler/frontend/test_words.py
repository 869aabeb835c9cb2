"""Text and words: what onnxruntime makes of them, and who may compute what."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from ppc.compiler.driver import Request, compile_model
from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.diagnostic import UserError

TEXT = onnx.TensorProto.STRING
WORDS = np.array([["the", "cat", "the", "cat", "sat"], ["a", "cat", "sat", "the", "cat"]])
COUNTS: dict[str, Any] = {
    "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 1, "ngram_counts": [0, 3],
    "ngram_indexes": [4, 0, 1, 2, 3], "pool_strings": ["the", "cat", "sat", "the", "cat", "cat", "sat"],
    "weights": [0.5, 2.0, 3.0, 0.25, 4.0],
}  # fmt: skip


def counting(make_model: Callable[..., Any], mode: str) -> onnx.ModelProto:
    node = onnx.helper.make_node("TfIdfVectorizer", ["x"], ["y"], mode=mode, **COUNTS)
    return make_model([node], {"x": (2, 5)}, ["y"], types={"x": TEXT})


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
def test_counts_of_n_grams(mode: str, make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    model = counting(make_model, mode)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": WORDS})[0]
    np.testing.assert_array_equal(evaluate(import_model(model), WORDS)[0], expected)


def test_the_client_counts_and_the_weights_stay_secret(make_model: Callable[..., Any]) -> None:
    steps = compile_model(Request(counting(make_model, "TFIDF"), targets=("mpc", "client"))).manifest["steps"]
    names = [step["step"] for step in steps]
    assert "client.TfIdfVectorizer" in names and "mpc.Mul" in names


def test_case_and_concatenation(make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    nodes = [
        onnx.helper.make_node("StringNormalizer", ["x"], ["l"], case_change_action="UPPER"),
        onnx.helper.make_node("StringConcat", ["l", "x"], ["y"]),
    ]
    model = make_model(nodes, {"x": (1, 3)}, ["y"], opset=20, types={"x": TEXT, "y": TEXT})
    assert evaluate(import_model(model), np.array([["ab", "Cd", ""]]))[0].tolist() == [["ABab", "CDCd", ""]]


def test_stopwords_change_how_many_words_there_are(make_model: Callable[..., Any]) -> None:
    node = onnx.helper.make_node("StringNormalizer", ["x"], ["y"], stopwords=["the"])
    with pytest.raises(UserError) as error:
        import_model(make_model([node], {"x": (3,)}, ["y"], types={"x": TEXT, "y": TEXT}))
    assert error.value.diagnostics[0].code == "PPC1013"


@pytest.mark.parametrize(
    "wrong",
    [
        {"ngram_counts": [0, 4]},
        {"ngram_indexes": [0, 1]},
        {"ngram_indexes": [4, 0, 1, 2, -1]},
        {"ngram_indexes": [4, 0, 1, 2, 2**40]},
        {"max_gram_length": 3},
        {"max_skip_count": 2**40},
        {"weights": [1.0]},
    ],
    ids=str,
)
def test_hostile_tables_are_refused(wrong: dict[str, Any], make_model: Callable[..., Any]) -> None:
    node = onnx.helper.make_node("TfIdfVectorizer", ["x"], ["y"], mode="TFIDF", **(COUNTS | wrong))
    with pytest.raises(UserError):
        import_model(make_model([node], {"x": (2, 5)}, ["y"], types={"x": TEXT}))
