"""Pooling: padding explicit, indices of the maxima refused."""

from collections.abc import Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.linear import window_attrs
from ppc.compiler.frontend.normalize.plain import emit


def max_pool(node: Node, b: Builder) -> Sequence[str]:
    if node.uses_output(1):
        raise node.refuse("its indices are read", "ppc has no MaxUnpool; export without return_indices")
    return emit(node, b, node.inputs, {**window_attrs(node, b, node.attrs["kernel_shape"]), "ceil_mode": _ceil(node)})


def average_pool(node: Node, b: Builder) -> Sequence[str]:
    """SAME padding never counts the padded cells twice: `count_include_pad` is as the model says."""
    attrs = {**window_attrs(node, b, node.attrs["kernel_shape"]), "ceil_mode": _ceil(node)}
    return emit(node, b, node.inputs, {**attrs, "count_include_pad": node.attrs["count_include_pad"]})


def lp_pool(node: Node, b: Builder) -> Sequence[str]:
    attrs = {**window_attrs(node, b, node.attrs["kernel_shape"]), "ceil_mode": _ceil(node)}
    return emit(node, b, node.inputs, {**attrs, "p": node.attrs["p"]})


def _ceil(node: Node) -> int:
    return int(node.attrs.get("ceil_mode", 0))


TABLE = {"AveragePool": average_pool, "LpPool": lp_pool, "MaxPool": max_pool}
