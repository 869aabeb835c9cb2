"""he.add, sub, mul, square, upscale, drop and view: values and scales; what is refused."""

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.he import steps
from ppc.runtime.layout import Layout


def test_add_sub_mul_drop_view(shallow):
    rng = np.random.default_rng(1)
    n = shallow.context.slots
    a, b = rng.normal(size=(2, n))
    x, y = shallow.encrypt(a, 2), shallow.encrypt(b, 2)
    s = shallow.server
    for name, want in (("add", a + b), ("sub", a - b)):
        out = getattr(steps, name)(s, shallow.step("he." + name, (n,), x, y), x, y)
        assert out.data[0].scale == shallow.scale
        assert np.abs(shallow.decrypt(out.data[0]) - want).max() < 1e-7
    out = steps.mul(s, shallow.step("he.mul", (n,), x, y, level=2), x, y)
    assert out.data[0].size() == 2 and shallow.context.level(out.data[0]) == 1
    assert out.data[0].scale == shallow.scale**2 / shallow.context.chain.primes[2]
    assert np.abs(shallow.decrypt(out.data[0]) - a * b).max() < 1e-6
    for level in (1, 0):
        low = steps.drop(s, shallow.step("he.drop", (n,), x, level=level), x)
        assert shallow.context.level(low.data[0]) == level
        assert low.data[0].scale == shallow.scale
        assert np.abs(shallow.decrypt(low.data[0]) - a).max() < 1e-6
    other = Layout(((2, 1), (n // 2, 2)), n)
    seen = steps.view(s, shallow.step("he.view", (n,), x, out_layout=other.to_json()), x)
    assert seen.layout == other and seen.data is x.data


@pytest.mark.parametrize(("negate", "plus"), [(False, 0.0), (True, 0.75), (False, -3.0)])
def test_square_is_its_polynomial(shallow, negate, plus):
    n = shallow.context.slots
    a = np.random.default_rng(2).normal(size=n)
    x = shallow.encrypt(a, 2, scale=2.0**45)
    step = shallow.step("he.square", (n,), x, level=2, negate=negate, plus=plus)
    (out,) = steps.square(shallow.server, step, x).data
    assert out.size() == 2 and shallow.context.level(out) == 1
    assert out.scale == step.attrs["scale"] == 2.0**90 / shallow.context.chain.primes[2]
    assert np.abs(shallow.decrypt(out) - ((-1 if negate else 1) * a * a + plus)).max() < 1e-6
    assert np.abs(shallow.decrypt(x.data[0]) - a).max() < 1e-7, "the operand is as it was"


def test_square_at_the_last_level_is_a_plan_error(shallow):
    x = shallow.encrypt(np.ones(4), 0, scale=2.0**25)
    step = shallow.step("he.square", (4,), x, level=0, negate=False, plus=0.0)
    with pytest.raises(PartyError, match=r"PPC6006.*level 0 is the last"):
        steps.square(shallow.server, step, x)


@pytest.mark.parametrize("bits", [1, 12, 60])
def test_upscale_changes_the_scale_and_nothing_else(shallow, bits):
    n = shallow.context.slots
    a = np.random.default_rng(3).normal(size=n)
    x = shallow.encrypt(a, 2, scale=2.0**40)
    step = shallow.step("he.upscale", (n,), x, level=2, scale=2.0 ** (40 + bits))
    (out,) = steps.upscale(shallow.server, step, x).data
    assert shallow.context.level(out) == 2 and out.scale == 2.0 ** (40 + bits)
    # exact: not even the noise is another
    assert np.abs(shallow.decrypt(out) - shallow.decrypt(x.data[0])).max() < 1e-12
    assert x.data[0].scale == 2.0**40


@pytest.mark.parametrize("scale", [2.0**38, 2.0**39, 1.5 * 2.0**40, 2.0**40 + 1])
def test_upscale_that_is_not_exact_is_a_plan_error(shallow, scale):
    x = shallow.encrypt(np.ones(4), 1, scale=2.0**40)
    with pytest.raises(PartyError, match="PPC6006"):
        steps.upscale(shallow.server, shallow.step("he.upscale", (4,), x, level=1, scale=scale), x)


def test_drop_to_a_higher_level_is_a_plan_error(shallow):
    x = shallow.encrypt(np.ones(4), 1)
    with pytest.raises(PartyError, match=r"PPC6006.*above its own"):
        steps.drop(shallow.server, shallow.step("he.drop", (4,), x, level=2), x)


@pytest.mark.parametrize(("name", "sign"), [("add", 1), ("sub", -1)])
def test_sums_of_scales_that_differ_by_a_rounding(shallow, name, sign):
    """A product's scale is its primes': what meets it differs by some 2^-20, which the value then changes by."""
    n = shallow.context.slots
    a, b = np.random.default_rng(4).normal(size=(2, n))
    gap = 1 + 2.0**-14
    x, y = shallow.encrypt(a, 2, scale=2.0**45), shallow.encrypt(b, 2, scale=2.0**45 * gap)
    for operands, want in (((x, y), a / gap + sign * b), ((y, x), b + sign * a / gap)):
        step = shallow.step(f"he.{name}", (n,), *operands)
        (out,) = getattr(steps, name)(shallow.server, step, *operands).data
        assert out.scale == 2.0**45 * gap
        assert np.abs(shallow.decrypt(out) - want).max() < 1e-8
    assert x.data[0].scale == 2.0**45, "the operand is as it was"


def test_sums_of_other_scales_are_plan_errors(shallow):
    x, y = shallow.encrypt(np.ones(4), 2, scale=2.0**45), shallow.encrypt(np.ones(4), 2, scale=2.0**45.01)
    with pytest.raises(PartyError, match=r"PPC6006.*adds ciphertexts of scales"):
        steps.add(shallow.server, shallow.step("he.add", (4,), x, y), x, y)


def test_a_value_less_itself_is_an_encryption_of_zero(shallow):
    x = shallow.encrypt(np.ones(4), 1)
    out = steps.sub(shallow.server, shallow.step("he.sub", (4,), x, x), x, x).data[0]
    assert np.abs(shallow.decrypt(out)).max() < 1e-6 and not out.is_transparent()
