"""The noise model against measured noise, and the clear mode against ciphertexts."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from ppc.runtime.convert import he as exits
from ppc.runtime.he import simulate, steps
from ppc.runtime.he.noise import NoiseModel
from ppc.runtime.layout import Layout
from ppc.runtime.party import Session
from ppc.runtime.value import Value


@pytest.fixture
def simulated(deep):
    he = deep.client.manifest["he"]
    session = Session("client", deep.client.manifest)
    session.engines["he"] = simulate.SlotEngine(NoiseModel.of(he))
    return session


@pytest.fixture
def clear(deep):
    return Session("client", deep.client.manifest)


def both(deep, simulated, x, level, layout):
    """The same vector encrypted and simulated."""
    step = deep.step("convert.client_to_he", x.shape, level=level, layout=layout.to_json())
    return deep.encrypt(x, level, layout), simulate.client_to_he(simulated, step, Value("client", x.shape, x))


def close(measured, modelled):
    """Within a factor of four, as the report promises."""
    assert 0.25 < measured.std() / modelled.std() < 4, (measured.std(), modelled.std())


def test_noise_of_each_step_is_modelled(deep, simulated, clear, make):
    rng = np.random.default_rng(0)
    n = deep.context.slots
    layout = Layout.dense(n, n)
    x = rng.uniform(-1, 1, n)
    real, model = both(deep, simulated, x, 5, layout)
    close(deep.decrypt(real.data[0]) - x, model.data[0] - x)

    terms = [[0, 0, b, 0] for b in (0, 1, 1, 1)] + [[0, 0, 1, 1]]
    d = rng.normal(size=(5, n))
    attrs = {"level": 5, "terms": terms, "post": [1], "out_layout": layout.to_json()}
    step = deep.step("he.linear", (n,), real, id=5, **attrs)
    exact = simulate.linear(clear, step, Value("he", (n,), x[None]), make.weight(d)).data[0]
    real_linear = steps.linear(deep.server, step, real, make.weight(d))
    model_linear = simulate.linear(simulated, step, model, make.weight(d))
    close(deep.decrypt(real_linear.data[0]) - exact, model_linear.data[0] - exact)

    step = deep.step("he.mul", (n,), real, real, level=5)
    real_square, model_square = steps.mul(deep.server, step, real, real), simulate.mul(simulated, step, model, model)
    close(deep.decrypt(real_square.data[0]) - x * x, model_square.data[0] - x * x)

    step = deep.step("he.drop", (n,), real, level=2)
    close(
        deep.decrypt(steps.drop(deep.server, step, real).data[0]) - x,
        simulate.drop(simulated, step, model).data[0] - x,
    )

    c = rng.normal(size=12)
    step = deep.step("he.polynomial", (n,), real, level=5, out_level=1, coefficients=c.tolist(), lo=-1, hi=1)
    want = chebyshev.chebval(x, c)
    real_poly, model_poly = steps.polynomial(deep.server, step, real), simulate.polynomial(simulated, step, model)
    close(deep.decrypt(real_poly.data[0]) - want, model_poly.data[0] - want)
    assert np.abs(simulate.polynomial(clear, step, Value("he", (n,), x[None])).data[0] - want).max() < 1e-12


def test_flooding_costs_what_the_model_says(deep, simulated):
    n = deep.context.slots
    layout = Layout.dense(n, n)
    x = np.random.default_rng(0).uniform(-1, 1, n)
    real, model = both(deep, simulated, x, 5, layout)
    attrs = {"level": 5, "layout": layout.to_json(), "privacy": "flooding", "flood_bits": 30}
    step = deep.step("reveal.he_to_client", (n,), real, **attrs)
    got = deep.run(exits.he_to_client, step, (Value("he", (n,)),), (real,))[0].data
    close(got - x, simulate.he_to_client(simulated, step, model).data - x)


def test_clear_mode_of_slotwise_steps(clear, deep):
    x, y = (Value("he", (3,), np.full((1, 3), v), scale=deep.scale) for v in (1.0, 2.0))

    def run(name, *operands, **attrs):
        return getattr(simulate, name)(clear, deep.step(f"he.{name}", (3,), *operands, **attrs), *operands).data

    assert (run("add", x, y) == 3).all()
    assert (run("sub", x, y) == -1).all()
    assert (run("mul", y, y, level=3) == 4).all()
    assert (run("square", y, level=3, negate=True, plus=0.5) == -3.5).all()
    assert (run("upscale", y, level=3, scale=2 * deep.scale) == 2).all()
    assert (run("drop", y, level=1) == 2).all()
