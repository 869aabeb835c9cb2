"""Truncations and products (`ppc.runtime.mpc.gates.truncate`, `.product`)."""

from ppc.targets.mpc.counts.count import NOTHING, Count


def undo(bits: int, width: int = 64) -> int:
    """Bytes that undo a mask where a value is divided by 2^bits, or opened in fewer than 64 bits; a mask is shared as
    it is where neither is so."""
    return 0 if not bits and width == 64 else 8 + wrap_bytes(64 - width + bits)


def wrap_bytes(bits: int) -> int:
    """Bytes of a shared wrap bit."""
    return 2 if bits <= 16 else 4 if bits <= 32 else 8


def truncate(n: int, bits: int = 16) -> Count:
    return Count({"truncate": n}, 8 * n, 1, n * undo(bits))


def product(left: int, right: int, out: int, macs: int) -> Count:
    """Of two secrets."""
    return Count({"product": left + right, "mac": 2 * macs}, 8 * (left + right), 1, 8 * out)


def multiply(n: int, other: int | None = None) -> Count:
    """Element by element, of secrets, with its truncation."""
    return product(n, n if other is None else other, n, n) + truncate(n)


def square(n: int) -> Count:
    return Count({"product": n}, 8 * n, 1, 8 * n)


def weighted(x: int, out: int, macs: int, bits: int = 20, keep: bool = False) -> Count:
    """With a weight; truncated unless the result keeps its fractional bits. The client sends all but a bit each."""
    if keep:
        return Count({"product": x, "mac": macs}, 8 * x, 1, 8 * out)
    work = {"product": x, "truncate": out, "mac": macs}
    return Count(work, 8 * x + 8 * out, 2, out * (8 + undo(bits)))


def product_tree(n: int, out: int) -> Count:
    total, left = NOTHING, n // out
    while left > 1:
        total += multiply(left // 2 * out)
        left -= left // 2
    return total
