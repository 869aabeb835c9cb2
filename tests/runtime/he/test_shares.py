"""HE to shares and back: what the parties hold adds up, and what crosses the wire is uniform."""

import numpy as np
import pytest

from ppc.runtime.convert import he_mpc
from ppc.runtime.errors import PartyError
from ppc.runtime.he import integer_slots
from ppc.runtime.layout import Layout
from ppc.runtime.value import Value

LSB = 2.0**-16


def joined(values):
    return (values[0].data + values[1].data) / 65536


def layouts(n):
    return {
        "dense": (Layout.dense(1000, n), (10, 100)),
        "two": (Layout(((2, n), (2352, 1)), n), (4704,)),
        "strided": (Layout(((20, 64), (50, 1)), n, offset=3), (20, 50)),
        "transposed": (Layout(((50, 1), (20, 64)), n), (1000,)),
        "full": (Layout.dense(n, n), (n,)),
    }


def leave(two, make, x, level, layout):
    step = make.step("convert.he_to_mpc", x.shape, level=level, layout=layout.to_json())
    return two.run(he_mpc.he_to_mpc, step, (Value("he", x.shape),), (two.encrypt(x, level, layout),))


@pytest.mark.parametrize("name", ["dense", "two", "strided", "transposed", "full"])
@pytest.mark.parametrize("level", [1, 2])
def test_he_to_mpc_adds_up(shallow, make, name, level):
    layout, shape = layouts(shallow.context.slots)[name]
    x = np.random.default_rng(0).uniform(-40, 40, shape)
    shares = leave(shallow, make, x, level, layout)
    assert [s.data.shape for s in shares] == [shape, shape]
    assert shares[0].data.dtype == np.int64
    assert np.abs(joined(shares) - x).max() < 2 * LSB
    spread = np.unique(shares[0].data >> 60)
    assert len(spread) == 16  # a share has all of its top bits


def test_he_to_mpc_of_large_values_keeps_a_relative_error(shallow, make):
    layout, shape = layouts(shallow.context.slots)["dense"]
    x = np.random.default_rng(0).uniform(-100000, 100000, shape)
    assert np.abs(joined(leave(shallow, make, x, 2, layout)) - x).max() < 2 * LSB + 1e5 * 2**-22


@pytest.mark.parametrize("name", ["dense", "two", "strided", "transposed", "full"])
@pytest.mark.parametrize("level", [0, 2])
def test_mpc_to_he_is_exact(shallow, make, name, level):
    layout, shape = layouts(shallow.context.slots)[name]
    rng = np.random.default_rng(1)
    x = rng.uniform(-40, 40, shape)
    a = rng.integers(-(2**63), 2**63 - 1, shape)
    b = np.rint(x * 65536).astype(np.int64) - a
    step = make.step("convert.mpc_to_he", shape, level=level, layout=layout.to_json())
    values = shallow.run(he_mpc.mpc_to_he, step, (Value("mpc", shape, a),), (Value("mpc", shape, b),))
    assert values[1].data[0].scale == shallow.context.scale(level)
    slots = np.array([shallow.decrypt(c) for c in values[1].data])
    assert np.abs(layout.unpack(slots, shape) - x).max() < 2 * LSB
    free = np.ones(slots.size, bool)
    free[layout.addresses()] = False
    assert np.abs(slots.reshape(-1)[free]).max(initial=0) < 1e-3


COPIES = {
    "period": (400, ((8, 512),)),
    "short period": (7, ((512, 8),)),
    "everywhere": (1, ((4096, 1),)),
    "loose": (400, ((3, 700),)),
    "both": (400, ((2, 2048), (3, 600))),
}


@pytest.mark.parametrize("name", COPIES)
def test_mpc_to_he_in_every_place(shallow, make, name):
    assert shallow.context.slots == 4096
    size, copies = COPIES[name]
    layout = Layout(((size, 1),), 4096, int(size > 1), copies)
    rng = np.random.default_rng(4)
    x = rng.uniform(-40, 40, size)
    a = rng.integers(-(2**63), 2**63 - 1, size)
    b = np.rint(x * 65536).astype(np.int64) - a
    step = make.step("convert.mpc_to_he", (size,), level=1, layout=layout.to_json())
    values = shallow.run(he_mpc.mpc_to_he, step, (Value("mpc", (size,), a),), (Value("mpc", (size,), b),))
    slots = shallow.decrypt(values[1].data[0])
    assert np.abs(slots - layout.pack(x)[0]).max() < 2 * LSB


def test_there_and_back(deep, make):
    layout = Layout.dense(3000, deep.context.slots)
    x = np.random.default_rng(2).uniform(-40, 40, 3000)
    shares = leave(deep, make, x, 4, layout)
    step = make.step("convert.mpc_to_he", x.shape, level=6, layout=layout.to_json())
    back = deep.run(he_mpc.mpc_to_he, step, (shares[0],), (shares[1],))[1]
    assert np.abs(deep.decrypt(back.data[0])[:3000] - x).max() < 4 * LSB


def test_what_the_client_decrypts_is_uniform(shallow, make):
    """Chi-square of the top 5 bits of the residues that the client sees, for a message that is far from uniform."""
    from ppc.runtime.he import limbs, wire

    layout = Layout.dense(1000, shallow.context.slots)
    leave(shallow, make, np.full(1000, 3.0), 1, layout)
    tag, message = shallow.client.channels["server"].transcript[-1]
    assert tag == "0.1.he"
    context = shallow.context
    ciphertext = wire.check_ciphertext(message[12:], context, 1, context.scale(1))
    seen = limbs.plaintext_residues(shallow.client.engines["he"].keys.decrypt(ciphertext), context)
    coefficients = limbs.to_coefficients(context, 1, seen[None])[0]
    for residues in (seen, coefficients):
        for row, q in zip(residues, context.chain.primes, strict=False):
            counts = np.bincount((row.astype(np.float64) / q * 32).astype(int), minlength=32)
            chi = ((counts - len(row) / 32) ** 2 / (len(row) / 32)).sum()
            assert chi < 90  # 31 degrees of freedom: 1e-7


def test_too_little_modulus_is_a_plan_error(shallow, make):
    step = make.step("convert.he_to_mpc", (4,), level=0, layout=Layout.dense(4, shallow.context.slots).to_json())
    with pytest.raises(PartyError, match=r"PPC6006.*58 bits of modulus"):
        he_mpc.he_to_mpc(shallow.client, step, Value("he", (4,)))


@pytest.mark.parametrize("degree", [1024, 32768])
def test_integer_slots_are_linear_and_right(degree):
    """decode of the sum = sum of the decodes, and both agree with the embedding in floating point."""
    rng = np.random.default_rng(0)
    slots = rng.permutation(degree // 2)[:40]
    values = rng.integers(-(2**30), 2**30, 40)
    scale = 2.0**50.3
    whole = integer_slots.encode(values, slots, degree, scale)
    mask = rng.integers(-(2**62), 2**62, 40)
    parts = integer_slots.encode(mask, slots, degree, scale) + integer_slots.encode(values - mask, slots, degree, scale)
    assert max(abs(int(d)) for d in whole - parts) <= 1
    angles = np.pi / degree * np.array([pow(3, int(j), 2 * degree) for j in slots])[:, None] * np.arange(degree)
    assert np.allclose(np.cos(angles) @ (whole.astype(float) / scale), values / 65536, atol=1e-3, rtol=1e-5)
    noise = np.array([int(r) << 70 for r in rng.integers(-(2**62), 2**62, degree)], object)
    a, b = integer_slots.decode([whole + noise, noise], [slots, slots], scale)
    assert np.abs(a - b - values).max() < 400  # 2^30 · 2^-22
