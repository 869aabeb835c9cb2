"""The language in which operators are declared: one `OpDef` value an operator, no subclass."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ppc.ir.label import Label, join
from ppc.ir.module import Array, Attr
from ppc.ir.types import TensorType
from ppc.runtime import kernels

ShapeRule = Callable[[Sequence[TensorType | None], Mapping[str, Attr]], tuple[TensorType, ...]]
LabelRule = Callable[[Sequence[Label]], Label]


class Kind(Enum):
    """What a cryptographic target needs to know first."""

    LINEAR = "linear"  # linear in its one non-constant operand (Conv, Gemm, AveragePool, ReduceMean, ...)
    BILINEAR = "bilinear"  # Mul, MatMul: linear where one operand is constant, else a product of secrets
    ADDITIVE = "additive"  # Add, Sub, Sum, Neg
    VIEW = "view"  # moves elements, computes nothing (Reshape, Transpose, Slice, Concat, ...)
    COMPARISON = "comparison"  # Relu, MaxPool, Clip, Less, ...: needs comparisons
    SMOOTH = "smooth"  # elementwise and approximable by a polynomial (Sigmoid, Tanh, Erf, Exp, ...)
    COMPOUND = "compound"  # Softmax, LayerNormalization, LSTM, ...
    INDEX = "index"  # Gather by secret index, ArgMax, TopK, trees
    OTHER = "other"  # only in clear


@dataclass(frozen=True, slots=True)
class AttrSpec:
    """A declared attribute: its type and default (`required=True` has none)."""

    name: str
    type: type
    default: Attr | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class OpDef:
    """Declaration of an operator with ONNX semantics after import has normalised it.

    `label` has no default on purpose: forgetting how secrets flow through an operator must be an error.
    The numpy reference is the kernel of the same name in `ppc.runtime.kernels`: what the clear and TEE
    engines run is the semantics, not a second copy of it.
    """

    name: str
    kind: Kind
    arity: tuple[int, int]  # fewest and most operands
    shape: ShapeRule
    label: LabelRule
    attrs: tuple[AttrSpec, ...] = ()
    doc: str = ""

    def run(self, operands: Sequence[Array | None], attrs: Mapping[str, Attr]) -> tuple[Array, ...]:
        """The numpy reference, in float64 for floating-point operands."""
        return kernels.run(self.name, operands, attrs)


def joins_operands(labels: Sequence[Label]) -> Label:
    """The usual label rule: a result depends on every operand."""
    return join(labels)
