"""SEAL called directly against SEAL through its binding: the same residues, the same refusals, never a crash."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ppc.runtime.he import blob, evaluator, native
from ppc.runtime.he.evaluator import NativeEvaluator, OfficialEvaluator

pytestmark = pytest.mark.skipif(native.missing() is not None, reason=str(native.missing()))


@pytest.fixture(scope="module")
def both(shallow):
    context = shallow.context
    return NativeEvaluator(context), OfficialEvaluator(context), shallow.server.engines["he"].keys


def plain(context, seed, level, scale=2.0**30):
    return context.encode(np.random.default_rng(seed).normal(size=context.slots), level, scale)


def same(a, b):
    """Equal bytes when saved: residues, level, scale."""
    return blob.dump(a) == blob.dump(b)


@pytest.mark.parametrize("level", [1, 2])
def test_every_operation_has_the_same_residues(shallow, both, level):
    direct, official, keys = both
    context = shallow.context
    a, b = (shallow.encrypt(np.random.default_rng(s).normal(size=context.slots), level).data[0] for s in (0, 1))
    for step in (1, 3, 64):
        assert same(*(e.rotate(a, step, keys.galois[level][step]) for e in (direct, official)))
    for pairs in ([(a, plain(context, 2, level))], [(c, plain(context, s, level)) for s in range(3) for c in (a, b)]):
        scale, found = a.scale * 2.0**30, []
        for e in (direct, official):
            taken = [(c, e.operand(p)) for c, p in pairs]
            total = e.sum_of_products(taken, scale)
            total = e.sum_of_products(taken[:1], scale, total)
            e.add_plain(total, e.operand(plain(context, 9, level, scale)))
            e.rescale(total)
            found.append(total)
        assert same(*found)
    for x, y in ((a, b), (a, a)):
        found = []
        for e in (direct, official):
            short = e.sum_of_products([(a, e.operand(context.encode(1.0, level, b.scale)))], a.scale * b.scale)
            raw = e.multiply(x, y)
            e.add(raw, short)  # three polynomials and two
            e.add(short, raw)  # two and three
            e.add(raw, short)
            e.relinearise(raw, keys.relin[level])
            e.rescale(raw)
            found.append(raw)
        assert same(*found)


def test_operands_are_not_changed(shallow, both):
    direct, _, keys = both
    a = shallow.encrypt(np.ones(4), 2).data[0]
    residues = native.plaintext_residues(plain(shallow.context, 0, 2), shallow.context.degree)
    before, operand, kept = blob.dump(a), direct.operand_of(residues, 2, 2.0**30), residues.copy()
    direct.rotate(a, 1, keys.galois[2][1])
    direct.multiply(a, a)
    direct.sum_of_products([(a, operand)], a.scale * 2.0**30)
    assert blob.dump(a) == before and np.array_equal(residues, kept)


def test_the_self_check_notices_wrong_results(monkeypatch):
    from ppc.runtime.he.self_check import first_difference

    assert first_difference() is None
    monkeypatch.setattr(NativeEvaluator, "rescale", lambda self, a: None)
    assert first_difference() == "direct calls differ at a product"
    monkeypatch.setattr(native, "residues", lambda c: np.zeros((2, 2, 4096), np.uint64))
    assert first_difference().startswith("direct calls failed at reading")


def test_which_way_is_taken_is_told(monkeypatch, shallow):
    assert evaluator.describe(2).startswith("SEAL, called directly in steps with work for 2 threads")
    assert evaluator.describe(1) == "SEAL through its binding, on one thread"
    assert isinstance(evaluator.choose(shallow.context), NativeEvaluator)
    monkeypatch.setenv(evaluator.SWITCH, "0")
    assert evaluator.describe(2) == "SEAL through its binding, on one of 2 threads: PPC_HE_NATIVE is 0"
    assert isinstance(evaluator.choose(shallow.context), OfficialEvaluator)


def test_an_unknown_build_is_not_called(monkeypatch):
    native.missing.cache_clear()
    try:
        monkeypatch.setattr(native, "KNOWN_BUILDS", frozenset({"0.0.0"}))
        assert "not known for TenSEAL" in native.missing()
    finally:
        native.missing.cache_clear()


def test_hostile_values_are_errors_and_never_crashes():
    """In a process of its own: what would abort or crash it must not take the tests along."""
    script = Path(__file__).with_name("hostile_calls.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert done.stdout.count("refused") > 60
