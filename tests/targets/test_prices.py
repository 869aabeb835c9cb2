"""The table of prices: what is one, and what the targets make of it."""

import copy
import json
from typing import Any

import pytest

from ppc.ir.module import Module, Op, Stage, Value
from ppc.ir.target import HeRung
from ppc.ir.types import Domain, TensorType
from ppc.runtime.levels import MAX_MODULUS_BITS
from ppc.targets.conversions import Conversions
from ppc.targets.he.parameters import MODULUS_BITS
from ppc.targets.prices import BadTable, Prices
from ppc.targets.registry import load_targets


def table() -> dict[str, Any]:
    return copy.deepcopy(Prices.shipped().to_json())


def test_the_shipped_table_is_a_table_and_survives_json() -> None:
    read = Prices.from_json(json.loads(json.dumps(table())))
    assert read.rows == Prices.shipped().rows and read.facts["date"]
    assert set(MODULUS_BITS) == {int(d) for d in read.rows["he"]["rotate"]} <= set(MAX_MODULUS_BITS)


def test_larger_rings_and_more_primes_cost_more() -> None:
    he = Prices.shipped().he
    for name in ("rotate", "relinearise", "multiply_plain", "add", "rescale", "encode", "encrypt"):
        by_level = [he.at(name, 16384, level) for level in range(1, 14)]
        assert by_level[0] < by_level[4] < by_level[9] < by_level[12], name
        by_degree = [he.at(name, degree, 1) for degree in sorted(MODULUS_BITS)]
        assert by_degree == sorted(by_degree), name


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("schema",), 99, "schema 99"),
        (("mpc", "round"), None, "mpc.round"),
        (("mpc", "round"), -1.0, "no time"),
        (("mpc", "round"), float("nan"), "no time"),
        (("mpc", "round"), 1e9, "no time"),
        (("mpc", "round"), True, "no time"),
        (("mpc", "round"), "1e-6", "no time"),
        (("mpc", "gate"), 1.0, "unknown ['gate']"),
        (("he", "rotate", "8192"), [], "one number a level"),
        (("he", "rotate", "8192"), [1e-3] * 65, "one number a level"),
        (("he", "rotate"), [1e-3], "missing ['16384'"),
        (("he",), 3, "he: missing"),
        (("machine",), "fast", "on which machine"),
        (("date",), None, "when"),
    ],
)
def test_what_is_no_table(path: tuple[str, ...], value: Any, words: str) -> None:
    j = table()
    inner = j
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(BadTable) as caught:
        Prices.from_json(j)
    assert words in str(caught.value)
    with pytest.raises(BadTable):
        Prices.from_json([j])


def scaled(factor: float) -> Prices:
    def times(x: Any) -> Any:
        if isinstance(x, dict):
            return {k: times(v) for k, v in x.items()}
        return [times(v) for v in x] if isinstance(x, list) else factor * x

    shipped = Prices.shipped()
    return Prices({name: times(rows) for name, rows in shipped.rows.items()}, shipped.facts)


def squares() -> Module:
    """y = x * x, 64 elements."""
    kind = TensorType("f32", (1, 64))
    op = Op("Mul", ("x", "x"), ("y",), {})
    return Module("m", Stage.LABELLED, ("x",), ("y",), (op,), {"x": Value(kind), "y": Value(kind)}, {})


def test_every_target_and_conversion_reads_the_table() -> None:
    """Prices twice as high make every time twice as long, and nothing else."""
    module, rung = squares(), HeRung(8192, 2)
    op = module.ops[0]
    for domain in Domain:
        once, twice = (load_targets(p)[domain].cost(op, module, rung) for p in (scaled(1.0), scaled(2.0)))
        assert twice.seconds == pytest.approx(2 * once.seconds) and once.seconds > 0, domain
        assert (twice.bytes, twice.rounds) == (once.bytes, once.rounds)
    for through_shares in (True, False):
        for source in Domain:
            for goal in Domain:
                costs = [
                    Conversions(through_shares, p).cost(source, goal, op.results[0], module, rung)
                    for p in (scaled(1.0), scaled(2.0))
                ]
                if costs[0] is not None and costs[1] is not None:
                    assert costs[1].seconds == pytest.approx(2 * costs[0].seconds) and costs[0].seconds > 0


def test_a_ring_too_small_for_an_exit_has_none() -> None:
    module = squares()
    moves = Conversions()
    assert moves.cost(Domain.HE, Domain.MPC, "y", module, HeRung(4096, 1)) is None
    assert moves.cost(Domain.HE, Domain.CLIENT, "y", module, HeRung(4096, 1)) is None
    assert moves.cost(Domain.HE, Domain.MPC, "y", module, HeRung(8192, 2)) is not None
