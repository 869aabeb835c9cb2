"""The generator: uniform, labelled, and alone."""

import secrets
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ppc.runtime.mpc.csprng import Csprng, new_key

KEY = bytes(range(32))


def test_it_is_the_aes_256_ctr_key_stream() -> None:
    start = b"".join(i.to_bytes(4, "big") for i in (1, 2, 3)) + bytes(4)
    expected = Cipher(algorithms.AES(KEY), modes.CTR(start)).encryptor().update(bytes(3_000_000))
    stream = Csprng(KEY, (1, 2, 3))
    got = b"".join([stream.words((5,)).tobytes(), stream.array("uint8", (3,)).tobytes()])
    assert got == expected[:43]
    assert Csprng(KEY, (1, 2, 3)).words((3, 100_000)).tobytes() == expected[: 3 * 800_000]


def test_labels_and_keys_give_other_streams() -> None:
    streams = [Csprng(KEY), Csprng(KEY, (0, 0, 1)), Csprng(KEY, (0, 1, 0)), Csprng(KEY, (1, 0, 0)), Csprng(new_key())]
    assert len({s.words((4,)).tobytes() for s in streams}) == len(streams)


def test_words_and_bits_are_uniform() -> None:
    stream = Csprng(secrets.token_bytes(32))
    counts = np.bincount(stream.words((40_000,)).view(np.uint8), minlength=256)
    chi = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
    assert 140 < chi < 400  # 255 degrees of freedom: mean 255, deviation 22.6
    bits = stream.bits((100, 1001))
    assert bits.shape == (100, 1001) and set(np.unique(bits)) == {0, 1}
    assert abs(bits.mean() - 0.5) < 0.01


def test_a_key_has_256_bits_and_is_not_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Csprng(b"short")
    assert KEY.hex() not in repr(Csprng(KEY)) and len(new_key()) == 32


@pytest.mark.parametrize("op", ["Relu", "Sigmoid", "Softmax", "MaxPool"])
def test_no_other_generator_at_run_time(op: str, step_of_mpc: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    import torch

    def refused(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("a generator that is not cryptographic was used")

    for module, names in (
        (torch, ("rand", "randint", "randn", "randperm", "manual_seed")),
        (np.random, ("default_rng", "rand", "randn", "randint", "seed", "bytes")),
        (random, ("random", "randint", "getrandbits", "randbytes")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, refused)
    x = np.linspace(-2, 2, 16).reshape(1, 1, 4, 4)
    attrs = {"kernel_shape": [2, 2], "strides": [2, 2]} if op == "MaxPool" else {}
    step_of_mpc(op, x, attrs=attrs, shape=(1, 1, 2, 2) if op == "MaxPool" else x.shape)
