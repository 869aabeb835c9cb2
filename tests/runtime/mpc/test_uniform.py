"""Everything a party receives is uniform, whatever the secret: chi-square over many elements with one fixed input."""

from typing import Any

import numpy as np
import pytest

COUNT = 4096


def bytes_of(arrays: Any) -> np.ndarray:
    return np.concatenate([np.ascontiguousarray(a).reshape(-1).view(np.uint8) for a in arrays])


def chi(values: np.ndarray) -> tuple[float, int]:
    """Chi-square of bytes against uniform, and its degrees of freedom."""
    counts = np.bincount(values, minlength=256)
    return float(((counts - values.size / 256) ** 2 / (values.size / 256)).sum()), 255


ROW = {"axis": -1}
POOL = {"kernel_shape": [2, 2], "strides": [2, 2]}
LATE, SMALL, DCF = {"operand_bits": [36]}, {"tables": "small"}, {"tables": "dcf"}
CASES: list[tuple[str, tuple[int, ...], dict[str, Any], tuple[int, ...]]] = [
    ("Relu", (COUNT,), {}, (COUNT,)),
    ("Mul", (COUNT,), {}, (COUNT,)),
    ("Gemm", (64, 64), {}, (64, 64)),
    ("MaxPool", (1, 16, 32, 32), POOL, (1, 16, 16, 16)),
    ("Clip", (COUNT,), {"min": -1.0, "max": 1.0}, (COUNT,)),
    ("Softmax", (256, 8), ROW, (256, 8)),
    ("Reciprocal", (1024,), {}, (1024,)),
    # fused: truncated in the opening, with zero as a candidate, with small tables
    ("Gemm", (64, 64), {"fraction_bits": 36}, (64, 64)),
    ("Relu", (COUNT,), LATE, (COUNT,)),
    ("Relu", (COUNT,), SMALL, (COUNT,)),
    ("Relu", (COUNT,), DCF, (COUNT,)),
    ("Clip", (COUNT,), {"min": -1.0, "max": 1.0, **LATE, **DCF}, (COUNT,)),
    ("Sigmoid", (COUNT,), DCF, (COUNT,)),
    ("MaxPool", (1, 2, 32, 32), POOL | DCF, (1, 2, 16, 16)),
    ("ReluMaxPool", (1, 16, 32, 32), {**POOL, **LATE}, (1, 16, 16, 16)),
    ("ReluMaxPool", (1, 16, 32, 32), {**POOL, **LATE, **SMALL}, (1, 16, 16, 16)),
    ("Gelu", (COUNT,), LATE, (COUNT,)),
    ("Softmax", (512, 8), ROW | {"below": 4}, (512, 8)),
    ("Softmax", (512, 8), ROW | {"below": 4, "operand_bits": [32]}, (512, 8)),
    ("MeanVarianceNormalization", (512, 8), {"axes": (1,)}, (512, 8)),
    ("MeanVarianceNormalization", (512, 8), {"axes": (1,), **LATE, "fraction_bits": 48}, (512, 8)),
]


@pytest.mark.parametrize("secret", [0.0, 1.5, -300.25])
@pytest.mark.parametrize(("op", "shape", "attrs", "out"), CASES, ids=[f"{c[0]}{i}" for i, c in enumerate(CASES)])
def test_what_arrives_is_uniform(op: str, shape: Any, attrs: Any, out: Any, secret: float, step_of_mpc: Any) -> None:
    x = np.full(shape, secret)
    weights = {"@w": np.full((64, 64), 0.75)} if op == "Gemm" else {}
    operands = [x, "@w"] if op == "Gemm" else [x, x] if op == "Mul" else [x]
    outcome = step_of_mpc(op, *operands, attrs=attrs, weights=weights, shape=out)
    for party, transcript in outcome.transcripts.items():
        assert transcript or op == "Gemm"
        for tag, arrays in transcript:
            for a in arrays:
                bits = np.unpackbits(bytes_of([a])).reshape(a.size, -1).mean(axis=0)
                live = bits[bits > 0]  # fan-in words use their low bits only
                assert np.all(np.abs(live - 0.5) < 3 / np.sqrt(a.size)), (party, tag)
                values = bytes_of([a])
                if values.size < 2560 or live.size < bits.size:
                    continue
                statistic, freedom = chi(values)
                # six deviations of a chi-square distribution
                assert abs(statistic - freedom) < 6 * np.sqrt(2 * freedom), (party, tag, statistic)


def test_the_masked_weights_are_uniform(step_of_mpc: Any) -> None:
    outcome = step_of_mpc("Gemm", np.ones((1, 64)), "@w", weights={"@w": np.zeros((64, 64))}, shape=(1, 64))
    masked = outcome.sessions["client"].engines["mpc"].masked[1][0]
    statistic, freedom = chi(bytes_of([masked]))
    assert abs(statistic - freedom) < 6 * np.sqrt(2 * freedom)


def test_the_fan_in_words_carry_no_bit_beyond_their_width(step_of_mpc: Any) -> None:
    """Bits above the used width would be unmasked."""
    for op, used in (("Relu", 15), ("Sign", 17)):
        outcome = step_of_mpc(op, np.ones(COUNT), shape=(COUNT,))
        _, (_, (fan,)), _ = outcome.transcripts["client"]
        assert 1 << (used - 1) < int(fan.max()) < 1 << used


def test_the_result_shares_are_fresh(step_of_mpc: Any) -> None:
    """The client's share of a constant result differs between two runs."""
    one, two = (step_of_mpc("Relu", np.ones(64), shape=(64,)) for _ in range(2))
    np.testing.assert_array_equal(one.value, two.value)
    first = [o.transcripts["client"][0][1][0] for o in (one, two)]
    assert not np.any(first[0] == first[1])
