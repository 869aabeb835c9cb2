"""Every case of every family: the kernel against onnxruntime, and the shape rule against both."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from kernel_oracle import Case, expected, operand_types

from ppc.ir.ops import OPS, opdef
from ppc.ir.types import TensorType
from ppc.runtime import kernels
from ppc.runtime.kernels.cast import NUMPY

FAMILIES = sorted(p.stem for p in (Path(__file__).parent / "kernel_cases").glob("*.py"))
CASES: list[Case] = [case for family in FAMILIES for case in import_module(f"kernel_cases.{family}").CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernel_and_shape_rule(case: Case) -> None:
    got = kernels.run(case.op, case.operands, case.attrs)
    wanted = expected(case)
    types = opdef(case.op).shape(operand_types(case), case.attrs)
    assert len(types) == len(got)
    for i, (y, t) in enumerate(zip(got, types, strict=True)):
        assert y.shape == t.shape, f"result {i}: the kernel gives {y.shape}, the shape rule {t.shape}"
        assert y.dtype.kind == np.dtype(NUMPY[t.dtype]).kind, f"result {i}: {y.dtype} for {t.dtype}"
    for y, reference in zip(got, wanted, strict=False):
        compare(y, np.asarray(reference), case.tolerance)
    assert len(wanted) == len(got) or case.results


def compare(y: np.ndarray, reference: np.ndarray, tolerance: float) -> None:
    assert y.shape == reference.shape
    if reference.dtype.kind != "f":
        np.testing.assert_array_equal(y, reference)
        return
    finite = np.isfinite(reference)
    scale = max(float(np.abs(reference[finite]).max(initial=0.0)), 1e-3)
    np.testing.assert_allclose(y, reference, rtol=0, atol=tolerance * scale)


def test_every_operator_has_a_case() -> None:
    assert set(OPS) - {c.op for c in CASES} == set()


def test_the_comparison_can_fail() -> None:
    with pytest.raises(AssertionError):
        compare(np.array([1.0, 2.0001]), np.array([1.0, 2.0], np.float32), 1e-5)
    with pytest.raises(AssertionError):
        compare(np.array([np.nan]), np.array([1.0], np.float32), 1e-5)


def test_floats_are_computed_in_float64() -> None:
    x = np.array([1e-3, 1.0], np.float32)
    (y,) = kernels.run("Add", [x, np.float32(1e-12) * x], {})
    assert y.dtype == np.float64 and y[1] != 1.0


def test_result_types_follow_the_types_of_the_operands() -> None:
    assert opdef("Relu").shape([TensorType("f16", (2,))], {}) == (TensorType("f16", (2,)),)
