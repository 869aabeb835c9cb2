"""Golden values of parameter planning, and what happens where nothing fits."""

from dataclasses import dataclass

import numpy as np
import pytest

from ppc.ir.diagnostic import UserError
from ppc.ir.module import Value
from ppc.targets.he.levels import plan_levels, relinearised
from ppc.targets.he.lower import lower_he
from ppc.targets.he.parameters import MODULUS_BITS, Demand, candidates, chain


@dataclass(frozen=True)
class Step:
    operands: tuple[str, ...]
    result: str
    levels: int = 0
    exit: str = ""


def steps(depth, leave="convert.he_to_mpc"):
    body = [Step((), "v0")] + [Step((f"v{i}",), f"v{i + 1}", 1) for i in range(depth)]
    return [*body, Step((f"v{depth}",), "y", 0, leave)]


@pytest.mark.parametrize(
    ("depth", "leave", "degree", "primes"),
    [
        (1, "convert.he_to_mpc", 8192, (52, 50, 50, 52)),
        (2, "convert.he_to_mpc", 16384, (52, 50, 50, 50, 52)),
        (5, "convert.he_to_mpc", 16384, (52, *[50] * 6, 52)),
        (9, "convert.he_to_mpc", 32768, (52, *[50] * 10, 52)),
        (1, "reveal.he_to_client", 8192, (60, 50, 60)),
    ],
)
def test_finest_scale_at_the_smallest_degree(depth, leave, degree, primes):
    # a scale below 40 bits is left to the noise model; here only what is secure counts
    fits = [
        p
        for d in sorted(MODULUS_BITS)
        for p in candidates(d, steps(depth, leave), Demand(8, False))
        if p.scale_bits >= 40
    ]
    assert fits[0].degree == degree
    assert fits[0].prime_bits == primes
    assert sum(primes) <= MODULUS_BITS[degree]


def test_shares_leave_with_a_hundred_bits():
    for scale in (30, 36, 41, 50):
        found = chain(16384, scale, steps(2), Demand(8, False))
        level = found.plan.run[-1]
        assert sum(found.prime_bits[: level + 1]) >= 100
        assert sum(found.prime_bits[:level]) < 100 or level == 1


def test_a_revealed_value_fits_its_modulus():
    found = chain(8192, 50, steps(1, "reveal.he_to_client"), Demand(20, False))
    level = found.plan.run[-1]
    assert sum(found.prime_bits[: level + 1]) >= 50 + 20 + 2


def test_integer_bits_come_from_ranges():
    assert Demand.of([None], False).integer_bits == 8
    assert Demand.of([100.0], False).integer_bits == 7
    assert Demand.of([0.1], False).integer_bits == 0


def test_values_run_as_low_as_their_consumers_allow():
    program = [
        Step((), "x"),
        Step(("x",), "a", 1),
        Step(("a",), "b", 1),
        Step(("b", "x"), "c"),
        Step(("c",), "y", 0, "leave"),
    ]
    found = plan_levels(program, lambda _: 1)
    assert found.of == {"x": 3, "a": 2, "b": 1, "c": 1}
    assert found.run == (3, 3, 2, 1, 1)
    assert found.top == 3


def test_relinearisation_levels():
    assert relinearised([("mul", 4, 3), ("polynomial", 3, 1)]) == (2, 3, 4)


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


def logistic(builder, batch=1, error=None):
    rng = np.random.default_rng(3)
    b = builder((batch, 30), batch)
    b.op("Gemm", [b.last, b.weight(rng.normal(size=(30, 2)) / 5)], (batch, 2))
    return b


def test_flooding_where_the_weights_are_secret(builder, check):
    b = logistic(builder)
    module = b.module("reveal.he_to_client")
    x = np.random.default_rng(0).normal(size=(1, 30))
    lowered = check(module, x, x @ b.constants["@w0"].data)
    leave = lowered.ops[-1]
    assert leave.attrs["privacy"] == "flooding"
    assert leave.attrs["flood_bits"] >= 30
    assert lowered.attrs["he.scale_bits"] >= 55


def test_public_weights_need_no_flooding(builder, check):
    b = logistic(builder)
    module = b.module("reveal.he_to_client", {"privacy": "public weights"})
    x = np.random.default_rng(0).normal(size=(1, 30))
    lowered = check(module, x, x @ b.constants["@w0"].data)
    assert lowered.attrs["he.degree"] <= 8192
    assert "flood_bits" not in lowered.ops[-1].attrs


@pytest.mark.parametrize("batch", [1, 5])
def test_a_revealed_ciphertext_holds_nothing_but_the_result(builder, run, batch):
    """Every slot is a copy of a result or zero: no partial sums, which would tell of the weights."""
    module = logistic(builder, batch).module("reveal.he_to_client")
    lowered = lower_he(module)
    env = run(lowered, np.random.default_rng(0).normal(size=(batch, 30)))
    slots = env[lowered.ops[-1].operands[0]].reshape(-1)
    results = np.append(env[lowered.outputs[0]].reshape(-1), 0.0)
    assert np.abs(slots[:, None] - results[None, :]).min(axis=1).max() < 1e-9


def test_a_wide_result_needs_a_larger_first_prime(builder):
    b = logistic(builder)
    module = b.module("reveal.he_to_client", {"privacy": "public weights"})
    last = module.ops[-2].results[0]
    values = dict(module.values)
    values[last] = Value(values[last].type, values[last].label, values[last].domain, (-1000.0, 3.0))
    lowered = lower_he(type(module)(**{f: getattr(module, f) for f in module.__slots__} | {"values": values}))
    primes = lowered.attrs["he.prime_bits"]
    level = lowered.ops[-1].attrs["level"]
    assert sum(primes[: level + 1]) >= lowered.attrs["he.scale_bits"] + 10
