"""Where the partial sums of a linear map are made, and what sums them.

A placement gives the address of each row of the result, and digits of `parts`: a row may collect parts of itself at
its address plus any of their sums, which rotate-and-adds collect afterwards. It names most packings of the literature:
- no parts: an output slot collects its whole row ("direct");
- rows at 0..h-1 and parts of stride h all the way round: the hybrid method (Juvekar et al., GAZELLE, USENIX Security
  2018): h diagonals suffice, and the result is repeated with period h;
- rows of stride L and parts 0..L-1: inner products, each row collects by what lies at each position modulo L;
- rows in blocks of channels, parts of the blocks' stride: the same two for the channels of a convolution.

Where the source has copies, each entry of a map may take any of them. Copies of which the result can have as many are
kept instead: the map is placed once, and its vectors are repeated.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.layout import Digits, offsets
from ppc.targets.he.digits import apart, doublings, power_of_two_above, reach
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.packing import Packing

Ints = NDArray[np.int64]

#: (copy, class of entries) pairs that are compared at most; beyond that, fewer copies are looked at.
MOST_PAIRS = 1 << 20
#: Shifts that are picked one by one; a map that needs more is no candidate for a good layout.
MOST_PICKS = 384


@dataclass(frozen=True)
class Placement:
    """Addresses of a map's rows and of their parts.

    `window`: the parts are summed over the shortest window that holds them, not all the way round. `fill`: they are
    summed all the way round even where fewer sums would do, so that the result is repeated.
    """

    digits: Digits
    offset: int = 0
    parts: Digits = ()
    window: bool = False
    fill: bool = False


@dataclass(frozen=True)
class Classes:
    """Entries of a map that lie alike: from `ct_in` to `ct_out`, their input `gap` slots past their output."""

    ct_in: Ints
    ct_out: Ints
    gap: Ints  # modulo the source's period


@dataclass(frozen=True)
class Placed:
    """How each class of entries is computed: input slot `shift` past an output slot, `part` past that of its row.

    Slots and shifts are virtual. Shifts are modulo `in_period`; two that are the same modulo `modulus` lead to parts of
    the same sum. The vectors repeat with `out_period`, and within it at each offset of `tiles`.
    """

    ct_in: Ints
    ct_out: Ints
    shift: Ints
    part: Ints
    post: tuple[int, ...]
    out: Packing
    in_period: int
    modulus: int
    out_period: int
    tiles: Digits


def place(map: LinearMap, source: Packing, choice: Placement) -> Placed | None:
    """Place a map, or None where this choice does not fit it."""
    ring, period = source.ring, source.period
    target = Packing.of(choice.digits, ring, choice.offset)
    if any(extent & (extent - 1) for extent, _ in choice.parts):
        return None
    out_period = _out_period(target, choice.parts, ring, period)
    fitted = _fitted(target, choice.parts, source.loose, ring, out_period)
    if fitted is None:
        return None
    tiles, options = fitted
    found = classes(map, source, choice)
    shift = (found.gap + _options(options, len(found.gap))[:, None]) % period
    parts = list[Ints]()
    for digit in choice.parts:
        parts.append(_part(shift, digit, period))
        shift = (shift - parts[-1] * digit[1]) % period
    best, each = _fewest(found, shift, period), np.arange(len(found.gap))
    shift, parts = shift[best, each], [part[best, each] for part in parts]
    summed, offset = _Summed(out_period), choice.offset
    for part, digit in sorted(zip(parts, choice.parts, strict=True), key=lambda pair: -pair[1][1]):
        offset += summed.take(part, digit, choice)
    again = ((ring // out_period, out_period),)
    out = Packing.of(target.digits, ring, offset % summed.period, (*tiles, *summed.copies, *again), summed.clean)
    if int((out.addresses % ring).max()) + reach(out.copies) > ring or out.ciphertexts > target.ciphertexts:
        return None  # a copy would begin in one ciphertext and end in the next
    moved = np.zeros_like(shift)
    for part, (_, stride) in zip(parts, choice.parts, strict=True):
        moved += part * stride
    modulus = min(period, summed.period)
    return Placed(found.ct_in, found.ct_out, shift, moved, tuple(summed.post), out, period, modulus, out_period, tiles)


def classes(map: LinearMap, source: Packing, choice: Placement) -> Classes:
    """Entries grouped by their ciphertexts and by how far their first copies are apart."""
    key, outs = _keys(map, source, choice)
    return _named(_present(key), outs, source.period)


def _present(key: Ints) -> Ints:
    """The distinct keys, ascending; by counting where they lie close together."""
    close = int(key.max(initial=0)) < 4 * len(key)
    return np.flatnonzero(np.bincount(key)) if close else np.unique(key)


def class_of(map: LinearMap, source: Packing, choice: Placement) -> Ints:
    """The class of each entry."""
    key, _ = _keys(map, source, choice)
    return np.unique(key, return_inverse=True)[1]


def _keys(map: LinearMap, source: Packing, choice: Placement) -> tuple[Ints, int]:
    """A number for the class of each entry, and the number of output ciphertexts: sums of one term an operand."""
    ring, period = source.ring, source.period
    at, to = source.addresses, Packing.of(choice.digits, ring, choice.offset).addresses
    outs = int(to.max(initial=0)) // ring + 1
    column = at // ring * outs * (2 * period) + at % period
    row = (to // ring + 1) * (2 * period) - to % period - period
    return column[map.cols] + row[map.rows], outs


def _named(key: Ints, outs: int, period: int) -> Classes:
    cts, gap = key // (2 * period), key % period
    return Classes(cts // outs, cts % outs, gap)


def _out_period(target: Packing, parts: Digits, ring: int, period: int) -> int:
    """The period that the vectors may have: the input's, where the result fits in it."""
    if target.ciphertexts > 1:
        return ring
    around = max((extent * stride for extent, stride in parts), default=0)
    end = max(int(target.addresses.max(initial=0)) + reach(parts), around)
    return min(max(power_of_two_above(end), period), ring)


def _fitted(target: Packing, parts: Digits, loose: Digits, ring: int, out_period: int) -> tuple[Digits, Digits] | None:
    """(copies of the source that the result keeps, copies to choose from); None where parts of rows meet."""
    rows = target.addresses // ring * ring
    inside = target.addresses % ring
    size = target.ciphertexts * ring

    def places(digits: Digits) -> Ints:
        found: Ints = rows + (offsets(digits)[:, None] + inside) % out_period
        return found

    short = tuple(d for d in parts if d[0] * d[1] != out_period)
    if parts and (int(inside.max()) + reach(short) > out_period or not apart(places(parts), size)):
        return None
    tiles: Digits = ()
    end = int(inside.max(initial=0)) + reach(parts)
    for digit in sorted(loose, key=lambda d: -d[1]):
        if end + reach((*tiles, digit)) - 1 <= out_period and apart(places((*parts, *tiles, digit)), size):
            tiles = (*tiles, digit)
    return tiles, tuple(d for d in loose if d not in tiles)


def _options(options: Digits, count: int) -> Ints:
    """Offsets of the copies to choose from, as many as can be compared."""
    while options and count * len(offsets(options)) > MOST_PAIRS:
        options = options[1:]
    return offsets(options)


def _part(shift: Ints, digit: tuple[int, int], period: int) -> Ints:
    """The part that leaves shifts of a zero digit: parts of stride S leave a run of S shifts, or from E S on.

    The run has 0 in it and begins after the longest gap between shifts modulo S, so that baby and giant steps see none.
    """
    extent, stride = digit
    first = _after_gap(np.flatnonzero(np.bincount(shift.reshape(-1) % stride)), stride)
    found: Ints = (shift - (first - stride if first else 0)) % period // stride % extent
    return found


def _fewest(found: Classes, shift: Ints, period: int) -> Ints:
    """Which copy each class takes, (classes,), so that few shifts are needed; shift: (copies, classes).

    The shortest, the longest or the most useful shifts first, whichever needs the fewest.
    """
    if len(shift) == 1:
        return np.zeros(shift.shape[1], np.int64)
    key = (found.ct_in * (int(found.ct_out.max()) + 1) + found.ct_out) * period + shift
    each = np.arange(shift.shape[1])
    _, name = np.unique(key, return_inverse=True)
    name = name.reshape(key.shape)
    best, fewest = np.zeros(0, np.int64), len(each) + 1
    for choice in (np.argmin(shift, axis=0), np.argmax(shift, axis=0)):
        needed = int(np.count_nonzero(np.bincount(name[choice, each])))
        if needed < fewest:
            best, fewest = choice, needed
    greedy = _greedy(name, min(fewest, MOST_PICKS))
    return best if greedy is None else greedy


def _greedy(name: Ints, most: int) -> Ints | None:
    """Set cover: always the shift next that covers most of the classes left, among equals the smallest.

    `name`: of the shifts, (copies, classes). None where as many as `most` are needed.
    """
    total = name.shape[1]
    order = np.argsort(name.reshape(-1), kind="stable")
    left = np.bincount(name.reshape(-1))
    ends = np.cumsum(left)
    best, open_ = np.full(total, -1), total
    for picked in range(most):
        taken = int(np.argmax(left))
        if picked + -(-open_ // int(left[taken])) >= most:
            return None
        copy, each = np.divmod(order[ends[taken - 1] if taken else 0 : ends[taken]], total)
        new = best[each] < 0
        each, first = np.unique(each[new], return_index=True)
        best[each] = copy[new][first]
        left -= np.bincount(name[:, each].reshape(-1), minlength=len(left))
        open_ -= len(each)
        if not open_:
            return best
    return None


class _Summed:
    """What rotate-and-adds make of digits of parts, largest stride first."""

    def __init__(self, period: int):
        self.period = period  # the result repeats with this
        self.post: list[int] = []
        self.copies: list[tuple[int, int]] = []
        self.clean = True

    def take(self, part: Ints, digit: tuple[int, int], choice: Placement) -> int:
        """Sum over a digit. `part`: of each entry. Returns the address, within the digit, of the sum."""
        extent, stride = digit
        used = np.flatnonzero(np.bincount(part, minlength=extent))
        closes = extent * stride == self.period
        if closes and not choice.window:
            step = 1 if choice.fill else _common_step(used, extent)
            summed = (extent // step, stride * step)
            self.period = summed[1] if summed[0] > 1 else self.period
            self.copies.append(summed)
            self.post += doublings(summed)
            return int(used[0] % step) * stride
        first = _after_gap(used, extent) if closes else int(used[0])
        far = (used - first) % extent
        step = _common_step(far, extent)
        span = power_of_two_above(int(far.max()) // step + 1)
        self.post += doublings((span, stride * step))
        self.clean &= span == 1
        if not closes:  # stay among the row's own parts
            first = min(first, first % step + extent - span * step)
        return first * stride


def _after_gap(used: Ints, extent: int) -> int:
    """The first of the values, modulo `extent`, after the longest gap between two of them."""
    gaps = np.diff(np.append(used, used[0] + extent))
    return int(used[(int(np.argmax(gaps)) + 1) % len(used)])


def _common_step(values: Ints, bound: int) -> int:
    """The largest power of two, at most `bound`, that divides all differences."""
    spread = int(np.bitwise_or.reduce(np.abs(values - values[0]), initial=0)) | bound
    return spread & -spread
