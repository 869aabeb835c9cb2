"""Text and words: what gives as many elements whatever the text is. Weights of counts become a product of their own, so
that the owner of the text counts in clear and nobody needs to show the weights."""

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import GraphProto

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.contrib import MICROSOFT
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, emit
from ppc.ir.diagnostic import fail
from ppc.ir.module import Attr
from ppc.ir.types import TensorType
from ppc.runtime.kernels.words import words_of


def string_normalizer(node: Node, b: Builder) -> Sequence[str]:
    if node.attrs.get("stopwords"):
        raise fail("PPC1013", "StringNormalizer: how many words are left without stopwords depends on the data",
                   node=node.loc, help="take stopwords out before the model")  # fmt: skip
    action = node.attrs["case_change_action"]
    return alias(node, b) if action == "NONE" else emit(node, b, node.inputs, {"case_change_action": action})


#: By a Tokenizer's result: which axis was given, and how many words a text has at most.
Words = Mapping[str, tuple[str, int]]


def tokenizer(node: Node, b: Builder, words: Words) -> Sequence[str]:
    """onnxruntime's Tokenizer, where the user says how many words a text has at most: shorter ones are filled up."""
    x, (axis, most) = b.type_of(node.inputs[0]), words[node.outputs[0]]
    if axis != str(len(x.shape)):
        raise fail(
            "PPC1016", f"--dim {node.outputs[0]}:{axis}=...: its words lie on axis {len(x.shape)}", node=node.loc
        )
    expression, pad = str(node.attrs.get("tokenexp", "")), str(node.attrs.get("pad_value", ""))
    found = words_of(expression)
    if found is None:
        help = "a class of characters, once or more, such as [a-z]+; or split text into words before the model"
        raise node.refuse(f"words by the expression {expression[:60]!r}", help)
    if node.attrs.get("mark") or node.attrs.get("separators") or node.attrs.get("stopwords"):
        raise node.refuse("marks, separators or stopwords")
    if found.search(pad):
        raise node.refuse(f"it fills up with {pad[:20]!r}, which could be a word")
    least = int(node.attrs.get("mincharnum", 1))
    attrs: dict[str, Attr] = {"expression": expression, "pad": pad, "least": least, "most": most}
    return b.emit("Tokenizer", node.inputs[:1], (TensorType("str", (*x.shape, most)),), node.loc, node.outputs, attrs)


def split_dims(graph: GraphProto, dims: Mapping[str, int]) -> tuple[Words, dict[str, int]]:
    """Of --dim: what is said of words, as RESULT:AXIS of a Tokenizer; and the rest."""
    made = {node.output[0] for node in graph.node if is_tokenizer(node.op_type, node.domain) and node.output}
    words = {name: (axis, dims[key]) for key in dims for name, _, axis in [key.rpartition(":")] if name in made}
    return words, {key: size for key, size in dims.items() if key.rpartition(":")[0] not in words}


def is_tokenizer(name: str, domain: str) -> bool:
    return name == "Tokenizer" and domain == MICROSOFT


def tf_idf_vectorizer(node: Node, b: Builder) -> Sequence[str]:
    """Counts (mode TF); whether there are any (IDF) or how many (TFIDF) times weights."""
    pool = tuple(node.attrs.get("pool_strings") or node.attrs.get("pool_int64s") or ())
    indexes = tuple(node.attrs["ngram_indexes"])
    attrs: dict[str, Attr] = {
        "pool": pool,
        "ngram_indexes": indexes,
        **{name: int(node.attrs[name]) for name in ("min_gram_length", "max_gram_length", "max_skip_count")},
        "ngram_counts": tuple(node.attrs["ngram_counts"]),
    }
    (counts,) = emit(node, b, node.inputs, attrs)
    mode, weights = node.attrs["mode"], node.attrs.get("weights")
    if mode not in ("TF", "IDF", "TFIDF"):
        raise node.refuse(f"mode {mode!r}")
    type = b.type_of(counts)
    if mode == "IDF":
        one = b.constant(np.ones((), np.float32), f"{node.outputs[0]}_one")
        counts = b.emit("Min", (counts, one), (type,), node.loc, (f"{node.outputs[0]}_there",))[0]
    if mode == "TF" or not weights:
        return (counts,)
    if len(weights) != len(indexes):
        raise fail("PPC1014", f"TfIdfVectorizer: {len(weights)} weights of {len(indexes)} n-grams", node=node.loc)
    by_result = np.ones(type.shape[-1], np.float32)
    by_result[list(indexes)] = weights
    factor = b.constant(by_result, f"{node.outputs[0]}_weights")
    return b.emit("Mul", (counts, factor), (type,), node.loc, (node.outputs[0],))


TABLE = {"StringNormalizer": string_normalizer, "TfIdfVectorizer": tf_idf_vectorizer}
