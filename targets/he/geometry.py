"""What a spatial operator's shapes say about good layouts of its result."""

from dataclasses import dataclass
from math import prod

from ppc.runtime.layout import Digits
from ppc.targets.he.digits import peeled


@dataclass(frozen=True, slots=True)
class Geometry:
    """A spatial operator as its layout sees it: one sample's shapes (n, channels, *space), and strides.

    `tiles`: it is an average over windows of the strides' extents, without padding.
    """

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    strides: tuple[int, ...]
    tiles: bool = False

    @property
    def channels(self) -> int:
        """Of the result, samples included."""
        return prod(self.out_shape[:2])

    def after(self, shape: tuple[int, ...], window: tuple[int, ...]) -> "Geometry":
        """With a pool of this window before it, over a value of this shape."""
        return Geometry(shape, self.out_shape, tuple(s * w for s, w in zip(self.strides, window, strict=True)))


def sampled(digits: Digits, stride: int, extent: int) -> tuple[Digits, Digits] | None:
    """Digits of the output along an axis, at the addresses of inputs stride * i, and the digits that this leaves free.

    So one shift serves a tap of the kernel everywhere. None where the digits do not divide so.
    """
    cut = peeled(digits, stride)
    if cut is None:
        if len(digits) != 1:
            return None
        cut = ((extent, digits[0][1] * stride),), ()
    rest, freed = cut
    low = prod(e for e, _ in rest[1:])
    if not rest:
        return ((), freed) if extent == 1 else None
    if extent % low:
        return None
    return ((extent // low, rest[0][1]), *rest[1:]), freed
