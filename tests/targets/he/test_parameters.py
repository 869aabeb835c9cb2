"""Parameters are secure and leave room; what happens where nothing fits; what a revealed ciphertext holds."""

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from ppc.ir.diagnostic import UserError
from ppc.ir.module import Value
from ppc.runtime.levels import Chain
from ppc.targets.he.levels import plan_levels
from ppc.targets.he.lower import lower_he
from ppc.targets.he.parameters import (
    LARGEST_PRIME,
    MODULUS_BITS,
    SHARE_BITS,
    SMALLEST_FIRST,
    SMALLEST_PRIME,
    candidates,
    chains,
    depths,
    fits,
)
from ppc.targets.he.plan import plan_module
from ppc.targets.he.scales import HEADROOM
from ppc.targets.prices import Prices


def layers(program, count, leave="share"):
    text, last = "x = enter\n", "x"
    for i in range(count):
        text += f"a{i} = linear {last}\ns{i} = square a{i}\n"
        last = f"s{i}"
    return program(f"{text}y = linear {last}\n{leave} y")


@pytest.mark.parametrize("degree", sorted(MODULUS_BITS))
@pytest.mark.parametrize("count", [0, 1, 3, 8])
@pytest.mark.parametrize("exit_level", [0, 1, 2])
def test_every_chain_is_secure(program, degree, count, exit_level):
    steps = layers(program, count, "share" if exit_level else "reveal")
    plan = plan_levels(steps, lambda _: exit_level)
    shares = [exit_level] if exit_level else []
    found = list(chains(degree, plan, steps))
    for bits in found:
        *data, special = bits
        assert sum(bits) <= MODULUS_BITS[degree], "more than 128-bit security allows"
        assert len(data) == plan.top + 1
        assert special == max(bits) <= LARGEST_PRIME, "the special prime is the largest"
        assert data[0] >= SMALLEST_FIRST and all(b >= SMALLEST_PRIME for b in data[1:])
        assert all(sum(data[: level + 1]) >= SHARE_BITS for level in shares)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("count", "leave", "degree"),
    [
        *[(0, "share", 8192), (1, "share", 8192), (2, "share", 8192), (6, "share", 16384), (9, "share", 32768)],
        *[(0, "reveal", 4096), (1, "reveal", 4096), (2, "reveal", 8192), (4, "reveal", 8192), (5, "reveal", 16384)],
    ],
)
def test_smallest_degree(program, count, leave, degree):
    """k layers and a last map take k primes beside those of the exit (102 bits for shares, one prime for a reveal)."""
    steps = layers(program, count, leave)
    assert next(d for d in sorted(MODULUS_BITS) if fits(d, steps)) == degree


def test_candidates_have_the_primes_of_seal_and_room_for_every_value(program):
    steps = layers(program, 2)
    found = list(candidates(16384, steps, next(depths(steps)), False))
    assert found
    for p in found[::50]:
        assert p.chain == Chain.of(16384, p.prime_bits)
        assert p.top == p.plan.top == 3
        for step in steps[:-1]:
            modulus = log2(p.chain.modulus(p.plan.of[step.result]))
            assert log2(p.scales.of[step.result] * step.largest) + HEADROOM <= modulus


def test_too_deep_is_a_user_error_with_numbers(builder):
    b = builder((1, 4))
    for _ in range(40):
        b.op("Mul", [b.last, b.last], (1, 4))
    with pytest.raises(UserError) as caught:
        lower_he(b.module())
    (found,) = caught.value.diagnostics
    assert found.code == "PPC4101"
    assert found.facts["levels needed"] > found.facts["levels at N=32768"]
    assert "881" in str(found) and "N = 32768" in str(found)
    assert found.help


def test_too_precise_is_a_user_error_with_the_error_reached(builder):
    b = logistic(builder)
    module = b.module()
    with pytest.raises(UserError, match=r"PPC4101.*the error of a result may reach \S+ times what is allowed"):
        lower_he(replace(module, attrs={**module.attrs, "he.error": 1e-30}))


def test_more_precision_is_paid_with_levels(builder, calibrated):
    """First a map shares its prime with the square after it; where that is too coarse, each has its own."""
    rng = np.random.default_rng(4)
    b = builder((1, 20))
    for _ in range(2):
        b.op("Gemm", [b.last, b.weight(rng.normal(size=(20, 20)) / 5)], (1, 20))
        b.op("Mul", [b.last, b.last], (1, 20))
    b.op("Gemm", [b.last, b.weight(rng.normal(size=(20, 20)) / 5)], (1, 20))
    module = calibrated(b.module(), rng.uniform(-1, 1, size=(1, 20)))
    tops = []
    for error in (2.0**-4, 2.0**-16):
        found = plan_module(replace(module, attrs={**module.attrs, "he.error": error}), Prices.shipped().he)
        assert found.error <= 1.0
        tops.append(found.parameters.top)
    assert tops[0] == 3 and tops[1] >= 5


def logistic(builder, batch=1):
    rng = np.random.default_rng(3)
    b = builder((batch, 30), batch)
    b.op("Gemm", [b.last, b.weight(rng.normal(size=(30, 2)) / 5)], (batch, 2))
    return b


def test_a_mask_where_the_weights_are_secret(builder, check):
    b = logistic(builder)
    x = np.random.default_rng(0).normal(size=(1, 30))
    lowered = check(b.module("reveal.he_to_client"), x, x @ b.constants["@w0"].data)
    leave, bits = lowered.ops[-1], lowered.attrs["he.prime_bits"]
    assert leave.attrs["privacy"] == "masking" and "flood_bits" not in leave.attrs
    assert sum(bits[: leave.attrs["level"] + 1]) >= SHARE_BITS


def test_flooding_where_it_is_asked_for(builder, check):
    b = logistic(builder)
    module = b.module("reveal.he_to_client", {"privacy": "flooding"})
    x = np.random.default_rng(0).normal(size=(1, 30))
    lowered = check(module, x, x @ b.constants["@w0"].data)
    leave = lowered.ops[-1]
    assert leave.attrs["privacy"] == "flooding"
    assert leave.attrs["flood_bits"] >= 30
    # 2^flood_bits, sqrt(N/2) times in a slot, is to be small beside a value of 1
    assert log2(leave.attrs["scale"]) >= leave.attrs["flood_bits"] + log2(lowered.attrs["he.degree"] / 2) / 2 + 5


def test_public_weights_need_no_flooding(builder, check):
    b = logistic(builder)
    module = b.module("reveal.he_to_client", {"privacy": "public weights"})
    x = np.random.default_rng(0).normal(size=(1, 30))
    lowered = check(module, x, x @ b.constants["@w0"].data)
    assert lowered.attrs["he.degree"] <= 8192
    assert "flood_bits" not in lowered.ops[-1].attrs


@pytest.mark.parametrize("batch", [1, 5])
def test_a_revealed_ciphertext_holds_nothing_but_the_result(builder, run, batch):
    """Every slot is a copy of a result or zero: no partial sums, which would tell of the weights (a mask hides all)."""
    module = logistic(builder, batch).module("reveal.he_to_client", {"privacy": "flooding"})
    lowered = lower_he(module)
    env = run(lowered, np.random.default_rng(0).normal(size=(batch, 30)))
    slots = env[lowered.ops[-1].operands[0]].reshape(-1)
    results = np.append(env[lowered.outputs[0]].reshape(-1), 0.0)
    assert np.abs(slots[:, None] - results[None, :]).min(axis=1).max() < 1e-9


def test_a_wide_result_has_room(builder):
    b = logistic(builder)
    module = b.module("reveal.he_to_client", {"privacy": "public weights"})
    last = module.ops[-2].results[0]
    value = module.values[last]
    wide = Value(value.type, value.label, value.domain, (-1000.0, 3.0))
    lowered = lower_he(replace(module, values={**module.values, last: wide}))
    leave = lowered.ops[-1]
    modulus = Chain.of(lowered.attrs["he.degree"], lowered.attrs["he.prime_bits"]).modulus(leave.attrs["level"])
    assert log2(leave.attrs["scale"] * 1000) + HEADROOM <= log2(modulus)
