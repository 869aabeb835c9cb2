"""What is measured is what the targets read. No time is judged here: these run the functions once."""

import numpy as np
import pytest

from ppc.compiler.measure import batch, clear, exits, he, link, mpc, passes
from ppc.compiler.measure.machine import differences, fingerprint
from ppc.compiler.measure.stopwatch import Stopwatch
from ppc.compiler.measure.table import rounded
from ppc.runtime.levels import MAX_MODULUS_BITS
from ppc.targets.prices import Prices


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch(budget=0.0, least=1, patience=0.0)


def test_the_rows_of_he_are_those_of_the_table(watch: Stopwatch) -> None:
    made, keys = he.bench(4096, (0, 1), watch)
    found = {**keys, **he.measure(made, (0, 1), watch)}
    entered = {"to_shares", "to_shares_element", "from_shares", "from_shares_element"}
    assert set(found) | entered == set(Prices.shipped().rows["he"])
    assert all(seconds > 0 for times in found.values() for seconds in times.values())
    assert set(found["rotate"]) == {0, 1} and set(found["multiply_plain"]) == {1}


def test_the_bench_computes(watch: Stopwatch) -> None:
    """What is timed is the operation that it is named after."""
    made, _ = he.bench(4096, (0, 1), watch)
    turned = he._rotate(made, 1).run()
    slots = np.array(made.context.encoder.decode_double(made.client.decrypt(turned)))
    assert np.median(np.abs(slots - np.roll(made.row, -1))) < 0.05  # a small scale


def test_exits_are_measured(watch: Stopwatch) -> None:
    made, _ = he.bench(8192, (0, 1), watch, exits.EXIT_BITS)
    assert all(seconds > 0 for seconds in (*exits.to_shares(made, 1, watch), *exits.from_shares(made, 1, watch)))


def test_all_chains_are_secure_and_end_where_the_table_does() -> None:
    for degree, levels in he.LEVELS.items():
        assert min(50, MAX_MODULUS_BITS[degree] // (levels[-1] + 2)) * (levels[-1] + 2) <= MAX_MODULUS_BITS[degree]
        assert len(Prices.shipped().rows["he"]["rotate"][str(degree)]) == levels[-1] + 1


def test_the_other_rows_are_those_of_the_table(watch: Stopwatch) -> None:
    rows = Prices.shipped().rows
    assert set(clear.measure(watch)) == set(rows["clear"])
    assert set(mpc.measure(watch)) == set(rows["mpc"])
    words = batch.measure(he.bench(8192, (0, 1), watch)[0], watch)
    assert set(words) == set(rows["batch"]) and min(words.values()) > 0
    transport = link.measure(watch)
    assert {*transport, "pass"} == set(rows["link"]) and min(transport.values()) > 0


def test_a_pass_takes_something_besides_its_steps(watch: Stopwatch) -> None:
    rows = Prices.shipped().rows
    assert passes.measure(watch, {"mpc": rows["mpc"]}) > 0
    free = {"mpc": dict.fromkeys(rows["mpc"], 1e-11), "link": dict.fromkeys(rows["link"], 1e-11)}
    assert 0 < passes.measure(watch, free) < 5, "nearly all of it"


def test_prices_of_work_are_found_again() -> None:
    """Prices that explain the times of all steps are found, however different in size."""
    random = np.random.default_rng(5)
    prices = np.array([5e-5, 1e-8, 3e-10])
    table = random.uniform(0, 1, (12, 3)) * np.array([3, 1e4, 1e6])
    assert mpc.fitted(table, table @ prices) == pytest.approx(prices, rel=1e-6)
    assert (mpc.fitted(table, random.uniform(1, 2, 12)) >= mpc.LEAST).all()


def test_levels_that_were_not_measured() -> None:
    quadratic = {level: 2.0 + 3.0 * level + level**2 for level in (0, 2, 5, 9)}
    assert he.interpolated(quadratic, 9) == pytest.approx([2.0 + 3.0 * level + level**2 for level in range(10)])
    assert he.interpolated({1: 2.0, 3: 4.0}, 3) == pytest.approx([1.0, 2.0, 3.0, 4.0])
    noisy = he.interpolated({0: 1.0, 2: 1.5, 4: 40.0}, 4)
    assert noisy == sorted(noisy) and min(noisy) > 0


def test_figures() -> None:
    assert rounded({"a": [0.00012345678, 12345678.0], "b": 0.0}) == {"a": [0.0001235, 12350000.0], "b": 0.0}


def test_a_fingerprint_names_no_host_and_no_path() -> None:
    import getpass
    import platform

    here = fingerprint()
    assert differences(here, here) == []
    text = repr(here)
    assert "/" not in text.replace(here["cpu"], "") and platform.node() not in text
    assert getpass.getuser() not in text.replace(here["cpu"], "")
    other = {**here, "cores": here["cores"] + 1, "versions": {**here["versions"], "torch": "0.1"}}
    assert len(differences(other, here)) == 2 and "torch" in differences(other, here)[1]
    assert len(differences({}, here)) == 3 + len(here["versions"])
