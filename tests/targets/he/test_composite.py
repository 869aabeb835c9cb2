"""Compositions under HE: lowered stage by stage, right in clear and encrypted, at the depth that was announced."""

from dataclasses import replace

import numpy as np
import pytest
from he_run import encrypted, on_slots

from ppc.ir.approximation import as_polynomial
from ppc.ir.module import Op, Stage
from ppc.ir.types import Domain
from ppc.passes.approximate import with_polynomial
from ppc.passes.composite import composite
from ppc.targets.he.lower import lower_he
from ppc.targets.he.target import HETarget
from ppc.targets.he.verify import verify_he

RNG = np.random.default_rng(5)
RELU = (0.5, 0.5)


def attributes(bound, stages):
    return as_polynomial(with_polynomial(Op("Relu", ("x",), ("y",)), composite(RELU, bound, stages))).attrs


def mlp(builder, stages, calibrated=None):
    """A layer, a Relu as a composition, a layer; and what it gives with Relu itself."""
    x, v, w = RNG.normal(size=(1, 20)), RNG.normal(size=(20, 12)) / 5, RNG.normal(size=(12, 3)) / 4
    b = builder(x.shape)
    h = x @ v
    bound = 1.1 * float(np.abs(h).max())
    b.op("MatMul", [b.last, b.weight(v)], h.shape)
    b.op("Polynomial", [b.last], h.shape, attributes(bound, stages))
    b.op("MatMul", [b.last, b.weight(w)], (1, 3))
    module = b.module()
    if calibrated is not None:
        module = calibrated(module, x)
    return module, x, np.maximum(h, 0) @ w, composite(RELU, bound, stages).error * float(np.abs(w).sum(0).max())


@pytest.mark.parametrize(("stages", "levels"), [((7, 7), 3 + 3 + 1), ((7, 7, 15), 3 + 3 + 4 + 1)])
def test_stages_and_a_product(builder, run, stages, levels, calibrated):
    module, x, expected, error = mlp(builder, stages, calibrated)
    lowered = lower_he(module)
    verify_he(lowered)
    names = [op.name for op in lowered.ops if op.domain is Domain.HE and op.name != "he.drop"]
    assert names.count("he.polynomial") == len(stages) and names.count("he.mul") == 1
    assert names.count("he.linear") == 2, "the change of range is in the layer before"
    (leave,) = (op for op in lowered.ops if op.name == "convert.he_to_mpc")
    taken = lowered.attrs["he.top_level"] - leave.attrs["level"]
    assert levels <= taken <= levels + 1, "one more where the layer before rescales"
    got = run(lowered, x)
    assert np.abs(got[module.outputs[0]] - expected).max() <= error
    slots = [got[op.results[0]] for op in lowered.ops if op.name in ("he.polynomial", "he.mul")]
    assert max(np.abs(v).max() for v in slots) < 4, "also where no element lies"


@pytest.mark.parametrize("stages", [(7, 7), (7, 7, 15)])
def test_depth_is_announced(builder, stages):
    module, *_ = mlp(builder, stages)
    op = next(op for op in module.ops if op.name == "Polynomial")
    want = sum((d + 1).bit_length() - 1 for d in stages) + 1
    assert HETarget().depth(op, replace(module, stage=Stage.ASSIGNED)) == want


def test_encrypted(builder, calibrated):
    module, x, expected, error = mlp(builder, (7, 15), calibrated)
    lowered = lower_he(module)
    clear = on_slots(lowered, x, noise=False)[module.outputs[0]].data
    found = encrypted(lowered, x).result(module.outputs[0])
    assert np.abs(found - clear).max() < 2e-4 and np.abs(found - expected).max() < error + 2e-4
