"""Weights under a mask: the server sends W − B once a session, or once a lot, B being a mask from the dealer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.ring import Ring, Shape, encode

#: Fractional bits of an encoded weight: more than those of a value, because weights are small.
WEIGHT_BITS = 20

Array = NDArray[np.float64]


def _plain(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    return arrays[0] * args[0]


def _transposed(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    return arrays[0].T * args[0]


def _reshaped(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    """In the shape that `args` spell out, to broadcast."""
    return arrays[0].reshape([int(n) for n in args])


def _one_hot(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    """(depth, elements): columns with a one at each index. Negative indices count from the end."""
    depth, index = int(args[0]), arrays[0].reshape(-1).astype(np.int64)
    if ((index < -depth) | (index >= depth)).any():
        raise ValueError(f"an index is outside an axis of {depth} elements")
    return np.eye(depth)[:, index]


def _inverse(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    return 1.0 / arrays[0]


def _over_deviation(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    """BatchNormalization's factor: scale / sqrt(variance + epsilon), over `rank` spatial axes."""
    epsilon, rank = args
    return (arrays[0] / np.sqrt(arrays[1] + epsilon)).reshape(-1, *[1] * int(rank))


def _limited(arrays: Sequence[Array], args: Sequence[float]) -> Array:
    """Between −limit and limit."""
    return np.clip(arrays[0], -args[0], args[0])


#: How the server makes the masked tensor from tensors of the model. Chosen by the dealer's program, run by the server.
FORMS: Mapping[str, Callable[[Sequence[Array], Sequence[float]], Array]] = {
    "plain": _plain,
    "transposed": _transposed,
    "reshaped": _reshaped,
    "one_hot": _one_hot,
    "inverse": _inverse,
    "over_deviation": _over_deviation,
    "limited": _limited,
}


@dataclass(frozen=True, slots=True)
class WeightForm:
    """A tensor that the server can compute from its weights: which, how, its shape and its fractional bits."""

    names: tuple[str, ...]
    how: str
    args: tuple[float, ...]
    shape: Shape
    bits: int = WEIGHT_BITS

    def to_json(self) -> list[Any]:
        return [list(self.names), self.how, list(self.args), list(self.shape), self.bits]

    @staticmethod
    def from_json(j: Any) -> "WeightForm":
        names, how, args, shape, bits = j if isinstance(j, list) and len(j) == 5 else (None, None, None, None, None)
        lists = isinstance(names, list) and isinstance(args, list) and isinstance(shape, list)
        if not isinstance(how, str) or how not in FORMS or not lists or type(bits) is not int or not 0 <= bits < 62:
            raise PartyError("PPC6003", "the dealer named a form of weights that this version does not know")
        numbers, sizes = tuple(map(float, args or ())), tuple(map(int, shape or ()))
        return WeightForm(tuple(map(str, names or ())), how, numbers, sizes, bits)

    def ring(self, weights: Mapping[str, Any]) -> Ring:
        """The encoded tensor, at the server."""
        missing = [name for name in self.names if weights.get(name) is None]
        if missing:
            raise PartyError("PPC6006", f"plan.server.npz has no weight {missing[0]!r}")
        try:
            value = FORMS[self.how]([np.asarray(weights[n], np.float64) for n in self.names], self.args)
            ring = encode(value, self.bits)
        except (ValueError, IndexError) as error:  # numbers of a form that does not take so many
            raise PartyError("PPC6005", f"weight {self.names[0]!r} cannot be shared: {error}") from None
        if ring.shape != self.shape:
            raise PartyError("PPC6003", f"weight {self.names[0]!r} has shape {ring.shape}, the plan says {self.shape}")
        return ring
