"""Every code of the policy and of the text form is explained, and some file fails with it."""

import re
from pathlib import Path

from ppc.ir.codes import all_codes, placement, policy, text

ERRORS = Path(__file__).parents[1] / "golden" / "errors"


def test_every_code_has_a_should_fail_file() -> None:
    first = [f.read_text(encoding="utf-8").splitlines()[0] for f in ERRORS.iterdir()]
    shown = {m[1] for line in first if (m := re.match(r"(?://|#) ERROR: (\w+)$", line))}
    ours = {row.code for table in (policy, text) for row in table.CODES} | {"PPC3001", "PPC3002"}
    assert ours - shown == set()
    assert len(shown) and shown <= all_codes().keys()


def test_every_code_is_explained() -> None:
    for row in (*policy.CODES, *text.CODES, *placement.CODES):
        assert row.title and row.explanation.endswith(".") and row.fix.endswith("."), row.code
