"""Resize and Upsample of every opset: `scales` (or `sizes`, where the model gives these) for every axis."""

from collections.abc import Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import emit, floats, ints
from ppc.ir.module import Attr

_KEPT = ("mode", "nearest_mode", "coordinate_transformation_mode", "cubic_coeff_a", "exclude_outside", "antialias")


def resize(node: Node, b: Builder) -> Sequence[str]:
    shape = b.type_of(node.inputs[0]).shape
    attrs: dict[str, Attr] = {name: node.attrs[name] for name in _KEPT if name in node.attrs}
    if attrs.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise node.refuse("coordinate_transformation_mode tf_crop_and_resize")
    axes = tuple(a % len(shape) for a in node.attrs.get("axes", range(len(shape))))
    scales = _full(floats(node, b, 2, "scales"), axes, shape)
    if scales is not None:
        return emit(node, b, node.inputs[:1], {**attrs, "scales": scales}, "Resize")
    policy = node.attrs.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return emit(node, b, node.inputs[:1], {**attrs, "sizes": node.types[0].shape}, "Resize")
    sizes = ints(node, b, 3, "sizes") or ()
    attrs = {**attrs, "sizes": sizes, "axes": axes, "keep_aspect_ratio_policy": policy}
    return emit(node, b, node.inputs[:1], attrs, "Resize")


def resize_10(node: Node, b: Builder) -> Sequence[str]:
    """Upsample (7, 9) and Resize 10: asymmetric coordinates; nearest takes the floor, or the ceiling when shrinking."""
    shape = b.type_of(node.inputs[0]).shape
    scales = tuple(node.attrs["scales"]) if "scales" in node.attrs else floats(node, b, 1, "scales")
    full = _full(scales, tuple(range(len(shape))), shape) or (1.0,) * len(shape)
    if any(s < 1 for s in full) and any(s > 1 for s in full):
        raise node.refuse("it grows one axis and shrinks another", "export with opset 11 or later")
    attrs: dict[str, Attr] = {
        "mode": node.attrs["mode"],
        "nearest_mode": "ceil" if any(s < 1 for s in full) else "floor",
        "coordinate_transformation_mode": "asymmetric",
        "scales": full,
    }
    return emit(node, b, node.inputs[:1], attrs, "Resize")


def _full(scales: tuple[float, ...] | None, axes: Sequence[int], shape: Sequence[int]) -> tuple[float, ...] | None:
    """A scale for each axis; None where none is given (an empty tensor is none)."""
    if not scales:
        return None
    by_axis = dict(zip(axes, scales, strict=True))
    return tuple(by_axis.get(a, 1.0) for a in range(len(shape)))


def any_resize(node: Node, b: Builder) -> Sequence[str]:
    return resize(node, b) if node.op == "Resize" and node.opset >= 11 else resize_10(node, b)


TABLE = {"Resize": any_resize, "Upsample": any_resize}
