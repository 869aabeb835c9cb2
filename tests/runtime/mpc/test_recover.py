"""The attack that CrypTen's default provider falls to (test_crypten.py), against our protocols: it finds nothing.

There one party makes the masks, so that it takes one off what it sees opened. Here a party tries all sums and
differences of up to three arrays out of all that it has: its share, its material, its own and the other's messages.
"""

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from ppc.runtime.mpc import engine
from ppc.runtime.mpc.ring import encode

SECRET = np.array([[3.25, -7.5, 42.0], [0.125, 1000.5, -2.0], [9.0, -0.75, 5.5]])


def recovered(known: list[np.ndarray], secret: np.ndarray) -> bool:
    """Whether any element of the secret is a signed sum of up to three of the arrays, at the same place."""
    for count in (1, 2, 3):
        for some in combinations(known, count):
            for signs in product((1, -1), repeat=count):
                total = sum((a if s > 0 else np.uint64(0) - a for a, s in zip(some, signs, strict=True)), np.uint64(0))
                if np.any(total == secret):
                    return True
    return False


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> dict[int, list[np.ndarray]]:
    """What each party has while a step runs, by rank: whatever is as large as the secret."""
    held: dict[int, list[np.ndarray]] = {0: [], 1: []}

    def note(party: Any, *arrays: Any) -> None:
        for a in arrays:
            if isinstance(a, np.ndarray) and a.dtype == np.uint64 and a.size == SECRET.size:
                held[party.rank].append(a.reshape(SECRET.shape).copy())

    def watch(name: str, sends: bool = False) -> None:
        real = getattr(engine.Party, name)

        def watched(self: Any, *args: Any, **options: Any) -> Any:
            result = real(self, *args, **options)
            note(self, *(args if sends else ()), *(result if isinstance(result, (list, tuple)) else [result]))
            return result

        monkeypatch.setattr(engine.Party, name, watched)

    for name, sends in (
        ("random", False), ("client", False), ("share", False), ("weight", False), ("receive", False),
        ("swap", True), ("send", True),
    ):  # fmt: skip
        watch(name, sends)
    return held


CASES: dict[str, list[Any]] = {
    "Mul": [SECRET, np.ones((3, 3))],
    "MatMul": [SECRET, np.eye(3)],
    "Gemm": [SECRET, "@w"],
    "Relu": [SECRET],
    "Abs": [SECRET],
}


@pytest.mark.parametrize(("op", "operands"), CASES.items(), ids=list(CASES))
def test_no_party_recovers_the_secret(op: str, operands: Any, step_of_mpc: Any, views: Any) -> None:
    outcome = step_of_mpc(op, *operands, weights={"@w": np.eye(3)} if op == "Gemm" else {}, shape=(3, 3))
    expected = {"Relu": np.maximum(SECRET, 0), "Abs": np.abs(SECRET)}.get(op, SECRET)
    np.testing.assert_allclose(outcome.value, expected, atol=1e-2)
    assert all(2 <= len(known) <= 40 for known in views.values())
    for rank, known in views.items():
        assert not recovered(known, encode(SECRET)), f"party {rank} recovers the secret in {op}"


def test_the_attack_works_where_one_party_has_the_mask() -> None:
    """As in CrypTen's default: the opened value is x - a, and who made a has both."""
    mask = np.random.default_rng(0).integers(0, 2**64, SECRET.shape, np.uint64)
    noise = [np.random.default_rng(i).integers(0, 2**64, SECRET.shape, np.uint64) for i in range(1, 8)]
    assert recovered([*noise, mask, encode(SECRET) - mask], encode(SECRET))
    assert not recovered([*noise, encode(SECRET) - mask], encode(SECRET))
