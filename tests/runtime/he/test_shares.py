"""HE to shares and back: what the parties hold adds up, and what crosses the wire is uniform."""

from dataclasses import replace

import numpy as np
import pytest

from ppc.runtime.convert import he_mpc
from ppc.runtime.errors import PartyError
from ppc.runtime.he import integer_slots
from ppc.runtime.he.exit_mask import ExitMask, ExitMasks
from ppc.runtime.layout import Layout
from ppc.runtime.levels import coefficient_primes
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


def leave(two, x, level, layout):
    step = two.step("convert.he_to_mpc", x.shape, level=level, layout=layout.to_json())
    return two.run(he_mpc.he_to_mpc, step, (Value("he", x.shape),), (two.encrypt(x, level, layout),))


@pytest.mark.parametrize("name", ["dense", "two", "strided", "transposed", "full"])
@pytest.mark.parametrize("level", [1, 2])
def test_he_to_mpc_adds_up(shallow, name, level):
    layout, shape = layouts(shallow.context.slots)[name]
    x = np.random.default_rng(0).uniform(-40, 40, shape)
    shares = leave(shallow, x, level, layout)
    assert [s.data.shape for s in shares] == [shape, shape]
    assert shares[0].data.dtype == np.int64
    assert np.abs(joined(shares) - x).max() < 2 * LSB
    spread = np.unique(shares[0].data >> 60)
    assert len(spread) == 16  # a share has all of its top bits


def test_he_to_mpc_of_large_values_keeps_a_relative_error(shallow):
    layout, shape = layouts(shallow.context.slots)["dense"]
    x = np.random.default_rng(0).uniform(-100000, 100000, shape)
    assert np.abs(joined(leave(shallow, x, 2, layout)) - x).max() < 2 * LSB + 1e5 * 2**-22


@pytest.mark.parametrize("name", ["dense", "two", "strided", "transposed", "full"])
@pytest.mark.parametrize("level", [0, 2])
def test_mpc_to_he_is_exact(shallow, name, level):
    layout, shape = layouts(shallow.context.slots)[name]
    rng = np.random.default_rng(1)
    x = rng.uniform(-40, 40, shape)
    a = rng.integers(-(2**63), 2**63 - 1, shape)
    b = np.rint(x * 65536).astype(np.int64) - a
    step = shallow.step("convert.mpc_to_he", shape, level=level, layout=layout.to_json())
    values = shallow.run(he_mpc.mpc_to_he, step, (Value("mpc", shape, a),), (Value("mpc", shape, b),))
    assert values[1].data[0].scale == shallow.scale
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
def test_mpc_to_he_in_every_place(shallow, name):
    assert shallow.context.slots == 4096
    size, copies = COPIES[name]
    layout = Layout(((size, 1),), 4096, int(size > 1), copies)
    rng = np.random.default_rng(4)
    x = rng.uniform(-40, 40, size)
    a = rng.integers(-(2**63), 2**63 - 1, size)
    b = np.rint(x * 65536).astype(np.int64) - a
    step = shallow.step("convert.mpc_to_he", (size,), level=1, layout=layout.to_json())
    values = shallow.run(he_mpc.mpc_to_he, step, (Value("mpc", (size,), a),), (Value("mpc", (size,), b),))
    slots = shallow.decrypt(values[1].data[0])
    assert np.abs(slots - layout.pack(x)[0]).max() < 2 * LSB


def test_there_and_back(deep):
    layout = Layout.dense(3000, deep.context.slots)
    x = np.random.default_rng(2).uniform(-40, 40, 3000)
    shares = leave(deep, x, 4, layout)
    step = deep.step("convert.mpc_to_he", x.shape, level=6, layout=layout.to_json())
    back = deep.run(he_mpc.mpc_to_he, step, (shares[0],), (shares[1],))[1]
    assert np.abs(deep.decrypt(back.data[0])[:3000] - x).max() < 4 * LSB


def test_what_the_client_decrypts_is_uniform(shallow):
    """Chi-square of the top 5 bits of the residues that the client sees, for a message that is far from uniform."""
    from ppc.runtime.he import limbs, wire

    layout = Layout.dense(1000, shallow.context.slots)
    leave(shallow, np.full(1000, 3.0), 1, layout)
    tag, message = shallow.client.channels["server"].transcript[-1]
    assert tag == "0.1.he"
    context = shallow.context
    ciphertext = wire.check_ciphertext(message[12:], context, 1, shallow.scale)
    seen = limbs.plaintext_residues(shallow.client.engines["he"].keys.decrypt(ciphertext), context)
    coefficients = limbs.to_coefficients(context, 1, seen[None])[0]
    for residues in (seen, coefficients):
        for row, q in zip(residues, context.chain.primes, strict=False):
            counts = np.bincount((row.astype(np.float64) / q * 32).astype(int), minlength=32)
            chi = ((counts - len(row) / 32) ** 2 / (len(row) / 32)).sum()
            assert chi < 90  # 31 degrees of freedom: 1e-7


def test_too_little_modulus_is_a_plan_error(shallow):
    step = shallow.step("convert.he_to_mpc", (4,), level=0, layout=Layout.dense(4, shallow.context.slots).to_json())
    with pytest.raises(PartyError, match=r"PPC6006.*58 bits of modulus"):
        he_mpc.he_to_mpc(shallow.client, step, Value("he", (4,)))


def to_integers(limbs):
    return np.array([sum(int(limb) << (16 * t) for t, limb in enumerate(column)) for column in limbs.T], object)


def test_mpc_to_he_fills_every_copy(shallow):
    """What a linear step reads may lie in several places, also of a value that comes from shares."""
    n = shallow.context.slots
    layout = Layout(((3, 100), (40, 1)), n, copies=((2, n), (4, 512)))
    rng = np.random.default_rng(1)
    x = rng.uniform(-40, 40, 120)
    a = rng.integers(-(2**63), 2**63 - 1, 120)
    b = np.rint(x * 65536).astype(np.int64) - a
    step = shallow.step("convert.mpc_to_he", (120,), level=1, layout=layout.to_json())
    values = shallow.run(he_mpc.mpc_to_he, step, (Value("mpc", (120,), a),), (Value("mpc", (120,), b),))
    found = np.array([shallow.decrypt(c) for c in values[1].data])
    assert np.abs(found - layout.pack(x)).max() < 2 * LSB


@pytest.mark.parametrize("degree", [1024, 32768])
def test_integer_slots_are_linear_and_right(degree):
    """decode of the sum = sum of the decodes, and both agree with the embedding in floating point."""
    rng = np.random.default_rng(0)
    slots = rng.permutation(degree // 2)[:40]
    values = rng.integers(-(2**30), 2**30, 40)
    scale = 2.0**50.3
    mask = rng.integers(-(2**62), 2**62, 40)
    whole, one, other = (
        to_integers(integer_slots.encode(v, slots, degree, scale)) for v in (values, mask, values - mask)
    )
    assert max(abs(int(d)) for d in whole - one - other) <= 1
    angles = np.pi / degree * np.array([pow(3, int(j), 2 * degree) for j in slots])[:, None] * np.arange(degree)
    assert np.allclose(np.cos(angles) @ (whole.astype(float) / scale), values / 65536, atol=1e-3, rtol=1e-5)
    primes = coefficient_primes(degree if degree > 1024 else 8192, (60, 59, 58))
    noise = np.array([int(r) << 70 for r in rng.integers(-(2**62), 2**62, degree)], object)
    found = [np.stack([(v % q).astype(np.uint64) for q in primes]) for v in (whole + noise, noise)]
    a, b = integer_slots.decode(found, primes, [slots, slots], scale)
    assert np.abs(a - b - values).max() < 400  # 2^30 · 2^-22


@pytest.mark.parametrize("scale", [2.0**30, 2.0**44.7, 3 * 2.0**56, 2.0**100.1])
def test_integer_slots_are_what_python_integers_give(scale):
    """Every bit, over few primes and many: the definition with integers of any size."""
    degree, rng = 1024, np.random.default_rng(1)
    slots = rng.permutation(degree // 2)[:300]
    values = np.concatenate([rng.integers(-(2**63), 2**63 - 1, 298), [-(2**63), 2**63 - 1]])
    powers = np.array([pow(3, int(j), 2 * degree) for j in slots])
    angles = (powers[:, None] * np.arange(degree // 2)) % (2 * degree) * (np.pi / degree)
    rows = np.rint(np.cos(angles) * 2.0**24).astype(np.int64).astype(object)
    numerator, denominator = (scale * 2 / degree).as_integer_ratio()
    half = (values.astype(object) @ rows * numerator * 2 + denominator * 2**40) // (denominator * 2**41)
    want = np.concatenate([half, [0], -half[:0:-1]])
    assert (to_integers(integer_slots.encode(values, slots, degree, scale)) == want).all()

    exponent = int(np.floor(np.log2(scale)))
    matrix = np.rint(np.cos(angles) * (2.0**exponent / scale * 2.0**24)).astype(np.int64).astype(object)
    for bits in [(60,), (60, 50), (60, 60, 59, 58, 57)]:
        primes = coefficient_primes(8192, bits)
        modulus = int(np.prod(np.array(primes, object)))
        edge = [0, 1, -1, modulus // 2, -(modulus // 2)]
        drawn = [int.from_bytes(rng.bytes(40), "little") % modulus - modulus // 2 for _ in range(degree - 5)]
        c = np.array(edge + drawn, object)
        folded = c[: degree // 2].copy()
        folded[1:] -= c[: degree // 2 : -1]
        sums = matrix @ folded
        ring = ((sums >> (24 + exponent - 16)) % 2**64).astype(np.uint64).view(np.int64)
        (found,) = integer_slots.decode([np.stack([(c % q).astype(np.uint64) for q in primes])], primes, [slots], scale)
        assert (found == ring).all()


def test_a_scale_that_shares_cannot_be_taken_from_is_refused():
    with pytest.raises(ValueError, match="too small"):
        integer_slots.decode([np.zeros((1, 1024), np.uint64)], [97], [np.arange(3)], 2.0**-9)


SHIFTS = [1, 2, 64, 4095]


def summed(slots):
    for s in SHIFTS:
        slots = slots + np.roll(slots, -s)
    return slots


def test_sums_are_made_on_the_shares(shallow):
    """What rotate-and-adds on the ciphertext would give, with no Galois key; both shares are still uniform."""
    n = shallow.context.slots
    slots, layout = np.random.default_rng(7).uniform(-3, 3, n), Layout(((20, 64), (3, 1)), n, offset=5)
    step = shallow.step("convert.he_to_mpc", (60,), level=1, layout=layout.to_json(), sums=SHIFTS)
    ciphertext = shallow.encrypt(slots, 1, Layout.dense(n, n))
    shares = shallow.run(he_mpc.he_to_mpc, step, (Value("he", (60,)),), (ciphertext,))
    assert np.abs(joined(shares) - summed(slots)[layout.addresses()]).max() < 3 * LSB
    assert len(np.unique(shares[0].data >> 62)) == 4 == len(np.unique(shares[1].data >> 62))


def test_a_mask_is_made_ahead_and_used_once(shallow, make):
    layout = Layout.dense(30, shallow.context.slots)
    attrs = {"level": 1, "layout": layout.to_json(), "scale": shallow.scale}
    x = np.random.default_rng(8).uniform(-3, 3, 30)
    step = shallow.step("convert.he_to_mpc", (30,), **attrs)
    session = replace(shallow.server, manifest={"steps": [make.line("convert.he_to_mpc", (30,), step.id, attrs)]})
    exits = session.engines["he"].exits
    he_mpc.prepare_masks(session, 2)
    made = list(exits.waiting[step.id])
    assert len(made) == 2 and exits.size > 0
    found = [leave(shallow, x, 1, layout) for _ in range(3)]
    assert exits.waiting[step.id] == [] and exits.size == 0
    assert np.abs([joined(f) - x for f in found]).max() < 2 * LSB
    assert (found[0][1].data == made[1].share).all() and (found[1][1].data == made[0].share).all()
    assert (found[2][1].data != found[0][1].data).all() and (found[2][1].data != found[1][1].data).all()


def test_no_more_masks_wait_than_memory_is_for():
    masks = ExitMasks(limit=100)
    share = np.zeros(10, np.int64)
    assert [masks.prepare(1, lambda: ExitMask([], share)) for _ in range(4)] == [True, True, False, False]
    masks.take(1, lambda: pytest.fail("one waits"))
    assert masks.prepare(1, lambda: ExitMask([], share))
