"""Normalisers: ONNX node of any supported opset → ops of the IR. One row an operator; no row means "as it is"."""

from collections.abc import Callable, Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize import (
    elementwise,
    index,
    linear,
    ml,
    pool,
    quantized,
    recurrent,
    reduce,
    resize,
    softmax,
    spectral,
    views,
    words,
)
from ppc.compiler.frontend.normalize.plain import plain

#: Emits ops for a node; returns the IR name of each of its results (None or "" for one that is not there).
Normaliser = Callable[[Node, Builder], Sequence[str | None]]

#: The shape of their result is in the data.
DYNAMIC_SHAPE = frozenset({"NonZero", "Compress", "Unique", "NonMaxSuppression"})

#: Taken apart into the function that defines them where more than their first result is read.
BODY_FOR_MORE_RESULTS = frozenset({"LayerNormalization"})

NORMALISERS: dict[str, Normaliser] = {
    **elementwise.TABLE,
    **index.TABLE,
    **linear.TABLE,
    **ml.TABLE,
    **pool.TABLE,
    **quantized.TABLE,
    **recurrent.TABLE,
    **reduce.TABLE,
    **resize.TABLE,
    **softmax.TABLE,
    **spectral.TABLE,
    **views.TABLE,
    **words.TABLE,
    **dict.fromkeys(DYNAMIC_SHAPE, plain),
}


def has_normaliser(op: str) -> bool:
    return op in NORMALISERS


def normaliser(node: Node) -> Normaliser:
    return NORMALISERS.get(node.op, plain)
