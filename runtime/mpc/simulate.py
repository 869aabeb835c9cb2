"""What fixed point does to values and weights, in clear: for the simulate mode of a plan."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.protocols.scale import result_bits
from ppc.runtime.mpc.weights import WEIGHT_BITS
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Value, Weight

Array = NDArray[Any]
#: Draws of the simulate mode: they repeat themselves, and hide nothing.
Draws = np.random.Generator

#: Operands that are multiplied with a share, where they are weights.
FACTORS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("mpc.Conv", "mpc.ConvTranspose", "mpc.Gemm"), (1,)),
    **dict.fromkeys(("mpc.MatMul", "mpc.Mul"), (0, 1)),
    **dict.fromkeys(("mpc.LSTM", "mpc.GRU", "mpc.RNN"), (1, 2)),
    **dict.fromkeys(("mpc.LayerNormalization", "mpc.GroupNormalization", "mpc.InstanceNormalization"), (1,)),
}


def draws(*seed: int) -> Draws:
    return np.random.default_rng(seed)


def nearest(x: Array, bits: int = FRACTION_BITS) -> Array:
    """As the owner of a number encodes it."""
    rounded: Array = np.rint(np.asarray(x, np.float64) * 2.0**bits) / 2.0**bits
    return rounded


def weights(step: str, attrs: Mapping[str, Any], operands: Sequence[Value | Weight | None]) -> list[Any]:
    """The operands of an MPC step, weights that are multiplied (`runtime.mpc.weights`) as they are encoded."""
    found = list(operands)
    for index in FACTORS.get(step, ()):
        _replace(found, index, lambda w: nearest(w * attrs.get("alpha", 1.0), WEIGHT_BITS) / attrs.get("alpha", 1.0))
    if step == "mpc.Div":
        _replace(found, 1, lambda w: 1.0 / nearest(1.0 / w, WEIGHT_BITS))
    if step == "mpc.BatchNormalization" and isinstance(found[4], Weight):
        deviation = np.sqrt(np.asarray(found[4].data, np.float64) + attrs.get("epsilon", 1e-5))
        _replace(found, 1, lambda w: nearest(w / deviation, WEIGHT_BITS) * deviation)
    return found


def _replace(operands: list[Any], index: int, encoded: Callable[[Array], Array]) -> None:
    weight = operands[index] if index < len(operands) else None
    if isinstance(weight, Weight) and np.asarray(weight.data).dtype.kind == "f":
        with np.errstate(all="ignore"):
            operands[index] = replace(weight, data=encoded(np.asarray(weight.data, np.float64)))


def truncated(x: Array, attrs: Mapping[str, Any], rng: Draws) -> Array:
    """The result of a step. A truncation of shares goes up or down, each as likely as the other end is near; a product
    that keeps its bits is exact."""
    bits = result_bits(attrs)
    if bits != FRACTION_BITS:
        return nearest(x, bits)
    return np.floor(np.asarray(x, np.float64) * 2.0**bits + rng.random(np.shape(x))) / 2.0**bits
