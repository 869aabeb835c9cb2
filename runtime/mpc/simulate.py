"""What fixed point does to a value, in clear: for the simulate mode of a plan."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.ring import LARGEST
from ppc.runtime.schema import FRACTION_BITS


def quantise(array: NDArray[Any], what: str = "a value") -> NDArray[Any]:
    """Round to 2^-16; numbers that are whole already (integers, booleans) pass. PPC6010 where a value is not finite
    or not below 2^30, the limit of MPC values: their products would wrap."""
    if array.dtype.kind in "biu":
        wide = array.astype(np.float64)
        _check(wide, what)
        return array
    _check(array, what)
    rounded: NDArray[Any] = np.round(array.astype(np.float64) * 2.0**FRACTION_BITS) / 2.0**FRACTION_BITS
    return rounded


def _check(values: NDArray[Any], what: str) -> None:
    largest = float(np.max(np.abs(values), initial=0.0))
    if not largest < LARGEST:  # also where it is NaN
        raise PartyError(
            "PPC6010",
            f"{what} reaches {largest:g} in size; fixed point in MPC holds values below {LARGEST:g}",
            help="Scale the model's inputs or weights down, or let this node run in another domain.",
        )
