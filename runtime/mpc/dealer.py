"""The offline dealer: makes correlated randomness from shapes alone, and ships it ahead of the run.

It sees no message of the online phase, so it learns nothing unless it colludes with a computing party.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.csprng import Csprng
from ppc.runtime.mpc.material import STEP_STREAM, WEIGHT_STREAM, Row
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.weights import WeightForm

Any_ = NDArray[Any]


class PassKeys(NamedTuple):
    """What the dealer derives the randomness of one pass from: a key of each holder, and those for weights."""

    zero: bytes
    one: bytes
    weights: tuple[bytes, ...]


def step_stream(key: bytes, step: int) -> Csprng:
    """A party's stream for one step, under its key of the pass."""
    return Csprng(key, (STEP_STREAM, 0, step))


def weight_mask(key: bytes, step: int, index: int, form: WeightForm) -> Ring:
    """B of the index-th weight of a step; the dealer and the server both derive it; of two keys it is the sum."""
    return Csprng(key, (WEIGHT_STREAM, index, step)).words(form.shape)


class Dealer:
    """What a gate sees of the dealer: it draws random values and hands out halves of values computed from them."""

    def __init__(self, keys: PassKeys, step: int):
        self._weights_keys, self._step = keys.weights, step
        self._zero, self._one = step_stream(keys.zero, step), step_stream(keys.one, step)
        self.rows: list[Row] = []
        self.shipped: list[Any_] = []  # to the server
        self.told: list[Any_] = []  # to the client
        self.weights: list[WeightForm] = []

    def __repr__(self) -> str:
        return f"Dealer(step {self._step}, {len(self.rows)} arrays)"

    def _row(self, kind: str, dtype: str, shape: tuple[int, ...]) -> Row:
        self.rows.append(Row(kind, dtype, tuple(shape)))
        return self.rows[-1]

    def random(self, shape: tuple[int, ...], dtype: str = "uint64") -> Any_:
        """A uniform value, additively shared mod its word (bits: by XOR); costs no traffic."""
        row = self._row("random", dtype, shape)
        one, two = row.draw(self._zero), row.draw(self._one)
        returned: Any_ = one ^ two if dtype == "bit" else one + two
        return returned

    def random_xor(self, shape: tuple[int, ...], dtype: str) -> Any_:
        """A uniform value, XOR-shared; costs no traffic."""
        row = self._row("random", dtype, shape)
        returned: Any_ = row.draw(self._zero) ^ row.draw(self._one)
        return returned

    def client(self, shape: tuple[int, ...]) -> Ring:
        """Ring elements that the client knows whole; costs no traffic."""
        return self._row("client", "uint64", shape).draw(self._zero)

    def server(self, shape: tuple[int, ...]) -> Ring:
        """Ring elements that the server knows whole; costs no traffic."""
        return self._row("server", "uint64", shape).draw(self._one)

    def tell(self, value: Any_, dtype: str = "") -> None:
        """A computed value that both parties know whole (dtype "bit": bits, which travel packed); its bytes travel to
        both."""
        row = self._row("told", dtype or value.dtype.name, value.shape)
        self.shipped.append(row.pack(value))
        self.told.append(self.shipped[-1])

    def share(self, value: Any_) -> None:
        """Additive shares of a computed value, mod its word; its bytes travel to the server."""
        row = self._row("share", value.dtype.name, value.shape)
        half = row.draw(self._zero)
        self.shipped.append(row.pack(np.subtract(value, half, out=half)))

    def share_at(self, shape: tuple[int, ...], place: NDArray[np.intp], value: Any_) -> None:
        """The same of an array that is `value` at flat places, each named once, and zero elsewhere."""
        row = self._row("share", value.dtype.name, shape)
        half = row.draw(self._zero)
        np.negative(half, out=half)
        half.reshape(-1)[place] += value
        self.shipped.append(half)

    def share_xor(self, value: Any_) -> None:
        """XOR shares of a computed value."""
        row = self._row("share", value.dtype.name, value.shape)
        half = row.draw(self._zero)
        self.shipped.append(row.pack(np.bitwise_xor(value, half, out=half)))

    def share_bits(self, bits: Any_) -> None:
        """XOR shares of computed bits (uint8, 0 or 1); they travel packed."""
        row = self._row("share", "bit", bits.shape)
        self.shipped.append(row.pack(bits ^ row.draw(self._zero)))

    def fork(self, start: int, middle: int) -> None:
        """Rows from `start` and from `middle` on are two branches, which the parties follow side by side
        (`Engine.beside`)."""
        self.rows.insert(start, Row("fork", "bit", (middle - start, len(self.rows) - middle)))

    def weight(self, form: WeightForm) -> Ring:
        """The mask of a weight: the same in every pass of a lot, and wherever the step uses the weight."""
        if form not in self.weights:
            self.weights.append(form)
        masks = [weight_mask(key, self._step, self.weights.index(form), form) for key in self._weights_keys]
        return masks[0] if len(masks) == 1 else masks[0] + masks[1]

    def shipped_bytes(self) -> int:
        return sum(int(a.nbytes) for a in (*self.shipped, *self.told))


def make_zero(shape: tuple[int, ...]) -> Ring:
    """What a gate passes on at the dealer: a value of the right shape that holds nothing."""
    return np.zeros(shape, np.uint64)
