"""How each linear operator becomes a `LinearMap`: one row an operator, `f(op, samples) -> LinearMap`.

Adding an operator to HE is one function and one row. `Concat` has one map an operand and is the exception.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module

from ppc.ir.module import Op
from ppc.targets.he.linear_map import LinearMap
from ppc.targets.he.sample import Samples

Lowering = Callable[[Op, Samples], LinearMap]

LINEAR: dict[str, str] = {
    "Conv": "conv:conv",
    "AveragePool": "pool:average_pool",
    "GlobalAveragePool": "reduce:global_average_pool",
    "ReduceMean": "reduce:reduce_mean",
    "ReduceSum": "reduce:reduce_sum",
    "Gemm": "matmul:gemm",
    "MatMul": "matmul:matmul",
    "Add": "elementwise:add",
    "Sub": "elementwise:sub",
    "Mul": "elementwise:mul",
    "Div": "elementwise:div",
    "Neg": "elementwise:neg",
    "BatchNormalization": "elementwise:batch_normalization",
    "Pad": "movement:pad",
    "Expand": "movement:expand",
}

#: Operators that only move elements: a view of the layout where that can say it, else this map.
VIEWS: dict[str, str] = {
    "Reshape": "movement:reshape",
    "Flatten": "movement:reshape",
    "Squeeze": "movement:reshape",
    "Unsqueeze": "movement:reshape",
    "Identity": "movement:reshape",
    "Transpose": "movement:transpose",
    "Slice": "movement:slice_",
}


@cache
def lowering(name: str) -> Lowering:
    """The function of a row. Raises KeyError for an operator without one."""
    path = LINEAR.get(name) or VIEWS[name]
    file, _, function = path.partition(":")
    found: Lowering = getattr(import_module(f"ppc.targets.he.maps.{file}"), function)
    return found
