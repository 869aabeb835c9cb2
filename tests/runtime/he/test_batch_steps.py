"""Batch-packed programs: on ciphertexts against numpy, in the clear and simulate modes, and what is refused."""

import numpy as np
import pytest

from ppc.runtime.convert import he as borders
from ppc.runtime.convert import he_mpc
from ppc.runtime.errors import PartyError
from ppc.runtime.he import batch_border, batch_simulate, batch_steps, simulate, wire
from ppc.runtime.he.noise import NoiseModel
from ppc.runtime.layout import Layout
from ppc.runtime.levels import Chain
from ppc.runtime.value import Value

N, SLOTS, SAMPLES = 8192, 4096, 7
BITS, S0 = [56, 46, 46, 58], 2.0**30
CHAIN = Chain.of(N, BITS)
FACTOR = 2.0**14
ELEMENTS = 6
SEGMENT = (S0 * FACTOR) ** 2 * FACTOR  # the scale after linear, square, linear
RESCALED = SEGMENT / CHAIN.primes[2]


def batch(elements, samples=SAMPLES):
    return Layout(((samples, 1), (elements, SLOTS)), SLOTS).to_json()


@pytest.fixture(scope="module")
def two(make):
    return make.start(N, BITS, 30, [])


@pytest.fixture(scope="module")
def model(make):
    """Blocks like those of a convolution, then a dense layer; entries as the steps take them, and matrices."""
    rng = np.random.default_rng(0)
    blocks = [[[0, 3], [0, 1, 2]], [[1, 4], [2, 3, 4]], [[2], [5]]]
    entries, first = rng.normal(size=13), np.zeros((5, ELEMENTS))
    at = 0
    for rows, cols in blocks:
        first[np.ix_(rows, cols)] = entries[at : at + len(rows) * len(cols)].reshape(len(rows), -1)
        at += len(rows) * len(cols)
    second = rng.normal(size=(2, 5)) / 2
    b1, b2 = rng.normal(size=5), rng.normal(size=2)
    return {
        "blocks": blocks,
        "weights": (make.weight(entries), make.weight(b1), make.weight(second.reshape(-1)), make.weight(b2)),
        "dense": [[list(range(2)), list(range(5))]],
        "function": lambda x: (x @ first.T + b1) ** 2 @ second.T + b2,
    }


def steps(make, model, leave="reveal.he_to_client", **changes):
    """enter, linear, square, linear, rescale, leave."""
    common = {"level": 2}
    rows = [
        ("convert.client_to_he", ELEMENTS, {"layout": batch(ELEMENTS), "packing": "batch", "scale": S0}),
        (
            "he.batch_linear",
            5,
            {
                "blocks": model["blocks"],
                "weight_scale": FACTOR,
                "scale": S0 * FACTOR,
                "in_layout": batch(ELEMENTS),
                "out_layout": batch(5),
            },
        ),
        ("he.batch_square", 5, {"scale": (S0 * FACTOR) ** 2}),
        (
            "he.batch_linear",
            2,
            {
                "blocks": model["dense"],
                "weight_scale": FACTOR,
                "scale": SEGMENT,
                "in_layout": batch(5),
                "out_layout": batch(2),
            },
        ),
        ("he.batch_rescale", 2, {"out_level": 1, "scale": RESCALED}),
        (leave, 2, {"level": 1, "layout": batch(2), "scale": RESCALED, "privacy": "public weights"}),
    ]
    return [
        make.step(name, (SAMPLES, size), i, **(common | attrs | changes.get(name, {})))
        for i, (name, size, attrs) in enumerate(rows, start=1)
    ]


def run(two, make, model, x, leave=borders.he_to_client, name="reveal.he_to_client", **changes):
    enter, linear, square, dense, rescale, exit_ = steps(make, model, name, **changes)
    w1, b1, w2, b2 = model["weights"]
    _, h = two.run(borders.client_to_he, enter, (Value("client", x.shape, x),), (Value("client", x.shape),))
    h = batch_steps.linear(two.server, linear, h, w1, b1)
    h = batch_steps.square(two.server, square, h)
    h = batch_steps.linear(two.server, dense, h, w2, b2)
    h = batch_steps.rescale(two.server, rescale, h)
    two.server.engines["he"].matrices.clear()
    return two.run(leave, exit_, (Value("he", h.shape),), (h,))


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(1).normal(size=(SAMPLES, ELEMENTS))


def test_a_batch_program_computes_the_network(two, make, model, x):
    client, server = run(two, make, model, x)
    assert server.data is None
    assert np.abs(client.data - model["function"](x)).max() < 2e-3


def test_it_leaves_for_shares_that_add_up(two, make, model, x):
    shares = run(two, make, model, x, he_mpc.he_to_mpc, "convert.he_to_mpc")
    total = sum(v.data.astype(np.int64) for v in shares) / 2.0**16
    assert np.abs(total - model["function"](x)).max() < 2e-3
    alone = [np.abs(v.data / 2.0**16).max() for v in shares]
    assert min(alone) > 2.0**40  # each share alone is spread over the ring


@pytest.mark.parametrize("noise,tolerance", [(None, 1e-12), (NoiseModel(N, CHAIN), 2e-3)])
def test_clear_and_simulate_modes_agree(make, model, x, noise, tolerance):
    from ppc.runtime.party import Session

    session = Session("client", {}, engines={"he": simulate.SlotEngine(noise)})
    enter, linear, square, dense, rescale, exit_ = steps(make, model)
    w1, b1, w2, b2 = model["weights"]
    h = simulate.client_to_he(session, enter, Value("client", x.shape, x))
    h = batch_simulate.linear(session, linear, h, w1, b1)
    h = batch_simulate.square(session, square, h)
    h = batch_simulate.rescale(session, rescale, batch_simulate.linear(session, dense, h, w2, b2))
    found = simulate.he_to_client(session, exit_, h).data
    error = np.abs(found - model["function"](x)).max()
    assert error < tolerance and (noise is None or error > 1e-9)


def entered(two, make, x, level=2, scale=S0):
    layout = batch(x.shape[1])
    step = make.step("convert.client_to_he", x.shape, layout=layout, level=level, packing="batch", scale=scale)
    return two.run(borders.client_to_he, step, (Value("client", x.shape, x),), (Value("client", x.shape),))[1]


def decrypted(two, value, size):
    cts = batch_border.ciphertexts(two.server.engines["he"], value)
    return np.array([two.decrypt(c)[:SAMPLES] for c in cts]).T[:, :size]


def test_sums_and_products_of_two_values(two, make):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, SAMPLES, 3))
    x, y = entered(two, make, a), entered(two, make, b)
    server, shape = two.server, (SAMPLES, 3)
    wide = {"level": 2, "scale": S0**2}
    product = batch_steps.mul(server, make.step("he.batch_mul", shape, **wide), x, y)
    squared = batch_steps.square(server, make.step("he.batch_square", shape, **wide), x)
    total = batch_steps.add(server, make.step("he.batch_add", shape, **wide), product, squared)
    left = batch_steps.sub(server, make.step("he.batch_sub", shape, **wide), total, squared)
    end = {"level": 2, "out_level": 2, "scale": S0**2}
    for value, expected in ((total, a * b + a * a), (left, a * b)):
        done = batch_steps.rescale(server, make.step("he.batch_rescale", shape, **end), value)
        assert np.abs(decrypted(two, done, 3) - expected).max() < 1e-4
    difference = batch_steps.sub(server, make.step("he.batch_sub", shape, level=2, scale=S0), x, y)
    low = batch_steps.drop(server, make.step("he.batch_drop", shape, level=0, scale=S0), difference)
    assert np.abs(decrypted(two, low, 3) - (a - b)).max() < 1e-4


def test_what_does_not_fit_the_plan_is_refused(two, make, model, x):
    server, shape = two.server, (SAMPLES, ELEMENTS)
    value = entered(two, make, x)
    step = make.step("he.batch_square", shape, level=1, scale=S0**2)
    with pytest.raises(PartyError, match="planned at level 1, not 2"):
        batch_steps.square(server, step, value)
    with pytest.raises(PartyError, match="planned is"):
        batch_steps.square(server, make.step("he.batch_square", shape, level=2, scale=S0**2 * 1.01), value)
    once = batch_steps.square(server, make.step("he.batch_square", shape, level=2, scale=S0**2), value)
    with pytest.raises(PartyError, match="not relinearised"):
        batch_steps.square(server, make.step("he.batch_square", shape, level=2, scale=S0**4), once)
    with pytest.raises(PartyError, match="not relinearised"):
        batch_border.ciphertexts(two.server.engines["he"], once)
    with pytest.raises(PartyError, match="scales"):
        batch_steps.add(server, make.step("he.batch_add", shape, level=2, scale=S0), value, once)
    with pytest.raises(PartyError, match="not packed by batch"):
        batch_steps.square(server, step, Value("he", shape, [], value.layout))
    linear = {"level": 2, "scale": S0 * 2, "weight_scale": 2.0, "out_layout": batch(1)}
    for change, reason in (
        ({"blocks": [[[0], [ELEMENTS]]]}, "reads past"),
        ({"blocks": [[[0, 1], [0]]]}, "weights of shapes"),
        ({"blocks": [[0, 1]]}, "no valid blocks"),
        ({"blocks": [[[0], [0]]], "weight_scale": 0.5}, "no valid weight_scale"),
        ({"blocks": [[[0], [0]]], "weight_scale": float("nan")}, "no valid weight_scale"),
    ):
        bad = make.step("he.batch_linear", (SAMPLES, 1), **(linear | change))
        with pytest.raises(PartyError, match=f"PPC6006(.|\n)*{reason}"):
            batch_steps.linear(server, bad, value, make.weight(np.ones(1)))


@pytest.mark.parametrize(
    "layout",
    [
        Layout.dense(SAMPLES * ELEMENTS, SLOTS),
        Layout(((SAMPLES, SLOTS), (ELEMENTS, 1)), SLOTS),
        Layout(((SAMPLES, 2), (ELEMENTS, SLOTS)), SLOTS),
    ],
)
def test_another_layout_is_not_a_batch(two, make, x, layout):
    step = make.step("convert.client_to_he", x.shape, layout=layout.to_json(), level=2, packing="batch", scale=S0)
    with pytest.raises(PartyError, match="one sample a slot"):
        borders.client_to_he(two.client, step, Value("client", x.shape, x))


def test_a_client_that_sends_another_scale_is_refused(two, make, x, monkeypatch):
    real = wire.check_ciphertext

    def check(data, context, level, scale):
        return real(data, context, level, scale * 2)

    monkeypatch.setattr(wire, "check_ciphertext", check)
    with pytest.raises(PartyError, match=r"PPC6003(.|\n)*scale"):
        entered(two, make, x)
