"""Rows of linear algebra."""

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import MANY, OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import FLOATS, NUMBERS, broadcast, of_dtypes, text
from ppc.ir.types import TensorType


def matmul_dims(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """Dims of numpy's matmul: a vector counts as a row on the left, as a column on the right."""
    if not a or not b:
        raise OpError("MatMul of a scalar")
    rows, columns = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    if rows[-1] != columns[-2]:
        raise OpError(f"MatMul of {text(a)} and {text(b)}: {rows[-1]} columns meet {columns[-2]} rows")
    outer = broadcast(rows[:-2], columns[:-2])
    return outer + rows[-2:-1] * (len(a) > 1) + columns[-1:] * (len(b) > 1)


def _matmul(types: Types) -> Result:
    a, b = types
    if a.dtype != b.dtype:
        raise OpError(f"MatMul of {a} and {b}: the element types differ")
    return (TensorType(a.dtype, matmul_dims(a.shape, b.shape)),)


def _gemm(types: Types, *, alpha: float, beta: float, transA: int, transB: int) -> Result:
    a, b = types[:2]
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise OpError(f"Gemm needs matrices, not {text(a.shape)} and {text(b.shape)}")
    (m, k), (k2, n) = a.shape[:: -1 if transA else 1], b.shape[:: -1 if transB else 1]
    if k != k2:
        raise OpError(f"Gemm: {k} columns meet {k2} rows")
    if len(types) > 2 and types[2] is not None and broadcast((m, n), types[2].shape) != (m, n):
        raise OpError(f"Gemm: C is {text(types[2].shape)}, which does not broadcast to {m}x{n}")
    return (TensorType(a.dtype, (m, n)),)


def einsum_extents(equation: str, shapes: list[tuple[int, ...]]) -> tuple[str, dict[str, int]]:
    """Output indices and the extent of every index; an ellipsis becomes indices of its own.

    Raises OpError where extents clash or the equation does not fit the operands.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise OpError(f"Einsum {equation!r} has {len(terms)} terms for {len(shapes)} operands")
    dotted = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes, strict=True) if "..." in t]
    dots = "".join(chr(0x391 + i) for i in range(max(dotted, default=0)))  # Greek: never in an ONNX equation
    extents: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        spare = len(shape) - len(term.replace("...", ""))
        indices = term.replace("...", dots[len(dots) - spare :] if spare > 0 else "")
        if len(indices) != len(shape):
            raise OpError(f"Einsum {equation!r}: term {term!r} does not fit {text(shape)}")
        for index, extent in zip(indices, shape, strict=True):
            if extents.setdefault(index, extent) != extent:
                if 1 not in (extent, extents[index]):
                    raise OpError(f"Einsum {equation!r}: index {index} is both {extents[index]} and {extent}")
                extents[index] = max(extent, extents[index])
    if not arrow:
        letters = left.replace("...", "").replace(",", "")
        right = ("..." if dots else "") + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    return right.replace("...", dots), extents


def _einsum(types: Types, *, equation: str) -> Result:
    out, extents = einsum_extents(equation, [t.shape for t in types])
    return (TensorType(types[0].dtype, tuple(extents[i] for i in out)),)


def _det(types: Types) -> Result:
    (x,) = types
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise OpError(f"Det needs square matrices, not {text(x.shape)}")
    return (TensorType(x.dtype, x.shape[:-2]),)


MATMUL = declare("MatMul", Kind.BILINEAR, 2, of_dtypes(NUMBERS, _matmul), "Matrix product as numpy.matmul.")
GEMM = declare(
    "Gemm",
    Kind.BILINEAR,
    (2, 3),
    of_dtypes(NUMBERS, _gemm),
    "alpha A B + beta C, with A and B transposed on demand.",
    attr("alpha", float, 1.0),
    attr("beta", float, 1.0),
    attr("transA", int, 0),
    attr("transB", int, 0),
)
EINSUM = declare(
    "Einsum", Kind.BILINEAR, (1, MANY), of_dtypes(NUMBERS, _einsum), "Einstein summation.", need("equation", str)
)
DET = declare("Det", Kind.OTHER, 1, of_dtypes(FLOATS, _det), "Determinants of square matrices.")
