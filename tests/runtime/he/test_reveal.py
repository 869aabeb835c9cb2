"""HE to client: what the client learns, and what it does not."""

import numpy as np
import pytest

from ppc.runtime.convert import he as exits
from ppc.runtime.errors import PartyError
from ppc.runtime.he import embedding, limbs, privacy, random, wide
from ppc.runtime.layout import Layout
from ppc.runtime.levels import MASK_BITS
from ppc.runtime.value import Value


def reveal(two, value, shape, **attrs):
    step = two.step("reveal.he_to_client", shape, value, **attrs)
    return two.run(exits.he_to_client, step, (Value("he", shape),), (value,))[0].data


def test_round_trip_with_public_weights(shallow):
    n = shallow.context.slots
    layout = Layout(((3, n), (10, 7)), n, offset=5)
    x = np.random.default_rng(0).normal(size=(5, 6))
    got = reveal(
        shallow, shallow.encrypt(x, 1, layout), (5, 6), level=1, layout=layout.to_json(), privacy="public weights"
    )
    assert got.shape == (5, 6) and np.abs(got - x).max() < 1e-6


def test_flooding_keeps_the_value_and_masks_every_unused_slot(deep):
    """Unused slots hold 7777 before; what the client decrypts there is uniform, in real and imaginary part."""
    n = deep.context.slots
    layout = Layout(((10, 3),), n)
    x = np.full(n, 7777.0)
    x[layout.addresses()] = np.arange(10.0)
    value = deep.encrypt(x, 4)
    got = reveal(deep, value, (10,), level=4, layout=layout.to_json(), privacy="flooding", flood_bits=25)
    assert np.abs(got - np.arange(10.0)).max() < 1e-4
    flooded = privacy.flood(deep.context, deep.server.engines["he"].keys, value.data, layout, 25)[0]
    slots = deep.decrypt(flooded)
    free = np.ones(n, bool)
    free[layout.addresses()] = False
    unit = slots[free] / 2.0 ** (MASK_BITS - 1)
    assert np.abs(unit).max() <= 1.001
    counts = np.histogram(unit, 16, (-1, 1))[0]
    assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 60  # 15 degrees of freedom: 2e-7
    assert abs(unit.mean()) < 6 / np.sqrt(3 * free.sum())


def test_flooding_changes_c1_and_the_noise(shallow):
    n = shallow.context.slots
    value = shallow.encrypt(np.zeros(n), 2)
    keys = shallow.server.engines["he"].keys
    layout = Layout.dense(n, n)
    a, b = (privacy.flood(shallow.context, keys, value.data, layout, 30)[0] for _ in range(2))
    same = limbs.ciphertext_residues(a)[1] == limbs.ciphertext_residues(b)[1]
    assert same.mean() < 0.001
    noise = shallow.decrypt(a) * shallow.scale
    assert 0.8 < noise.std() / (2.0**29 * np.sqrt(shallow.context.degree / 6)) < 1.2


def test_a_flood_that_does_not_fit_or_is_not_planned_is_a_plan_error(shallow):
    n = shallow.context.slots
    layout = Layout.dense(4, n)
    keys, context = shallow.server.engines["he"].keys, shallow.context
    value = shallow.encrypt(np.ones(4), 0, layout)
    with pytest.raises(PartyError, match=r"PPC6006.*flood of 70 bits"):
        privacy.flood(context, keys, value.data, layout, 70)
    step = shallow.step("reveal.he_to_client", (4,), level=0, layout=layout.to_json())
    with pytest.raises(PartyError, match=r"PPC6006.*private"):
        exits.he_to_client(shallow.server, step, value)


def test_out_of_range_is_seen_by_the_decryptor(shallow):
    layout = Layout.dense(4, shallow.context.slots)
    value = shallow.encrypt(np.array([1.0, 2.0, 50.0, -70.0]), 1, layout)
    attrs = {"level": 1, "layout": layout.to_json(), "privacy": "public weights"}
    assert reveal(shallow, value, (4,), bound=71.0, **attrs)[3] == pytest.approx(-70, abs=1e-4)
    with pytest.raises(PartyError, match=r"PPC6010.*2 of 4 values") as e:
        reveal(shallow, value, (4,), bound=49.0, **attrs)
    assert "70" not in str(e.value)


def test_input_that_does_not_fit_is_refused(shallow):
    layout = Layout.dense(2, shallow.context.slots)
    step = shallow.step("convert.client_to_he", (2,), level=0, layout=layout.to_json())
    with pytest.raises(PartyError, match="PPC6005"):
        exits.client_to_he(shallow.client, step, Value("client", (2,), np.array([1.0, np.nan])))
    with pytest.raises(PartyError, match="PPC6010"):
        exits.client_to_he(shallow.client, step, Value("client", (2,), np.array([1.0, 1e30])))
    missing = shallow.step("convert.client_to_he", (2,), level=0)
    with pytest.raises(PartyError, match=r"PPC6006.*layout"):
        exits.client_to_he(shallow.client, missing, Value("client", (2,), np.zeros(2)))


def test_random_numbers_are_uniform_in_their_range():
    drawn = random.uniform_residues([97, (1 << 59) + 12345], 20000)
    assert drawn[0].max() == 96 and drawn[0].min() == 0
    assert ((np.bincount(drawn[0].astype(int), minlength=97) - 20000 / 97) ** 2 / (20000 / 97)).sum() < 200
    assert drawn[1].max() < (1 << 59) + 12345
    for bits in (1, 16, 25, 70):
        found = wide.to_longdouble(random.uniform_integers(20000, bits)) / np.longdouble(2) ** (bits - 1)
        assert -1 <= found.min() < -0.9 and (found.max() > 0.9 or bits == 1) and found.max() < 1
    assert (random.expand(bytes(32), 100)[:50] == random.expand(bytes(32), 50)).all()


def test_coefficients_in_extended_precision(shallow):
    n = shallow.context.slots
    values = np.random.default_rng(0).normal(size=n)
    ours = embedding.integer_coefficients(values.astype(np.longdouble) * 2.0**40)
    from ppc.runtime.he import limbs

    q = shallow.context.chain.primes[0]
    theirs = limbs.to_coefficients(
        shallow.context, 0, limbs.plaintext_residues(shallow.context.encode(values, 0, 2.0**40), shallow.context)[None]
    )[0, 0]
    assert np.abs(embedding.slot_values(ours, 2.0**40) - values).max() < 1e-9
    mine = wide.residues(ours, [q])[0].astype(np.int64)
    difference = np.abs(mine - theirs.astype(np.int64))
    assert np.minimum(difference, q - difference).max() <= 1


def test_where_there_is_little_room_masks_are_small_and_results_right(shallow):
    layout = Layout.dense(4, shallow.context.slots)
    x = np.arange(4.0)
    assert 0 < shallow.context.chain.mask_bits(0, shallow.scale) < 10
    value = shallow.encrypt(x, 0, layout)
    got = reveal(shallow, value, (4,), level=0, layout=layout.to_json(), privacy="flooding", flood_bits=20)
    assert np.abs(got - x).max() < 1e-5


@pytest.mark.parametrize("hidden", [0, 5])
def test_a_mask_keeps_the_value_but_for_hidden_bits(deep, hidden):
    """What the client adds up is within half of 2^hidden units of the value; unused slots (7777) never show."""
    n = deep.context.slots
    layout = Layout(((200, 3),), n)
    x = np.full(n, 7777.0)
    x[layout.addresses()] = np.random.default_rng(0).uniform(-4, 4, 200)
    value = deep.encrypt(x, 2)
    attrs = {"level": 2, "layout": layout.to_json(), "privacy": "masking", "hidden_bits": hidden}
    got = np.array([reveal(deep, value, (200,), **attrs) for _ in range(3)])
    error = (got - x[layout.addresses()]) * 2.0**16
    assert np.abs(error).max() <= 2.0**hidden / 2 + 3
    if hidden:  # its own share is uniform, so the bits that it lacks make the sum a uniform number away from the value
        assert np.abs(error).max() > 2.0**hidden / 4
        assert np.abs(np.diff(got, axis=0)).max() * 2.0**16 > 2.0**hidden / 4, "new in every run"


@pytest.mark.parametrize("hidden", [-1, 41, 1.5, "5"])
def test_hidden_bits_of_a_damaged_plan_are_refused(deep, hidden):
    layout = Layout.dense(4, deep.context.slots)
    value = deep.encrypt(np.ones(4), 2, layout)
    with pytest.raises(PartyError, match=r"PPC6006.*hidden_bits"):
        reveal(deep, value, (4,), level=2, layout=layout.to_json(), privacy="masking", hidden_bits=hidden)


def test_what_the_client_gets_under_a_mask_is_uniform_for_any_weights(deep):
    """Two results whose noise and unused slots differ as those of two sets of weights do: the client's own share,
    modulo 2^16, cannot tell them apart (Kolmogorov and Smirnov at 1e-6)."""
    from ppc.runtime.convert import he_mpc

    n = deep.context.slots
    layout, shares = Layout.dense(2000, n), []
    for garbage, noise in ((0.0, 1e-5), (900.0, 1e-3)):
        x = np.full(n, garbage)
        x[:2000] = 1.0 + noise * np.random.default_rng(1).normal(size=2000)
        value = deep.encrypt(x, 2)
        step = deep.step("convert.he_to_mpc", (2000,), value, level=2, layout=layout.to_json())
        own = deep.run(he_mpc.he_to_mpc, step, (Value("he", (2000,)),), (value,))[0].data
        shares.append(np.sort((own & 0xFFFF) / 2.0**16))
    grid = np.linspace(0, 1, 4001)
    apart = np.abs(np.searchsorted(shares[0], grid) - np.searchsorted(shares[1], grid)).max() / 2000
    assert apart < 2.69 * np.sqrt(2 / 2000)
