"""Correlated randomness in one step of one pass, as a computing party holds it: expanded, and handed out once.

The dealer's sequence of arrays in one step of one pass is a `Chunk`. Party 0 (the client) expands its half from one
256-bit seed; party 1 expands what is merely random, and receives the rest as a correction. Only what both know whole
(the corrections of `gates.dcf`) is sent to both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import Csprng

#: What a row of material is: does the client / the server expand it from its seed, or is it sent ("ship")?
#: `random`: halves of a random value; `share`: halves of a value the dealer computed; `told`: such a value whole, at
#: both; `client`, `server`: one party's own; `fork`: nothing; its shape is how many rows follow in each of two branches
#: (`Chunk.fork`).
KINDS: dict[str, tuple[str | None, str | None]] = {
    "random": ("seed", "seed"),
    "share": ("seed", "ship"),
    "told": ("ship", "ship"),
    "client": ("seed", None),
    "server": (None, "seed"),
    "fork": (None, None),
}
DTYPES = ("bit", "uint8", "uint16", "uint32", "uint64")
#: Elements of one array of material; what is announced beyond is refused before memory is allocated.
LARGEST_ROW = 1 << 33
STEP_STREAM, WEIGHT_STREAM, INPUT_STREAM = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Row:
    """One array of material: its kind, element type ("bit" travels packed) and shape."""

    kind: str
    dtype: str
    shape: tuple[int, ...]

    @staticmethod
    def from_json(j: Any) -> "Row":
        """Judge a row that came from the dealer; PPC6003 where it is none."""
        kind, dtype, shape = j if isinstance(j, list) and len(j) == 3 else (None, None, None)
        good = isinstance(shape, list) and all(isinstance(n, int) and 0 <= n < 2**40 for n in shape)
        if kind not in KINDS or dtype not in DTYPES or not good or shape is None:
            raise PartyError("PPC6003", "the dealer described its material in a way this version does not know")
        if prod(shape) > LARGEST_ROW:
            raise PartyError(
                "PPC6003", f"the dealer announced an array of {prod(shape)} elements, the limit is {LARGEST_ROW}"
            )
        return Row(kind, dtype, tuple(shape))

    def to_json(self) -> list[Any]:
        return [self.kind, self.dtype, list(self.shape)]

    @property
    def shipped(self) -> tuple[str, tuple[int, ...]]:
        """Element type and shape on the wire."""
        return ("uint8", ((prod(self.shape) + 7) // 8,)) if self.dtype == "bit" else (self.dtype, self.shape)

    def draw(self, stream: Csprng) -> NDArray[Any]:
        """This row's uniform half from a stream."""
        return stream.bits(self.shape) if self.dtype == "bit" else stream.array(self.dtype, self.shape)

    def pack(self, value: NDArray[Any]) -> NDArray[Any]:
        return np.packbits(value) if self.dtype == "bit" else np.ascontiguousarray(value)

    def unpack(self, wire: NDArray[Any]) -> NDArray[Any]:
        return np.unpackbits(wire, count=prod(self.shape)).reshape(self.shape) if self.dtype == "bit" else wire


def expand(rows: Sequence[Row], rank: int, stream: Csprng, shipped: Sequence[NDArray[Any]]) -> list[Any]:
    """This party's half of a chunk, in the order in which the dealer made it."""
    arrays: list[Any] = []
    corrections = iter(shipped)
    for row in rows:
        how = KINDS[row.kind][rank]
        arrays.append(row.draw(stream) if how == "seed" else row.unpack(next(corrections)) if how == "ship" else None)
    return arrays


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a party computes of a step's first array of material before the pass (`ppc.runtime.mpc.ahead`)."""

    row: Row  # the array as the step will ask for it; another one is refused there
    make: Callable[[NDArray[Any]], NDArray[Any]]

    def of(self, rows: Sequence[Row], arrays: Sequence[Any]) -> Any:
        """Of a step's material; None where the dealer made another first array."""
        return self.make(arrays[0]) if self.row in rows[:1] else None


class Chunk:
    """The material of one step in one pass, handed out in order. `ahead`: what was computed of it before the
    pass."""

    def __init__(self, rows: Sequence[Row], arrays: Sequence[Any], where: str, ahead: Any = None):
        self._rows, self._arrays, self._where, self._next = rows, list(arrays), where, 0
        self._ahead = ahead

    def __repr__(self) -> str:
        return f"Chunk({self._where}, {self._next} of {len(self._rows)} used)"

    def take_ahead(self) -> Any:
        """What was computed ahead, once; None where nothing is left."""
        found, self._ahead = self._ahead, None
        return found

    def take(self, kind: str, dtype: str, shape: tuple[int, ...]) -> Any:
        """The next array. PPC6009 where none is left, PPC6003 where the dealer made another one than is due."""
        if self._next >= len(self._rows):
            raise PartyError(
                "PPC6009", f"{self._where} asks for more correlated randomness than the dealer made for it"
            )
        row, array = self._rows[self._next], self._arrays[self._next]
        if (row.kind, row.dtype, row.shape) != (kind, dtype, shape):
            raise PartyError(
                "PPC6003",
                f"{self._where} needs {kind} {dtype}{shape}, the dealer made {row.kind} {row.dtype}{row.shape}",
                help="Give the dealer the same plan.py and plan.json as the other parties.",
            )
        self._arrays[self._next] = None  # once
        self._next += 1
        return array

    def fork(self) -> tuple["Chunk", "Chunk"]:
        """The next two branches, each to take its own material in its own time. PPC6003 where the dealer made none."""
        lengths = self._rows[self._next].shape if self._next < len(self._rows) else ()
        row = Row("fork", "bit", lengths)
        if len(lengths) != 2 or self._rows[self._next] != row or self._next + 1 + sum(lengths) > len(self._rows):
            raise PartyError("PPC6003", f"{self._where} takes two branches of material, the dealer made one")
        found, start = [], self._next + 1
        for length in lengths:
            end = start + length
            found.append(Chunk(self._rows[start:end], self._arrays[start:end], self._where))
            self._arrays[start:end] = [None] * length
            start = end
        self._next = start
        return found[0], found[1]
