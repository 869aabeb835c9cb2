"""Numpy kernels: the meaning of every operator, in float64.

One table: operator name -> "module:function" (lazy, so that a party loads what its plan uses). The compiler's
reference interpreter, the clear mode, and the client, server and enclave engines all run these.
A kernel is a pure function `f(*operands, **attrs)`; an absent optional operand is None.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

KERNELS: dict[str, str] = {
    "Identity": "ppc.runtime.kernels.shape:identity",
}


@cache
def kernel(name: str) -> Any:
    """The function behind a row of `KERNELS`. Raises KeyError for an operator without one."""
    module, _, function = KERNELS[name].partition(":")
    return getattr(import_module(module), function)


def run(name: str, operands: Sequence[Array | None], attrs: Mapping[str, Any]) -> tuple[Array, ...]:
    """Run one operator; floating-point operands are widened to float64 first."""
    wide = [None if o is None else o.astype(np.float64) if o.dtype.kind == "f" else o for o in operands]
    result = kernel(name)(*wide, **attrs)
    return result if isinstance(result, tuple) else (np.asarray(result),)
