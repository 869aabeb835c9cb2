"""Every code of the policy, the text form and the placement is explained (tests/should_fail has files that fail)."""

from ppc.ir.codes import placement, policy, text


def test_every_code_is_explained() -> None:
    for row in (*policy.CODES, *text.CODES, *placement.CODES):
        assert row.title and row.explanation.endswith(".") and row.fix.endswith("."), row.code
