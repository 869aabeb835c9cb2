"""Where measured parties run, and what a table says of it."""

import os

import pytest
from benchmarks.mpc.table import HEAD, line

from ppc.compiler.measure.cores import core_of, placing

FOUND = {
    "setup": 1.0,
    "offline": 0.1,
    "online": 0.75,
    "wan_bound": 0.5,
    "rounds": 18,
    "online_bytes": 1e5,
    "dealer_bytes": 1e6,
    "max_err": 1e-4,
    "load_average": 0.5,
}


def test_computing_parties_have_a_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 3})
    for zero, one in (("client", "server"), ("compute0", "compute1"), ("0", "1")):
        assert (core_of(zero), core_of(one)) == (3, 5)
    for other in ("dealer", "enclave", "2"):
        assert core_of(other) is None
    assert "a core each" in placing()


def test_one_core_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {7})
    assert core_of("client") == core_of("server") == 7
    assert "take turns" in placing()


def test_the_table_says_how_many_times_the_least_a_pass_took_on_the_slow_network() -> None:
    at = HEAD.index("x bound") + len("x bound")
    assert line("lenet5", "wan", "ppc", FOUND)[:at].endswith(" 1.50")
    assert line("lenet5", "lan", "ppc", FOUND)[at - 4 : at].strip() == ""
