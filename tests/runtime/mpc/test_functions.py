"""Every non-linear function stays below the error that it states, over the range it is declared for."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))

from benchmarks.mpc_functions import SAMPLES, measure, row  # noqa: E402

from ppc.runtime.ranges import RANGES  # noqa: E402
from ppc.targets.mpc.functions import FUNCTIONS  # noqa: E402


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("label", SAMPLES)
def test_error_is_below_the_stated_one(label: str, small: bool) -> None:
    found = measure(*SAMPLES[label], small)
    assert found.of_stated < 1, found


def test_the_document_says_what_the_tables_say() -> None:
    lines = (ROOT / "docs" / "mpc-functions.md").read_text(encoding="utf-8").splitlines()
    written = [tuple(re.split(r" \| ", line[2:-2]))[:3] for line in lines if line.startswith("| ")][1:]
    assert written == [row(label) for label in SAMPLES]


def test_every_function_is_measured_and_none_states_more_than_2_to_the_minus_10() -> None:
    assert {op for op, _ in SAMPLES.values()} == set(FUNCTIONS) >= set(RANGES)
    assert all(s.largest <= 2.0**-10 for s in FUNCTIONS.values())
