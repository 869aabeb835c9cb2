"""A whole program through `Session.step`, at both parties, against numpy; and what crossed the wire."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.polynomial import chebyshev

from ppc.runtime.he import engine, simulate
from ppc.runtime.he.noise import NoiseModel
from ppc.runtime.layout import Layout
from ppc.runtime.levels import Chain
from ppc.runtime.net.memory import pair
from ppc.runtime.party import Session
from ppc.runtime.value import Value

N = 16384
SLOTS = N // 2
ROWS, COLUMNS = 16, 64  # the matrix; the input is repeated, so that a diagonal never leaves its copies


BITS = [60, *[50] * 6, 60]


def manifest(make, weights):
    wide = Layout.dense(COLUMNS, SLOTS).to_json()
    out = Layout.dense(ROWS, SLOTS).to_json()
    terms = [[0, 0, b, g] for g in range(0, COLUMNS, 8) for b in range(8)]
    q, scale = Chain.of(N, BITS).primes, 2.0**50
    polynomial = {
        "scale": scale,
        "level": 5,
        "out_level": 2,
        "coefficients": [0.3, 0.5, 0.2, 0.05],
        "lo": -4.0,
        "hi": 4.0,
    }
    linear = {"terms": terms, "post": [], "in_layout": wide, "out_layout": out}
    linear |= {"level": 6, "out_level": 5, "weight_scale": float(q[6]), "scale": scale}
    revealed = {"level": 2, "scale": scale**2 / q[3], "layout": out, "privacy": "flooding", "flood_bits": 25}
    lines = [
        ("convert.client_to_he", (COLUMNS,), {"level": 6, "scale": scale, "layout": wide}),
        ("he.linear", (ROWS,), linear),
        ("he.polynomial", (ROWS,), polynomial),
        ("convert.he_to_mpc", (ROWS,), {"level": 2, "scale": scale, "layout": out}),
        ("convert.mpc_to_he", (ROWS,), {"level": 3, "scale": scale, "layout": out}),
        ("he.mul", (ROWS,), {"level": 3, "scale": scale**2 / q[3]}),
        ("reveal.he_to_client", (ROWS,), revealed),
    ]
    steps = [make.line(name, shape, i, attrs) for i, (name, shape, attrs) in enumerate(lines, start=1)]
    he = {
        "degree": N,
        "prime_bits": BITS,
        "top_level": 6,
        "galois": {"6": [1, 2, 4, 8, 16, 32]},
        "relin": [5, 4, 3],
        "security_bits": 128,
    }
    return {"he": he, "steps": steps, "weights": {k: {"shape": list(v.shape)} for k, v in weights.items()}}


def program(p, x):
    x_he = p.convert.client_to_he(x)
    a = p.he.linear(x_he, p.weight("d"), p.weight("b"))
    b = p.he.polynomial(a)
    shares = p.convert.he_to_mpc(b)
    again = p.convert.mpc_to_he(shares)
    return p.reveal.he_to_client(p.he.mul(again, again))


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    w, bias = rng.normal(size=(ROWS, COLUMNS)) / 8, rng.normal(size=ROWS)
    d, row = np.zeros((COLUMNS, SLOTS)), np.arange(ROWS)
    for t, shift in enumerate(range(COLUMNS)):
        giant = shift // 8 * 8
        inside = row[row + shift < COLUMNS]  # columns before the row wrap to none: the matrix is upper banded
        d[t, inside + giant] = w[inside, inside + shift]
    banded = np.where(np.arange(COLUMNS) >= row[:, None], w, 0)
    b = np.zeros((1, SLOTS))
    b[0, :ROWS] = bias
    return {"d": d, "b": b}, lambda x: chebyshev.chebval((banded @ x + bias) / 4, [0.3, 0.5, 0.2, 0.05]) ** 2


def test_the_program_computes_and_leaks_nothing(model, make):
    weights, reference = model
    plan = manifest(make, weights)
    a, b = pair("client", "server")
    client = Session("client", plan, {"server": a})
    server = Session("server", plan, {"client": b}, weights)
    make.at_once(lambda: engine.setup(client), lambda: engine.setup(server))
    for run in range(2):
        x = np.random.default_rng(run).normal(size=COLUMNS)
        for session in (client, server):
            session.start_run(run, {})
        result, nothing = make.at_once(
            lambda x=x: program(client, Value("client", x.shape, x)),
            lambda: program(server, Value("client", (COLUMNS,))),
        )
        assert nothing.data is None
        assert np.abs(result.data - reference(x)).max() < 2e-4
    assert [tag for tag, _ in a.transcript] == ["0.4.he", "0.7.he", "1.4.he", "1.7.he"]
    seen = b"".join(blob for _, blob in a.transcript)
    assert all(weights["d"][t].tobytes()[:64] not in seen for t in range(COLUMNS))
    received = [tag for tag, _ in b.transcript]
    assert received[:7] == [*(f"he.setup.{i}" for i in range(6)), "0.1.he"] and "0.5.he" in received


def test_clear_and_simulate_modes_agree_with_the_reference(model, make):
    weights, reference = model
    plan = manifest(make, weights)
    x = np.random.default_rng(3).normal(size=COLUMNS)
    for noise, tolerance in ((None, 1e-12), (NoiseModel.of(plan["he"]), 2e-4)):
        session = Session("client", plan, weights=weights, engines={"he": simulate.SlotEngine(noise)})
        value = Value("client", x.shape, x)
        for line in plan["steps"]:
            from ppc.runtime.party import Step

            step = Step.from_json(line)
            extra = (session.weight("d"), session.weight("b")) if step.name == "he.linear" else ()
            extra = (value,) if step.name == "he.mul" else extra
            value = getattr(simulate, step.name.split(".")[1])(session, step, value, *extra)
        assert np.abs(value.data - reference(x)).max() < tolerance


def test_clear_mode_needs_no_he_library():
    code = "import sys, ppc.runtime.he.simulate; sys.exit('tenseal' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
