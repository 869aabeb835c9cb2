"""CrypTen's operators over our channel, dealer and truncation; and what its defaults give away."""

import os
import socket
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

from ppc.runtime.mpc.crypten_import import load
from ppc.runtime.mpc.crypten_layer import CrypTen
from ppc.runtime.mpc.ring import encode


@pytest.fixture
def run_crypten(step_of_mpc: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a CrypTen program as the protocol of a step."""

    def run(program: Any, *operands: np.ndarray, shape: tuple[int, ...]) -> Any:
        def implementation(e: Any, attrs: Any, *shares: Any) -> Any:
            return e.apply(CrypTen(program, tuple(s.shape for s in shares)), *shares)

        monkeypatch.setattr("ppc.runtime.mpc.steps.protocol", lambda name: implementation)
        return step_of_mpc("CrypTen", *operands, shape=shape)

    return run


RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(6, 5)), RNG.normal(size=(5, 4))


@pytest.mark.parametrize(
    ("program", "operands", "expected", "error"),
    [
        (lambda x, y: x.matmul(y), (X, Y), X @ Y, 2e-4),
        (lambda x: x * x - x * 2.0 + 1, (X,), (X - 1) ** 2, 2e-4),
        (lambda x: x.polynomial([1.0, 0.5, -0.25]), (X,), X + 0.5 * X**2 - 0.25 * X**3, 2e-3),
        (lambda x: x.relu(), (X,), np.maximum(X, 0), 1e-4),
        (lambda x: x.cos(), (X,), np.cos(X), 0.02),
    ],
)
def test_crypten_operators_on_our_shares(
    run_crypten: Any, program: Any, operands: Any, expected: Any, error: float
) -> None:
    outcome = run_crypten(program, *operands, shape=expected.shape)
    np.testing.assert_allclose(outcome.value, expected, atol=error)


def test_its_insecure_parts_are_out_of_reach() -> None:
    crypten = load()
    with pytest.raises(RuntimeError, match="insecure"):
        crypten.init()
    with pytest.raises(RuntimeError, match="inside a gate"):
        crypten.mpc.get_default_provider()
    with pytest.raises(RuntimeError, match="insecure"):
        crypten.mpc.provider.TrustedFirstParty()
    with pytest.raises(RuntimeError, match="insecure"):
        crypten.common.rng.generate_random_ring_element((2,))
    with pytest.raises(RuntimeError, match="other mode"):
        load(insecure=True)


ATTACK = textwrap.dedent(
    """
    import os, torch
    from ppc.runtime.mpc.crypten_import import load
    rank = int(os.environ["RANK"])
    crypten = load(insecure=True)
    crypten.init()
    import crypten.mpc.provider.tfp_provider as tfp
    seen, opened = [], []
    if rank == 0:
        own, reduce = tfp.generate_random_ring_element, crypten.communicator.get().all_reduce
        tfp.generate_random_ring_element = lambda *a, **k: (seen.append(own(*a, **k)), seen[-1])[1]
        crypten.communicator.get().all_reduce = lambda *a, **k: (opened.append(reduce(*a, **k)), opened[-1])[1]
    x = crypten.cryptensor(torch.tensor([3.25, -7.5, 42.0]) if rank == 1 else torch.zeros(3), src=1)
    w = crypten.cryptensor(torch.ones(3), src=0)
    x * w
    if rank == 0:
        print("RECOVERED", ((opened[0][0] + seen[0]).double() / 65536).tolist())
    """
)


def test_crypten_default_lets_party_0_read_party_1s_input() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = {
        **os.environ,
        "WORLD_SIZE": "2",
        "RENDEZVOUS": "env://",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    two = [
        subprocess.Popen(
            [sys.executable, "-c", ATTACK],
            env={**base, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    out = [p.communicate(timeout=60) for p in two]
    assert "RECOVERED [3.25, -7.5, 42.0]" in out[0][0], out


def test_the_same_attack_fails_on_our_layer(run_crypten: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Party 0 adds everything it holds to everything it sees opened; none of it is party 1's input."""
    from ppc.runtime.mpc import engine

    held: list[np.ndarray] = []
    opened: list[np.ndarray] = []
    take, swap = engine.Party.random, engine.Party.swap

    def random(self: Any, shape: Any, dtype: str = "uint64") -> Any:
        array = take(self, shape, dtype)
        if self.rank == 0:
            held.append(array)
        return array

    def swapping(self: Any, *arrays: Any) -> Any:
        theirs = yield from swap(self, *arrays)
        if self.rank == 0:
            opened.extend(a + b for a, b in zip(arrays, theirs, strict=True))
        return theirs

    monkeypatch.setattr(engine.Party, "random", random)
    monkeypatch.setattr(engine.Party, "swap", swapping)
    secret = np.array([3.25, -7.5, 42.0])
    outcome = run_crypten(lambda x, w: x * w, secret, np.ones(3), shape=(3,))
    np.testing.assert_allclose(outcome.value, secret, atol=1e-4)
    assert held and opened
    for o in opened:
        for h in (np.zeros(3, np.uint64), *held):
            assert not np.any(o + h == encode(secret))
            assert not np.any(o - h == encode(secret))
