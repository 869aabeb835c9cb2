"""The sign of a masked value, by one-hot digits of its mask.

c = x + r is public. The dealer cuts r into digits and XOR-shares each digit's one-hot form, so that [c_j = r_j] is a
bit of a table row and [c_j < r_j] the parity of the bits above it: both local. One round, or one a level of `fans`,
combines the digits (`fan`) and gives [c < r], hence the sign of x. A threshold t needs no second opening: x − t has
the same mask under c − t, and reads the same tables elsewhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import prod

import numpy as np

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.gates import fan
from ppc.runtime.mpc.gates.fan import Bits, Fan
from ppc.runtime.mpc.ring import Ring, Shape, word
from ppc.runtime.mpc.turn import Rounds


@dataclass(frozen=True, slots=True)
class Digits:
    """How numbers mod 2^bits are read: in digits of `digit` bits (3 to 7), combined by gates of these fan-ins."""

    bits: int
    digit: int
    fans: tuple[int, ...]

    def __post_init__(self) -> None:
        assert self.digit * self.count >= self.bits - 1, "the digits do not cover the number"

    @property
    def count(self) -> int:
        return prod(self.fans)

    @property
    def levels(self) -> list[tuple[Fan, int]]:
        """Each level's gate, and how many of them a sign takes."""
        left, found = self.count, []
        for i, fan_in in enumerate(self.fans):
            left //= fan_in
            found.append((Fan(fan_in, i == len(self.fans) - 1), left))
        return found

    @property
    def table(self) -> tuple[str, int]:
        """Element type and number of the words that hold a digit's one-hot form."""
        size = 1 << self.digit
        return fan.narrowest(size), max(1, size // 64)

    def cut(self, x: Ring) -> Iterator[tuple[slice, Ring]]:
        """The digits of all but the top bit, most significant first, (some, *shape): as many at a time as stay in the
        cache, with their places."""
        at, mask = (row.reshape(-1, *[1] * x.ndim) for row in _places(self))
        some = max(1, fan.CACHED // max(1, x.size))
        for first in range(0, self.count, some):
            part = slice(first, first + some)
            digit = x >> at[part]
            digit &= mask[part]
            yield part, digit

    def top(self, x: Ring) -> Bits:
        returned: Bits = (x >> word(self.bits - 1)).astype(np.uint8) & np.uint8(1)
        return returned


@cache
def _places(how: Digits) -> tuple[Ring, Ring]:
    """By how much a number is shifted for each digit, and the mask that is left: (count,) each."""
    at = range(how.digit * (how.count - 1), -1, -how.digit)
    left = [max(0, min(how.digit, how.bits - 1 - place)) for place in at]
    return np.array([min(place, 63) for place in at], np.uint64), np.array([(1 << n) - 1 for n in left], np.uint64)


#: What one round of combination takes, by the bits of the number: the fewest bytes of the dealer.
_LARGE = ((43, 6, (7,)), (49, 6, (8,)), (64, 7, (9,)))
#: The same in two rounds: shorter digits, and less than half of the dealer's bytes.
_SMALL = ((37, 4, (3, 3)), (49, 4, (4, 3)), (64, 4, (4, 4)))


def digits_for(bits: int, small: bool = False) -> Digits:
    """How to read numbers mod 2^bits (up to 64): with large tables, or with small ones and a round more."""
    digit, fans = next((digit, fans) for most, digit, fans in (_SMALL if small else _LARGE) if bits <= most)
    return Digits(bits, digit, fans)


def preload() -> None:
    """Make what comparisons look up online before a pass needs it."""
    for _, digit, fans in (*_LARGE, *_SMALL):
        for gate, _ in Digits(1, digit, fans).levels:
            fan.preload(gate)


def deal_digits(d: Dealer, how: Digits, r: Ring) -> None:
    """One-hot digits of r (XOR-shared) and its top bit."""
    dtype, words = how.table
    table = np.empty((how.count, words, *r.shape), dtype)
    for part, value in how.cut(r):
        bit, high = word(1) << (value & word(63)), value >> word(6)
        for i in range(words):
            table[part, i] = bit * (high == word(i)) if words > 1 else bit
    d.share_xor(table)
    d.share_bits(how.top(r))


def take_digits(p: Party, how: Digits, shape: Shape) -> tuple[Ring, Bits]:
    dtype, words = how.table
    return p.share((how.count, words, *shape), dtype), p.share(shape, "bit")


def _pick(how: Digits, table: Ring, c: Ring) -> tuple[Bits, Bits]:
    """Shares of [c_j = r_j] and [c_j < r_j] for every digit: (count, c.size) each. `table[:, 0]` has the shape of c, or
    one element in its first axis for all of c's."""
    lead = len(c)
    c, table = c.reshape(lead, -1), table.reshape(*table.shape[:3], -1)
    equal, less = np.empty((2, how.count, *c.shape), np.uint8)
    for some in fan.blocks(c.shape[1], lead):
        _pick_some(how, table[..., some], c[:, some], equal[..., some], less[..., some])
    return equal.reshape(how.count, -1), less.reshape(how.count, -1)


def _pick_some(how: Digits, table: Ring, c: Ring, equal: Bits, less: Bits) -> None:
    """The same into (count, lead, some)."""
    one = np.uint8(1)
    for part, value in how.cut(c):
        low = table[part, 0]
        if table.shape[1] > 1:
            high = value >= word(64)
            low = np.where(high, table[part, 1], low)
            value &= word(63)
        row = low >> value.astype(low.dtype, copy=False)
        at, below = equal[part], less[part]
        at[...] = row
        at &= one
        np.bitwise_count(row, out=below)  # the parity of what lies at c_j and above, or above it
        if table.shape[1] > 1:
            below += fan.parity(table[part, 1]) & ~high
        below ^= at
        below &= one


def deal_signs(d: Dealer, how: Digits, shape: Shape) -> None:
    for gate, each in how.levels:
        fan.deal(d, gate, each * prod(shape))


def signs(p: Party, how: Digits, table: Ring, top: Bits, c: Ring) -> Rounds[Bits]:
    """XOR shares of [c − r < 0 as a signed number of `how.bits`], given the digits of r: a round a level."""
    equal, less = _pick(how, table, c)
    for gate, each in how.levels:
        equal, less = (_grouped(bits, gate.fan_in, each) for bits in (equal, less))
        below, all_equal = yield from fan.online(p, gate, equal[: gate.width], less)
        equal, less = all_equal.reshape(each, -1), below.reshape(each, -1)
    sign: Bits = less.reshape(c.shape) ^ top
    return sign ^ how.top(c) if p.rank == CLIENT else sign


def _grouped(bits: Bits, fan_in: int, groups: int) -> Bits:
    """(groups · fan_in, n), neighbours together -> (fan_in, groups · n)."""
    n = bits.shape[1]
    return bits.reshape(groups, fan_in, n).transpose(1, 0, 2).reshape(fan_in, groups * n)
