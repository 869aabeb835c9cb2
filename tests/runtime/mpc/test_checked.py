"""Values outside a declared range: counted where they occur, and told as one bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.gates.verdict import Verdict
from ppc.runtime.mpc.protocols.checked import checked
from ppc.runtime.mpc.ring import decode, encode
from ppc.runtime.ranges import RANGES, check_operand, declared, logits_bound
from ppc.runtime.value import Value

EDGE = 2.0**-16
#: operator, operands that are right, the same with one that is outside, attributes
CASES: list[tuple[str, list[Any], list[Any], dict[str, Any]]] = [
    ("Exp", [[-500.0, 13.9]], [[1.0, 14.0]], {}),
    ("Reciprocal", [[-(2.0**-10), 2.0**18 - 1]], [[1.0, -(2.0**18)]], {}),
    ("Reciprocal", [[1.0, -3.0]], [[1.0, 0.0]], {}),
    ("Div", [[0.0, 9.0], [1.0, -2.0]], [[1.0, 2.0], [1.0, 2.0**-11]], {}),
    ("Sqrt", [[0.0, 2.0**20 - EDGE]], [[4.0, -EDGE]], {}),
    ("Sqrt", [[0.0, EDGE]], [[4.0, 2.0**20]], {}),
    ("LRN", [[[-100.0, 2.0**14]]], [[[1.0, 2.0**14.6]]], {"size": 1}),
    ("LRN", [[[-100.0, 2.0**14]]], [[[1.0, 2.0**14.6]]], {"size": 1, "tables": "small"}),
    ("Rsqrt", [[EDGE, 2.0**19]], [[4.0, 0.0]], {}),
    ("Log", [[EDGE, 2.0**24 - 1]], [[1.0, 0.0]], {}),
    ("Log", [[1.0, 2.0]], [[1.0, 2.0**24]], {}),
    ("MeanVarianceNormalization", [[[0.0, 500.0]]], [[[0.0, 900.0]]], {"axes": (1,)}),
    ("LayerNormalization", [[[0.0, 500.0]], "@s"], [[[0.0, 900.0]], "@s"], {"axis": 1}),
    ("Softmax", [[[4.9, -24.9]]], [[[5.5, -1.0]]], {"axis": 1, "below": 5}),
    ("Softmax", [[[4.9, -24.9]]], [[[1.0, -25.5]]], {"axis": 1, "below": 5, "tables": "small"}),
    ("Softmax", [[[-9.0, -20.0]]], [[[-11.0, -20.0]]], {"axis": 1, "below": 5}),
    (
        "Softmax",
        [[[-9.0, -20.0]]],
        [[[-11.0, -20.0]]],
        {"axis": 1, "below": 5, "tables": "small", "operand_bits": [32]},
    ),
    ("Sigmoid", [[-(2.0**29), 2.0**29]], [], {}),
    ("Softmax", [[-(2.0**29), 2.0**29]], [], {}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_what_is_outside_is_counted(case: Any, step_of_mpc: Callable[..., Any]) -> None:
    op, good, bad, attrs = case
    for operands, wrong in ((good, 0), (bad, 1)):
        if operands:
            given = [o if isinstance(o, str) else np.array(o) for o in operands]
            weights = {o: np.ones(2) for o in given if isinstance(o, str)}
            found = step_of_mpc(op, *given, attrs=attrs, weights=weights, shape=given[0].shape).sessions
            shares = [found[role].engines["mpc"].counts["node"] for role in ("client", "server")]
            total = int((shares[0] + shares[1])[0])
            also = op == "Softmax"  # a number from outside the table may make the sum of its row one
            assert wrong <= total <= wrong + wrong * also, operands


@pytest.mark.parametrize("count", [0, 1, 2, 7, 1 << 20, 1 << 32, (1 << 32) - 1])
@pytest.mark.parametrize("to", [0, 1])
def test_one_party_learns_whether_a_count_is_zero(
    count: int, to: int, step_of_mpc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[bool, bool] = {}

    def implementation(e: Any, attrs: Any, share: Any) -> Any:
        at = e._party is not None and e._party.rank == to
        verdict = yield from e.apply(Verdict(to), share)
        told[at] = told.get(at, False) or verdict
        return share

    monkeypatch.setattr("ppc.runtime.mpc.steps.protocol", lambda name: implementation)
    outcome = step_of_mpc("Verdict", np.array([count], np.uint64), shape=(1,), raw=True)
    assert told == {True: count > 0, False: False}
    assert max(outcome.sent) == 16 and min(outcome.sent) == 8


@pytest.mark.parametrize("wrong", [0, 3])
def test_the_check_truncates_what_it_passes_on(
    wrong: int, step_of_mpc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    value = np.array([1.5, -2.25, 1000.0])

    def implementation(e: Any, attrs: Any, x: Any) -> Any:
        e._counts = {"some node": np.full(1, wrong, np.uint64) * e.first}
        return (yield from checked(e, {"of": ["some node"], "to": "client", "operand_bits": (48,)}, x))

    monkeypatch.setattr("ppc.runtime.mpc.steps.protocol", lambda name: implementation)
    if wrong:
        with pytest.raises(PartyError, match=r"PPC6016.*'some node'"):
            step_of_mpc("Check", encode(value, 48), shape=(3,), raw=True)
        return
    outcome = step_of_mpc("Check", encode(value, 48), shape=(3,), raw=True)
    np.testing.assert_allclose(decode(outcome.value), value, atol=2.0**-16)
    assert outcome.rounds == 2


def test_what_is_opened_says_no_more_than_the_bit(
    step_of_mpc: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The value that party 0 opens is uniform for every count, so counts cannot be told apart."""

    def implementation(e: Any, attrs: Any, x: Any) -> Any:
        yield from e.apply(Verdict(0), x)
        return x

    monkeypatch.setattr("ppc.runtime.mpc.steps.protocol", lambda name: implementation)
    for count in (1, 2, 1 << 16):
        tops = []
        for _ in range(60):
            outcome = step_of_mpc("Verdict", np.array([count], np.uint64), shape=(1,), raw=True)
            theirs = outcome.transcripts["server"][-1][1][0]
            tops.append(int(theirs[0]) >> 61)
        assert len(set(tops)) >= 5


@pytest.mark.parametrize(("value", "wrong"), [([-3.0, 5.0], False), ([0.5, 14.5], True)])
def test_simulate_names_the_node(value: list[float], wrong: bool) -> None:
    operand = Value("mpc", (2,), np.array(value))
    if not wrong:
        return check_operand("Exp", "the node", {}, [operand])
    with pytest.raises(PartyError, match=r"PPC6016.*'the node' \(Exp\) is given 14.5 \(1 of 2"):
        check_operand("Exp", "the node", {}, [operand])


def test_simulate_names_rows_without_a_large_logit() -> None:
    right, low, outside = (
        [Value("mpc", (2, 2), np.array(rows))]
        for rows in ([[-8.0, 4.9]] * 2, [[4.0, 0], [-10, -11]], [[6.0, 0], [4, 1]])
    )
    attrs = {"axis": 1, "below": 5}
    check_operand("Softmax", "the node", attrs, right)
    check_operand("Softmax", "the node", {"axis": 1}, outside)
    with pytest.raises(PartyError, match=r"PPC6016.*'the node' \(Softmax\) is given -10 "):
        check_operand("Softmax", "the node", attrs, low)
    with pytest.raises(PartyError, match=r"PPC6016.*'the node' \(Softmax\) is given 6 \(1 of 4"):
        check_operand("Softmax", "the node", attrs, outside)


def test_logits_that_lie_close_together_have_a_bound() -> None:
    assert logits_bound(-4.5, 4.2) == 9 and logits_bound(0.0, 0.5) == 9
    assert logits_bound(-6.0, 4.2) == 8 and logits_bound(-6.5, 4.2) is None
    assert all(logits_bound(*ends) is None for ends in ((-np.inf, 4.2), (np.nan, np.nan), (np.inf, np.inf)))


def test_ranges_know_what_leaves_them() -> None:
    assert RANGES["Div"].operand == 1 and declared("Relu", {}) is None
    reciprocal = RANGES["Reciprocal"]
    assert not reciprocal.leaves(-5.0, 5.0)  # nothing is known about what is near zero
    assert reciprocal.leaves(0.0001, 5.0) and reciprocal.leaves(-(2.0**18), 1.0) and not reciprocal.leaves(-5, -0.5)
    assert RANGES["Sqrt"].leaves(-0.1, 5.0) and not RANGES["Sqrt"].leaves(0.0, 5.0)
    assert str(reciprocal) == "2^-10 <= |x| < 2^18" and str(RANGES["Exp"]) == "x < 14"
    for row in RANGES.values():
        inside = np.array([max(row.lo, -1e6), row.hi * (1 - 1e-9)])
        assert row.holds(inside).all() and not row.holds(np.array([row.hi]))[0] and encode(inside).size == 2
