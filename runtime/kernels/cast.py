"""Change of element type."""

import numpy as np

from ppc.runtime.kernels import Array

#: Element type of the IR -> of the array that the kernels hold. All floats are float64: see the package docstring.
NUMPY: dict[str, type[np.generic]] = {
    "f16": np.float64,
    "f32": np.float64,
    "f64": np.float64,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "u64": np.uint64,
    "bool": np.bool_,
    "str": np.str_,
}


def cast(x: Array, *, to: str, saturate: int = 1) -> Array:
    """`to` is a type of the IR. Floats are cut towards zero; integers wrap; `saturate` matters to float8 alone."""
    return x.astype(NUMPY[to])
