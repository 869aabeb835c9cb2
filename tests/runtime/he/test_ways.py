"""Which steps run on several threads, with SEAL called directly: those with work for them, and with equal results."""

import numpy as np
import pytest

from ppc.runtime.he import blob, native, steps
from ppc.runtime.he.evaluator import SWITCH, NativeEvaluator, OfficialEvaluator
from ppc.runtime.he.linear_order import ADDITION, RESCALING, ROTATION, order, parallelism
from ppc.runtime.he.prepare import Encoded
from ppc.runtime.he.schedule import Workers
from ppc.runtime.he.ways import Ways
from ppc.runtime.layout import Layout

pytestmark = pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))


def linear(shallow, make, terms, id=1, **attrs):
    n = shallow.context.slots
    layout = Layout.dense(n, n).to_json()
    return make.step("he.linear", (n,), id=id, level=2, out_level=1, terms=terms, out_layout=layout, **attrs)


def way(found):
    return type(found.context.arithmetic), found.workers.threads


CHAIN = [[0, 0, 0, 0]]
#: Two rotations of the input that do not wait for one another, for two outputs.
WIDE = [[0, o, b, 0] for o in range(2) for b in (1, 3)]


def test_parallelism_is_work_over_the_longest_chain():
    keys, product = frozenset({1, 3}), 1 + ADDITION
    alone = order([(0, 0, 0, 0)], 1, keys, 64)
    assert parallelism(alone, 1, 0, 0) == 1
    assert parallelism(alone, 1, 2, 3) == 1  # rotate-and-adds in a row
    assert parallelism(alone * 0, 0, 0, 0) == 0
    wide = order([(0, o, b, 0) for o in range(2) for b in (1, 3)], 2, keys, 64, 2)
    total, path = 2 * ROTATION + 4 * product + 2 * RESCALING, ROTATION + 2 * product + RESCALING
    assert parallelism(wide, 1, 0, 0) == pytest.approx(total / path)
    assert parallelism(wide, 1, 0, 1) == pytest.approx(
        (total + 2 * (ROTATION + ADDITION)) / (path + ROTATION + ADDITION)
    )


def test_a_linear_step_takes_threads_where_it_has_work_for_them(shallow, make, monkeypatch):
    ways = Ways(shallow.context, Workers(3))
    assert way(ways.linear(linear(shallow, make, CHAIN, id=1))) == (OfficialEvaluator, 1)
    assert way(ways.linear(linear(shallow, make, WIDE, id=2))) == (NativeEvaluator, 3)
    assert way(ways.linear(linear(shallow, make, CHAIN, id=3, pre=[1, 3], post=[64, 1]))) == (OfficialEvaluator, 1)
    assert way(Ways(shallow.context, Workers(1)).linear(linear(shallow, make, WIDE))) == (OfficialEvaluator, 1)
    monkeypatch.setenv(SWITCH, "0")
    assert way(Ways(shallow.context, Workers(3)).linear(linear(shallow, make, WIDE))) == (OfficialEvaluator, 1)


def test_a_pointwise_step_takes_threads_for_several_ciphertexts(shallow):
    ways = Ways(shallow.context, Workers(2))
    assert [way(ways.across(n)) for n in (1, 2)] == [(OfficialEvaluator, 1), (NativeEvaluator, 2)]
    assert way(Ways(shallow.context, Workers(1)).across(9)) == (OfficialEvaluator, 1)


def test_the_way_does_not_change_the_residues(shallow, make, monkeypatch):
    """Saved bytes of two steps in a row, the second square of the first's outputs, on one thread and on three."""
    n, found, engine = shallow.context.slots, [], shallow.server.engines["he"]
    rng = np.random.default_rng(3)
    value, weights = shallow.encrypt(rng.normal(size=n), 2), make.weight(rng.normal(size=(len(WIDE), n)))
    layout = Layout.dense(2 * n, n).to_json()
    for threads in (1, 3):
        monkeypatch.setattr(engine, "ways", Ways(engine.context, Workers(threads)))
        monkeypatch.setattr(engine, "encoded", Encoded())
        step = shallow.step("he.linear", (2 * n,), value, id=5, level=2, terms=WIDE, out_layout=layout)
        y = steps.linear(shallow.server, step, value, weights)
        z = steps.square(shallow.server, shallow.step("he.square", (2 * n,), y, id=6, level=1), y)
        assert way(engine.ways.linear(step))[0] is (OfficialEvaluator if threads == 1 else NativeEvaluator)
        found.append([blob.dump(c) for c in (*y.data, *z.data)])
    assert found[0] == found[1]
