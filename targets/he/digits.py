"""Arithmetic on digits (extent, stride), most significant first: the material that layouts are made of."""

from math import gcd

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.layout import Digits


def power_of_two_above(n: int) -> int:
    """The smallest power of two that is at least n."""
    return 1 << max(n - 1, 0).bit_length()


def joined(digits: Digits) -> Digits:
    """Without digits of extent 1, adjacent ones joined where the strides allow."""
    out: list[tuple[int, int]] = []
    for extent, stride in digits:
        if extent == 1:
            continue
        if out and out[-1][1] == extent * stride:
            out[-1] = (out[-1][0] * extent, stride)
        else:
            out.append((extent, stride))
    return tuple(out)


def reach(digits: Digits) -> int:
    """Slots from the first address to the last, both counted."""
    return 1 + sum((extent - 1) * stride for extent, stride in digits)


def split_by_axis(digits: Digits, shape: tuple[int, ...]) -> list[Digits] | None:
    """The digits of each axis of a tensor of this shape, or None where a digit spans two axes unevenly."""
    left = list(digits)
    found: list[Digits] = []
    for axis in reversed(shape):
        mine: list[tuple[int, int]] = []
        while axis > 1:
            if not left:
                return None
            extent, stride = left.pop()
            part = gcd(axis, extent)
            if part != min(axis, extent):
                return None
            mine.append((part, stride))
            axis //= part
            if extent > part:
                left.append((extent // part, stride * part))
        found.append(tuple(reversed(mine)))
    return found[::-1]


def peeled(digits: Digits, factor: int) -> tuple[Digits, Digits] | None:
    """(digits of index // factor, digits of index % factor), or None where a digit spans both."""
    rest, low = list(digits), list[tuple[int, int]]()
    while factor > 1:
        if not rest:
            return None
        extent, stride = rest.pop()
        part = gcd(extent, factor)
        if part != min(extent, factor):
            return None
        low.append((part, stride))
        factor //= part
        if extent > part:
            rest.append((extent // part, stride * part))
    return tuple(rest), tuple(reversed(low))


def doublings(digit: tuple[int, int]) -> tuple[int, ...]:
    """Rotations whose rotate-and-adds sum over a digit of power-of-two extent: S, 2 S, 4 S, ..."""
    extent, stride = digit
    return tuple(stride << i for i in range(extent.bit_length() - 1))


def apart(places: NDArray[np.int64], size: int) -> bool:
    """True where no two of these places, all below `size`, are the same."""
    return int(np.bincount(places.reshape(-1), minlength=size).max()) <= 1
