"""Convolutions, Gemm and the normalisations: padding and defaults made explicit, training forms refused."""

from collections.abc import Sequence
from math import prod

import numpy as np

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.element_types import NUMPY_OF
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import axis_of, emit, ints, plain
from ppc.ir.diagnostic import fail
from ppc.ir.module import Attr


def same_pads(size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int], lower: bool
              ) -> tuple[int, ...]:  # fmt: skip
    """SAME padding: as much as makes the result ceil(size / stride); the odd one first where `lower`."""
    total = [
        max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        for n, k, s, d in zip(size, kernel, strides, dilations, strict=True)
    ]
    begin = [(t + 1) // 2 if lower else t // 2 for t in total]
    return (*begin, *(t - b for t, b in zip(total, begin, strict=True)))


def window_attrs(node: Node, b: Builder, kernel: Sequence[int]) -> dict[str, Attr]:
    """kernel_shape, strides, dilations, pads; `auto_pad` resolved."""
    spatial = b.type_of(node.inputs[0]).shape[2:]
    if len(kernel) != len(spatial):
        raise fail("PPC1014", f"{node.op}: a kernel {tuple(kernel)} on {b.type_of(node.inputs[0])}", node=node.loc)
    ones = (1,) * len(spatial)
    strides = tuple(node.attrs.get("strides", ones))
    dilations = tuple(node.attrs.get("dilations", ones))
    pads = tuple(node.attrs.get("pads", ones * 0 + (0,) * (2 * len(spatial))))
    auto = node.attrs.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pads = same_pads(spatial, kernel, strides, dilations, auto == "SAME_LOWER")
    elif auto == "VALID":
        pads = (0,) * (2 * len(spatial))
    return {"kernel_shape": tuple(kernel), "strides": strides, "dilations": dilations, "pads": pads}


def conv(node: Node, b: Builder) -> Sequence[str]:
    kernel = b.type_of(node.inputs[1]).shape[2:]
    return emit(node, b, node.inputs, {**window_attrs(node, b, kernel), "group": node.attrs["group"]})


def col2im(node: Node, b: Builder) -> Sequence[str]:
    """Columns back to an image, what overlaps added up: a transposed convolution that puts each row of a block in its
    own place."""
    image, block = (ints(node, b, i, what) or () for i, what in ((1, "the image's shape"), (2, "the block's shape")))
    ones = (1,) * len(image)
    strides, dilations = (tuple(node.attrs.get(name, ones)) for name in ("strides", "dilations"))
    pads = tuple(node.attrs.get("pads", (0,) * (2 * len(image))))
    x = b.type_of(node.inputs[0])
    same = len({len(image), len(block), len(strides), len(dilations), len(pads) // 2}) == 1
    if not (same and image and len(x.shape) == 3 and min(*image, *block, *strides, *dilations) > 0):
        raise fail("PPC1014", f"{node.op} of {x}: image {image}, block {block}", node=node.loc)
    spans = [
        n + low + high - (d * (k - 1) + 1)
        for n, k, d, low, high in zip(image, block, dilations, pads, pads[len(image) :], strict=False)
    ]
    size = prod(block)
    counts = tuple(span // s + 1 for span, s in zip(spans, strides, strict=True))
    if min(spans) < 0 or prod(counts) != x.shape[2] or x.shape[1] % size:
        raise fail("PPC1014", f"{node.op} of {x}: image {image}, block {block}, {counts} of them", node=node.loc)
    channels = x.shape[1] // size
    rows = b.reshape(node.inputs[0], (x.shape[0], x.shape[1], *counts), node.loc, f"{node.outputs[0]}_rows")
    places = np.tile(np.eye(size).reshape(size, 1, *block), (channels, *ones, 1))
    weight = b.constant(places.astype(NUMPY_OF[x.dtype]), f"{node.outputs[0]}_places")
    attrs: dict[str, Attr] = {
        "kernel_shape": block, "strides": strides, "dilations": dilations, "pads": pads, "group": channels,
        "output_padding": tuple(span % s for span, s in zip(spans, strides, strict=True)),
    }  # fmt: skip
    return emit(node, b, (rows, weight), attrs, "ConvTranspose")


def conv_transpose(node: Node, b: Builder) -> Sequence[str]:
    """`output_shape` and `auto_pad` become pads; a result longer than the pads allow becomes output_padding."""
    size = b.type_of(node.inputs[0]).shape[2:]
    kernel = b.type_of(node.inputs[1]).shape[2:]
    ones = (1,) * len(size)
    strides, dilations = tuple(node.attrs.get("strides", ones)), tuple(node.attrs.get("dilations", ones))
    extra = tuple(node.attrs.get("output_padding", (0,) * len(size)))
    pads = tuple(node.attrs.get("pads", (0,) * (2 * len(size))))
    auto = node.attrs.get("auto_pad", "NOTSET")
    target = node.attrs.get("output_shape")
    if target is None and auto.startswith("SAME"):
        target = [n * s for n, s in zip(size, strides, strict=True)]
    if target is not None:
        target = tuple(target)[-len(size) :]
        total = [
            s * (n - 1) + e + (k - 1) * d + 1 - t
            for n, s, e, k, d, t in zip(size, strides, extra, kernel, dilations, target, strict=True)
        ]
        extra = tuple(e + max(-t, 0) for e, t in zip(extra, total, strict=True))
        total = [max(t, 0) for t in total]
        small = [t // 2 for t in total]
        large = [t - s for t, s in zip(total, small, strict=True)]
        pads = (*small, *large) if auto == "SAME_UPPER" else (*large, *small)
    elif auto == "VALID":
        pads = (0,) * (2 * len(size))
    attrs: dict[str, Attr] = {
        "kernel_shape": tuple(kernel), "strides": strides, "dilations": dilations, "pads": pads,
        "group": node.attrs["group"], "output_padding": extra,
    }  # fmt: skip
    return emit(node, b, node.inputs, attrs)


def batch_normalization(node: Node, b: Builder) -> Sequence[str]:
    if node.attrs.get("training_mode") or any(node.outputs[1:]):
        raise node.refuse("it is in training mode", "export with model.eval()")
    if not node.attrs.get("spatial", 1):
        raise node.refuse("spatial=0 (a mean for each position)", "export with opset 9 or later")
    return emit(node, b, node.inputs, {"epsilon": node.attrs["epsilon"]})


def layer_normalization(node: Node, b: Builder) -> Sequence[str]:
    if any(node.outputs[1:]):
        raise node.refuse("its mean and deviation are read", "export with model.eval()")
    return emit(node, b, node.inputs, {"axis": axis_of(node, b, -1), "epsilon": node.attrs["epsilon"]})


TABLE = {
    "BatchNormalization": batch_normalization,
    "Col2Im": col2im,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": plain,
    "LayerNormalization": layer_normalization,
}
