"""What the rows of ai.onnx.ml share."""

from typing import Any

from ppc.ir.ops.declare import OpError, Result, attr
from ppc.ir.ops.rules import one_of, text
from ppc.ir.types import TensorType

NUMERIC = "f32 f64 i64 i32"


TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def samples(x: TensorType) -> tuple[int, int]:
    """(N, F); a vector is one sample."""
    if len(x.shape) not in (1, 2) or not x.shape[-1]:
        raise OpError(f"features are {text(x.shape)}, not N x F")
    return (1, x.shape[0]) if len(x.shape) == 1 else (x.shape[0], x.shape[1])


def labels_of(ints: Any, strings: Any) -> tuple[str, int]:
    """(element type, number) of the class labels."""
    if bool(ints) == bool(strings):
        raise OpError("a classifier needs its labels as integers or as strings, not both and not none")
    return ("str", len(strings)) if strings else ("i64", len(ints))


def classified(n: int, dtype: str, columns: int, transform: str) -> Result:
    one_of("post_transform", transform, TRANSFORMS)
    return (TensorType(dtype, (n,)), TensorType("f32", (n, columns)))


def need_length(what: str, values: Any, *allowed: int) -> None:
    """Raise OpError where a list has another length."""
    if len(values or ()) not in allowed:
        raise OpError(f"{what} has {len(values or ())} entries; {' or '.join(map(str, allowed))} are needed")


POST = attr("post_transform", str, "NONE")
