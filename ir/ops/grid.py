"""Row of sampling at points that an operand names."""

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare
from ppc.ir.ops.rules import FLOATS, of_dtypes, one_of, text
from ppc.ir.types import TensorType
from ppc.runtime.kernels.grid import PADDINGS, TAPS


def _grid_sample(types: Types, *, mode: str, padding_mode: str, align_corners: int) -> Result:
    x, grid = types
    one_of("mode", mode, tuple(TAPS))
    one_of("padding_mode", padding_mode, PADDINGS)
    axes = len(x.shape) - 2
    if axes < 1 or len(grid.shape) != axes + 2 or grid.shape[-1] != axes or grid.shape[0] != x.shape[0] or not x.size:
        raise OpError(f"a grid {text(grid.shape)} does not point into {text(x.shape)}")
    return (TensorType(x.dtype, (*x.shape[:2], *grid.shape[1:-1])),)


GRIDSAMPLE = declare(
    "GridSample",
    Kind.INDEX,
    2,
    of_dtypes(FLOATS, _grid_sample),
    "The first operand, interpolated at the points of the second.",
    attr("mode", str, "linear"),
    attr("padding_mode", str, "zeros"),
    attr("align_corners", int, 0),
)
