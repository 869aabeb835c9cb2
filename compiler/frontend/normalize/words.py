"""Text and words: what gives as many elements whatever the text is. Weights of counts become a product of their own, so
that the owner of the text counts in clear and nobody needs to show the weights."""

from collections.abc import Sequence

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import alias, emit
from ppc.ir.diagnostic import fail
from ppc.ir.module import Attr


def string_normalizer(node: Node, b: Builder) -> Sequence[str]:
    if node.attrs.get("stopwords"):
        raise fail("PPC1013", "StringNormalizer: how many words are left without stopwords depends on the data",
                   node=node.loc, help="take stopwords out before the model")  # fmt: skip
    action = node.attrs["case_change_action"]
    return alias(node, b) if action == "NONE" else emit(node, b, node.inputs, {"case_change_action": action})


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
