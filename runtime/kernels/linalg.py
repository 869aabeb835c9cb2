"""Kernels of linear algebra (MatMul is numpy's own)."""

import numpy as np

from ppc.runtime.kernels import Array


def gemm(
    a: Array,
    b: Array,
    c: Array | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Array:
    """alpha A B + beta C: (m, k) x (k, n) -> (m, n), with C broadcast to (m, n)."""
    y: Array = (a.T if transA else a) @ (b.T if transB else b)
    if alpha != 1.0:
        y = alpha * y
    return y if c is None else y + (c if beta == 1.0 else beta * c)


def einsum(*xs: Array, equation: str) -> Array:
    y: Array = np.einsum(equation.replace(" ", ""), *xs, optimize=len(xs) > 1)
    return y
