"""What the dealer makes in one go: keys, and the material of many passes that all look alike.

A `Lot` is a party's part of it: in memory (here), where the dealer is online before the run, or on disk
(`ppc.runtime.mpc.stored`), where it dealt ahead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.material import KINDS, Row
from ppc.runtime.mpc.ratchet import Ratchet
from ppc.runtime.mpc.weights import WeightForm
from ppc.runtime.net.channel import Spec

#: What the dealer computed for one pass: the arrays of each step that travel to this party.
Shipped = Mapping[int, tuple[NDArray[Any], ...]]
#: Of each step, its weights under their masks (`ppc.runtime.mpc.share_weights`).
Masked = Mapping[int, list[NDArray[np.uint64]]]

#: Bytes of the description of a step's material.
LAYOUT_LIMIT = 1 << 26


@dataclass(frozen=True, slots=True)
class Outline:
    """What the material of a pass consists of, by step: its arrays, and the weights that it masks."""

    rows: Mapping[int, list[Row]]
    forms: Mapping[int, list[WeightForm]]

    def due(self, step: int, rank: int) -> list[Spec]:
        """The arrays of a step that travel to the party of this rank."""
        return [row.shipped for row in self.rows[step] if KINDS[row.kind][rank] == "ship"]

    def to_bytes(self) -> bytes:
        return json.dumps({step: describe(self.rows[step], self.forms[step]) for step in self.rows}).encode()

    @staticmethod
    def from_bytes(blob: bytes) -> "Outline":
        """Raises PPC6003 where it is none."""
        try:
            found = {int(step): parse(j) for step, j in json.loads(blob).items()}
        except (ValueError, AttributeError):
            raise _unreadable() from None
        return Outline({s: rows for s, (rows, _) in found.items()}, {s: forms for s, (_, forms) in found.items()})


def layout_tag(step: int) -> str:
    """The message that describes a step's material."""
    return f"mpc.layout.{step}"


def describe(rows: list[Row], forms: list[WeightForm]) -> dict[str, Any]:
    return {"rows": [row.to_json() for row in rows], "weights": [form.to_json() for form in forms]}


def parse(j: Any) -> tuple[list[Row], list[WeightForm]]:
    """Judge the description of a step's material. Raises PPC6003."""
    try:
        return [Row.from_json(row) for row in j["rows"]], [WeightForm.from_json(form) for form in j["weights"]]
    except (ValueError, KeyError, TypeError):
        raise _unreadable() from None


def _unreadable() -> PartyError:
    return PartyError("PPC6003", "the dealer's description of its material cannot be read")


@dataclass(frozen=True, slots=True)
class Offer:
    """What the dealer announces: the lot's name, its passes, and this party's keys (the client has none of weights)."""

    lot: str  # 32 hexadecimal digits
    runs: int
    key: bytes = field(repr=False)
    weights_key: bytes = field(default=b"", repr=False)


class Lot(Protocol):
    """A party's part of a lot, while it is received and while it is used."""

    @property
    def outline(self) -> Outline: ...

    @property
    def weights_key(self) -> bytes: ...

    def put_weights(self, masked: Masked) -> None:
        """Keep the model owner's weights under their masks, where neither holder knows them."""
        ...

    def masked(self) -> Masked:
        """What `put_weights` was given; empty where a holder knows the weights."""
        ...

    def put(self, number: int, shipped: Shipped) -> None:
        """Keep what came for the next pass."""
        ...

    def load(self, number: int) -> tuple[bytes, Shipped]:
        """The key of a pass and what was shipped for it, once; passes before it are gone."""
        ...


class MemoryLot:
    """A lot that lasts as long as the session."""

    def __init__(self, offer: Offer, outline: Outline):
        self.outline, self.weights_key = outline, offer.weights_key
        self._keys, self._shipped, self._masked = Ratchet(offer.key), dict[int, Shipped](), dict[int, Any]()

    def __repr__(self) -> str:
        return f"MemoryLot({len(self._shipped)} passes)"

    def put_weights(self, masked: Masked) -> None:
        self._masked = dict(masked)

    def masked(self) -> Masked:
        return self._masked

    def put(self, number: int, shipped: Shipped) -> None:
        self._shipped[number] = shipped

    def load(self, number: int) -> tuple[bytes, Shipped]:
        self._keys.forward(number)
        return self._keys.derive(b"material"), self._shipped.pop(number)
