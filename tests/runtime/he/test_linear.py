"""he.linear against its definition, for random terms and layouts."""

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.he import steps
from ppc.runtime.layout import Layout
from ppc.runtime.value import Value


def reference(x, terms, d, bias, post):
    out = np.zeros_like(bias)
    for t, (i, o, baby, giant) in enumerate(terms):
        out[o] += np.roll(np.roll(x[i], -baby) * d[t], -giant)
    for s in post:
        out = out + np.roll(out, -s, axis=1)
    return out + bias


@pytest.mark.parametrize("seed", range(4))
def test_linear_is_its_definition(shallow, make, seed):
    rng = np.random.default_rng(seed)
    n = shallow.context.slots
    ins, outs = 1 + seed % 2, 1 + seed // 2
    layout, out_layout = Layout.dense(ins * n, n), Layout.dense(outs * n, n)
    x = rng.normal(size=(ins, n))
    # 5 and 11 have no key of their own: they go over 2 + 3 and 8 + 3
    babies, giants = [0, 1, 2, 3, 5], [0, 8, 11, 3]
    terms = [
        (int(rng.integers(ins)), int(o), b, g)
        for o in range(outs)
        for g in giants
        for b in babies
        if rng.random() < 0.8
    ]
    terms += [(0, o, 2, 8) for o in range(outs)] + [(0, o, 3, 8) for o in range(outs)]
    terms += [(i, o, b, g) for o in range(outs) for i in range(ins) for b in (2, 3) for g in (8, 3)]
    d, bias = rng.normal(size=(len(terms), n)), rng.normal(size=(outs, n))
    d[0] = 0  # a zero diagonal must not break, nor change the result
    value = shallow.encrypt(x, 2, layout)
    step = shallow.step(
        "he.linear",
        (outs * n,),
        value,
        id=100 + seed,
        level=2,
        terms=[list(t) for t in terms],
        post=[64, 1],
        in_layout=layout.to_json(),
        out_layout=out_layout.to_json(),
    )
    y = steps.linear(shallow.server, step, value, make.weight(d), make.weight(bias))
    for o, c in enumerate(y.data):
        assert shallow.context.level(c) == 1
        assert c.scale == step.attrs["scale"]
        assert np.abs(shallow.decrypt(c) - reference(x, terms, d, bias, [64, 1])[o]).max() < 2e-6


def test_results_do_not_depend_on_the_threads(shallow, monkeypatch):
    """Nor on the way SEAL is called: saved bytes are equal, over random layers."""
    from ppc.runtime.he import blob, linear, prepare
    from ppc.runtime.he.evaluator import NativeEvaluator, OfficialEvaluator
    from ppc.runtime.he.schedule import Workers

    context, keys = shallow.context, shallow.server.engines["he"].keys
    n, prime = context.slots, context.chain.primes[2]
    layers = [((0, 1, 2, 3, 4, 5, 9, 10), (0, 8), 1), ((0, 1), (0, 1, 2, 3, 8, 64), 2)]
    for seed, (babies, giants, outs) in enumerate(layers):
        rng = np.random.default_rng(seed)
        x = shallow.encrypt(rng.normal(size=(2, n)), 2, Layout.dense(2 * n, n)).data
        terms = [(i, o, b, g) for i in range(2) for o in range(outs) for b in babies for g in giants]
        rows, found = rng.normal(size=(len(terms), n)), []
        for threads, way in ((1, OfficialEvaluator), (1, NativeEvaluator), (2, NativeEvaluator), (5, NativeEvaluator)):
            monkeypatch.setitem(context.__dict__, "arithmetic", way(context))
            diagonals = prepare.encode_rows(context, rows, 2, float(prime))
            bias = prepare.encode_rows(context, rows[:outs], 1, shallow.scale)
            exact = float(prime), (1, shallow.scale)
            out = linear.evaluate(context, keys, x, terms, diagonals, bias, [1], [64], *exact, Workers(threads))
            found.append([blob.dump(c) for c in out])
        assert found[0] == found[1] == found[2] == found[3]


def test_all_weights_zero_is_zero(shallow, make):
    n = shallow.context.slots
    value = shallow.encrypt(np.ones(n), 1)
    layout = Layout.dense(n, n).to_json()
    step = shallow.step("he.linear", (n,), value, id=77, level=1, terms=[[0, 0, 1, 0]], post=[1], out_layout=layout)
    y = steps.linear(shallow.server, step, value, make.weight(np.zeros((1, n))))
    assert np.abs(shallow.decrypt(y.data[0])).max() < 1e-6


def test_a_linear_step_need_not_rescale(shallow, make):
    n = shallow.context.slots
    a, w = np.random.default_rng(5).normal(size=(2, n))
    x = shallow.encrypt(a, 1, scale=2.0**40)
    attrs = {"level": 1, "out_level": 1, "weight_scale": 2.0**20, "terms": [[0, 0, 1, 0]]}
    step = shallow.step("he.linear", (n,), x, id=78, out_layout=Layout.dense(n, n).to_json(), **attrs)
    (out,) = steps.linear(shallow.server, step, x, make.weight(w[None]), make.weight(np.ones((1, n)))).data
    assert shallow.context.level(out) == 1 and out.scale == 2.0**60
    assert np.abs(shallow.decrypt(out) - (np.roll(a, -1) * w + 1)).max() < 1e-3


@pytest.mark.parametrize(
    ("attrs", "words"),
    [
        ({"scale": 2.0**51}, "has scale"),
        ({"weight_scale": 2.0**49}, "has scale"),
        ({"out_level": 0}, "from level 2 to level 0"),
        ({"out_level": 3}, "from level 2 to level 3"),
        ({"scale": float("nan")}, "no valid scale"),
        ({"weight_scale": 0.0}, "no valid weight_scale"),
        ({"scale": 2.0**200}, "no valid scale"),
    ],
)
def test_scales_that_are_not_what_they_say_are_plan_errors(shallow, make, attrs, words):
    n = shallow.context.slots
    x = shallow.encrypt(np.ones(n), 2)
    attrs = {"level": 2, "terms": [[0, 0, 1, 0]], "out_layout": Layout.dense(n, n).to_json()} | attrs
    if "scale" not in attrs:
        attrs["scale"] = shallow.scale
    step = shallow.step("he.linear", (n,), x, id=79, **attrs)
    with pytest.raises(PartyError, match=rf"PPC6006(.|\n)*{words}"):
        steps.linear(shallow.server, step, x, make.weight(np.ones((1, n))))


def test_wrong_levels_and_missing_keys_are_plan_errors(shallow, make):
    n = shallow.context.slots
    x, low = shallow.encrypt(np.ones(n), 2), shallow.encrypt(np.ones(n), 1)
    layout = Layout.dense(n, n).to_json()
    with pytest.raises(PartyError, match=r"PPC6006.*levels"):
        steps.add(shallow.server, shallow.step("he.add", (n,), x, low), x, low)
    attrs = {"level": 2, "out_layout": layout}
    with pytest.raises(PartyError, match=r"PPC6006.*Galois"):
        step = shallow.step("he.linear", (n,), x, id=70, terms=[[0, 0, 77, 0]], **attrs)
        steps.linear(shallow.server, step, x, make.weight(np.ones((1, n))))
    with pytest.raises(PartyError, match=r"PPC6006.*planned at level 2"):
        step = shallow.step("he.linear", (n,), x, id=71, terms=[[0, 0, 1, 0]], **attrs)
        steps.linear(shallow.server, step, low, make.weight(np.ones((1, n))))
    with pytest.raises(PartyError, match=r"PPC6006.*shapes"):
        step = shallow.step("he.linear", (n,), x, id=72, terms=[[0, 0, 1, 0]], **attrs)
        steps.linear(shallow.server, step, x, make.weight(np.ones((2, n))))
    with pytest.raises(PartyError, match=r"PPC6006.*does not have"):
        step = shallow.step("he.linear", (n,), x, id=73, terms=[[1, 0, 1, 0]], **attrs)
        steps.linear(shallow.server, step, x, make.weight(np.ones((1, n))))
    with pytest.raises(PartyError, match=r"PPC6006.*no HE evaluation keys"):
        steps.add(shallow.client, shallow.step("he.add", (n,), x, x), Value("he", (n,)), Value("he", (n,)))


def test_weights_named_in_the_plan_are_encoded_at_set_up(shallow, make):
    from ppc.runtime.he import prepare
    from ppc.runtime.he.schedule import Workers
    from ppc.runtime.he.ways import Ways
    from ppc.runtime.party import Session

    n = shallow.context.slots
    attrs = {"level": 2, "terms": [[0, 0, 1, 0]], "post": [], "out_layout": Layout.dense(n, n).to_json()}
    attrs |= {"out_level": 1, "weight_scale": 2.0**50, "scale": 2.0**50}
    weights = {"d": {"shape": [1, n]}, "b": {"shape": [1, n]}}
    named = attrs | {"diagonals": "d", "bias": "b"}
    steps_ = [make.line("he.linear", (n,), 3, named), make.line("he.linear", (n,), 4, attrs)]
    session = Session("server", {"weights": weights, "steps": steps_})
    session.weights = {"d": np.ones((1, n)), "b": np.zeros((1, n))}
    encoded = prepare.all_linear(session, Ways(shallow.context, Workers(2)))
    assert set(encoded.kept) == {3} and encoded.size == 8 * 8192 * (3 + 2)
    encoded.limit = encoded.size
    encoded.of(shallow.context, make.step("he.linear", (n,), id=9, **attrs), make.weight(np.ones((1, n))), None)
    assert set(encoded.kept) == {3}  # beyond the limit: encoded, not kept


def test_what_seal_refuses_names_the_step(make):
    tight = make.start(8192, [40, 50, 58], 50, [1])  # scale 2^50 squared does not fit 90 bits
    n = tight.context.slots
    x = tight.encrypt(np.ones(n), 1)
    attrs = {"level": 1, "terms": [[0, 0, 1, 0]], "out_layout": Layout.dense(n, n).to_json()}
    with pytest.raises(PartyError, match=r"PPC6006.*step 5"):
        steps.linear(tight.server, tight.step("he.linear", (n,), x, id=5, **attrs), x, make.weight(np.ones((1, n))))
    huge = tight.step("he.linear", (n,), x, id=6, **attrs)
    with pytest.raises(PartyError, match=r"PPC6006.*step 6 cannot be encoded"):
        steps.linear(tight.server, huge, x, make.weight(np.full((1, n), 1e30)))
