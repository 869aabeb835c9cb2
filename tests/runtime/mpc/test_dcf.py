"""Distributed comparison functions: both keys compare, one tells nothing, and what is no key is refused."""

from hashlib import blake2b
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import new_key
from ppc.runtime.mpc.deal import deal, receive_material
from ppc.runtime.mpc.dealer import Dealer, PassKeys, step_stream
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates import dcf
from ppc.runtime.mpc.material import Chunk, expand
from ppc.runtime.mpc.ring import word
from ppc.runtime.mpc.state import setup
from ppc.runtime.mpc.steps import run as run_step
from ppc.runtime.party import Step
from ppc.runtime.value import Value

RNG = np.random.default_rng(11)
STEP, DCF = 3, {"tables": "dcf"}


class Dealt:
    """Keys of [x < a] · b at both parties, by way of the dealer's material."""

    def __init__(self, bits: int, a: np.ndarray, b: np.ndarray):
        keys = PassKeys(new_key(), new_key(), ())
        self.dealer = Dealer(keys, STEP)
        dcf.deal(self.dealer, bits, a, b)
        sent = (self.dealer.told, self.dealer.shipped)
        self.parties = []
        for rank in (0, 1):
            rows = self.dealer.rows
            chunk = Chunk(rows, expand(rows, rank, step_stream(keys[rank], STEP), sent[rank]), "a test")
            self.parties.append(Party(rank, None, chunk, "", {}, {}))  # type: ignore[arg-type]
        self.keys = [dcf.take(p, bits, a.size, len(b)) for p in self.parties]

    def shares(self, x: np.ndarray) -> list[np.ndarray]:
        return [dcf.evaluate(p, k, x) for p, k in zip(self.parties, self.keys, strict=True)]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        zero, one = self.shares(x)
        return zero + one


def words(*shape: int) -> np.ndarray:
    return RNG.integers(0, 2**64, shape, np.uint64)


def test_every_comparison_of_small_numbers() -> None:
    a, x = (g.reshape(-1).astype(np.uint64) for g in np.meshgrid(np.arange(16), np.arange(16)))
    b = words(1, a.size)
    np.testing.assert_array_equal(Dealt(4, a, b)(x[None])[:, 0], (x < a) * b)


@pytest.mark.parametrize("bits", [1, 2, 7, 16, 31, 42, 47, 63])
@pytest.mark.parametrize("factors", range(1, dcf.MOST_FACTORS + 1))
def test_against_numpy(bits: int, factors: int) -> None:
    """At the edges of the domain, around a, and anywhere; b is any word."""
    most = (1 << bits) - 1
    edges = [e for e in (0, 1, 2, most // 2, most // 2 + 1, most - 1, most) if 0 <= e <= most]
    a = np.array(sorted(set(edges)) + [int(v) & most for v in words(30)], np.uint64)
    near = [(a + word(d)) & word(most) for d in (-1, 0, 1)]
    x = np.stack([*near, *(np.full_like(a, e) for e in edges), words(a.size) & word(most)])
    b = words(factors, a.size)
    np.testing.assert_array_equal(Dealt(bits, a, b)(x), (x < a)[None] * b[:, None])


def test_only_the_low_bits_of_x_count() -> None:
    a, x = np.array([9], np.uint64), np.array([[8 + 16, 9 + 32]], np.uint64).T
    np.testing.assert_array_equal(Dealt(4, a, np.ones((1, 1), np.uint64))(x), [[[1], [0]]])


def uniform(values: np.ndarray) -> bool:
    """Do bytes pass Pearson's chi-square at 1e-9?"""
    counts = np.bincount(np.ascontiguousarray(values).reshape(-1).view(np.uint8), minlength=256)
    expected = counts.sum() / 256
    return bool(chi2.sf(((counts - expected) ** 2).sum() / expected, 255) > 1e-9)


@pytest.mark.parametrize("x", [4, 5, 6])
def test_one_key_alone_tells_nothing(x: int) -> None:
    """With a, b and x the same everywhere, each party's seeds, corrections and results are uniform: all keys are fresh,
    and only the two together give the bit."""
    m = 4000
    made = Dealt(8, np.full(m, 5, np.uint64), np.full((2, m), 7, np.uint64))
    for keys, share in zip(made.keys, made.shares(np.full((1, m), x, np.uint64)), strict=True):
        assert uniform(keys.seed) and uniform(share)
        assert all(uniform(level) for level in (*keys.seeds, *keys.values))
        ones = keys.controls.mean(axis=-1)
        assert np.all(np.abs(ones - 0.5) < 5 / (2 * m**0.5))
    assert not np.any(np.all(made.keys[0].seed == made.keys[1].seed, axis=1))


def test_nodes_have_seeds_of_256_bits_and_are_hashed_whole() -> None:
    made = Dealt(3, np.zeros(2, np.uint64), np.ones((1, 2), np.uint64))
    assert made.keys[0].seed[0].nbytes == made.keys[0].seeds[0, 0].nbytes == 32
    seeds = words(2, 4)
    for side in (0, 1):
        child = dcf._child(seeds, np.full(2, side, np.uint8))
        for row, seed in zip(child, seeds, strict=True):
            assert row.astype("<u8").tobytes() == blake2b(seed.astype("<u8").tobytes() + bytes([side])).digest()


def test_a_key_is_not_shown() -> None:
    made = Dealt(3, np.zeros(2, np.uint64), np.ones((1, 2), np.uint64))
    assert repr(made.keys[0]) == "Keys(2 of 3 bits)"


def test_a_relu_takes_one_round_and_six_bytes(step_of_mpc: Any) -> None:
    x = np.concatenate([[0.0, 2.0**-16, -(2.0**-16), 2.0**30 - 1, 1 - 2.0**30], RNG.normal(size=95)])
    x = np.round(x * 2**16) / 2**16
    outcome = step_of_mpc("Relu", x, attrs=DCF, shape=x.shape)
    np.testing.assert_array_equal(outcome.value, np.maximum(x, 0))
    assert outcome.rounds == 1 and outcome.sent == (600, 600)


def test_no_tables_of_another_name(step_of_mpc: Any) -> None:
    with pytest.raises(PartyError) as caught:
        step_of_mpc("Relu", np.ones(2), attrs={"tables": "huge"}, shape=(2,))
    assert caught.value.code == "PPC6006"


@pytest.fixture
def refusal(mpc_sessions: Any, together: Any) -> Any:
    """The code with which a client ends that asks for `due` of what a dealer made for 4 elements."""

    def run(attrs: Any, due: tuple[int, ...] = (4,), spoil: Any = None) -> str:
        found = mpc_sessions({"weights": {}, "steps": [{"id": 1, "step": "mpc.Relu"}]}, {}, 5.0)
        client, dealer = found["client"], found["dealer"]
        together({role: lambda s=s: setup(s) for role, s in found.items()})
        if spoil is not None:
            spoil(dealer.channels["client"])
        made, asked = (Step(1, "mpc.Relu", "Relu", "n", shape, "f32", a) for shape, a in (((4,), attrs), (due, DCF)))
        deal(dealer, lambda session: run_step(session, made, Value("mpc", (4,))), 1)
        with pytest.raises(PartyError) as caught:
            receive_material(client, 1)
            run_step(client, asked, Value("mpc", due, np.zeros(due, np.int64)))
        return str(caught.value.code)

    return run


def test_material_of_another_kind_or_size_is_refused(refusal: Any) -> None:
    assert refusal({}) == refusal({"tables": "small"}) == refusal(DCF, (5,)) == "PPC6003"


def test_short_material_is_refused(refusal: Any) -> None:
    """The corrections of the seeds lack a level."""

    def cut(channel: Any) -> None:
        give = channel.give
        channel.give = lambda tag, first, *rest: give(tag, first[1:], *rest)

    assert refusal(DCF, spoil=cut) == "PPC6003"
