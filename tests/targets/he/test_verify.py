"""The verifier refuses plans broken by hand, one way at a time."""

from dataclasses import replace

import numpy as np
import pytest

from ppc.ir.diagnostic import InternalError
from ppc.targets.he.lower import lower_he
from ppc.targets.he.verify import verify_he


@pytest.fixture
def lowered(builder):
    rng = np.random.default_rng(5)
    b = builder((1, 40))
    x = b.last
    h = b.op("Gemm", [x, b.weight(rng.normal(size=(40, 40)))], (1, 40))
    b.op("Mul", [h, h], (1, 40))
    y = b.op("Polynomial", [b.last], (1, 40), {"coefficients": (0.0, 1.0, 0.5), "lo": -2.0, "hi": 2.0})
    h = b.op("Gemm", [x, b.weight(rng.normal(size=(40, 40)))], (1, 40))
    b.op("Add", [y, h], (1, 40))
    return lower_he(b.module())


def broken(module, name, **attrs):
    """The module with attributes of its last op of this name replaced."""
    at = max(i for i, op in enumerate(module.ops) if op.name == name)
    op = replace(module.ops[at], attrs={**module.ops[at].attrs, **attrs})
    return replace(module, ops=(*module.ops[:at], op, *module.ops[at + 1 :]))


def parameters(module, **attrs):
    return replace(module, attrs={**module.attrs, **{f"he.{k}": v for k, v in attrs.items()}})


def test_the_lowered_module_passes(lowered):
    verify_he(lowered)


def last_terms(module):
    return [op for op in module.ops if op.name == "he.linear"][-1].attrs["terms"]


CASES = {
    "negative level": (lambda m: broken(m, "he.drop", level=-1), "drops to level -1"),
    "wrong level": (lambda m: broken(m, "he.mul", level=1), "at level 1"),
    "term outside": (lambda m: broken(m, "he.linear", terms=((7, 0, 0, 0), *last_terms(m)[1:])), "outside"),
    "more terms": (lambda m: broken(m, "he.linear", terms=(*last_terms(m), (0, 0, 0, 0))), "constants of shapes"),
    "no keys": (lambda m: parameters(m, galois=()), "without Galois keys"),
    "no relinearisation": (lambda m: parameters(m, relin=()), "relinearises"),
    "insecure": (lambda m: parameters(m, degree=8192), "128-bit security"),
    "other layout": (lambda m: broken(m, "he.linear", in_layout_offset=3), "layout its operand has"),
    "too few elements": (lambda m: broken(m, "he.linear", out_layout_digits=((39, 1),)), "places 39 elements"),
    "bare exit": (lambda m: broken(m, "convert.he_to_mpc", level=0), "at level 0"),
    "polynomial depth": (lambda m: broken(m, "he.polynomial", out_level=3), "levels"),
    "missing attribute": (lambda m: broken(m, "he.mul", level="top"), "lacks the attribute"),
}


@pytest.mark.parametrize("case", CASES)
def test_broken_plans_are_refused(lowered, case):
    damage, words = CASES[case]
    with pytest.raises(InternalError, match=words):
        verify_he(damage(lowered))


def test_additions_need_equal_places(lowered):
    """The two operands of the addition, one of them moved."""
    moved = broken(lowered, "he.linear", out_layout_offset=1)
    with pytest.raises(InternalError, match=r"he\.add .* different places"):
        verify_he(moved)


def test_ops_left_in_he_are_refused(builder):
    b = builder((1, 4))
    b.op("Neg", [b.last], (1, 4))
    with pytest.raises(InternalError, match="no HE parameters"):
        verify_he(b.module())


def test_views_read_only_what_lies_there(builder):
    b = builder((1, 3, 4))
    b.op("Transpose", [b.last], (1, 4, 3), {"perm": (0, 2, 1)})
    module = lower_he(b.module())
    verify_he(module)
    with pytest.raises(InternalError, match="no element"):
        verify_he(broken(module, "he.view", out_layout_offset=1))
