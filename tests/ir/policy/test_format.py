"""The formatter: nothing that a policy says, and no comment, changes."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc.ir.diagnostic import UserError
from ppc.ir.policy import format_policy, parse_policy

UGLY = """

#Who is who
party   hospital is client ,cloud is server,dealer   # three
input "x"   secret of hospital   weight * secret of cloud // two on one line

//------ results


output *
   reveal to hospital  # inside the statement
   because "it # is // its own"
limit latency<=2s,traffic <= 50MB
require security>=128
network wan bandwidth 100Mbps rtt 40ms
# the end


"""

PRETTY = """# Who is who
party hospital is client, cloud is server, dealer  # three
input "x" secret of hospital
weight * secret of cloud  // two on one line

//------ results

# inside the statement
output * reveal to hospital because "it # is // its own"
limit latency <= 2 s, traffic <= 50 MB
require security >= 128
network wan bandwidth 100 Mbps rtt 40 ms
# the end
"""


def comments(text: str) -> list[str]:
    """The words of the comments: what stands behind a mark outside of strings."""
    outside = re.sub(r'"(?:[^"\\\n]|\\.)*"', "", text)
    return sorted(c.strip("#/- \r") for c in re.findall(r"(?:#|//)[^\n]*", outside))


def test_the_one_layout() -> None:
    assert format_policy(UGLY) == PRETTY
    assert format_policy(PRETTY) == PRETTY


def test_empty_text_stays_empty() -> None:
    assert format_policy("") == format_policy(" \n\n ") == ""


def test_what_is_no_policy_is_not_formatted() -> None:
    with pytest.raises(UserError) as e:
        format_policy("deny tee fro input x", "p.ppc")
    assert e.value.diagnostics[0].source == "p.ppc:1:10" and e.value.diagnostics[0].help == "did you mean 'for'?"


def test_contradictions_are_formatted_all_the_same() -> None:
    assert format_policy("deny  tee allow tee") == "deny tee\nallow tee\n"


pieces = st.sampled_from(
    [
        "deny server",
        'deny he ,mpc for node "a b", c',
        "input * public",
        'allow tee for input "x"',
        'reveal "a\\"#b" to client,server because "//"',
        "require   non_interactive",
        "require integrity of output * against dealer , server",
        "limit memory<=1.5GiB",
        "error <= 1e-2",
    ]
)
gaps = st.lists(st.sampled_from([" ", "\n", "\r\n", "\t", "# a comment\n", "//b\n", "#\n", "\n\n\n"]), min_size=1).map(
    "".join
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(gaps, pieces), max_size=6), gaps)
def test_meaning_and_comments_stay_and_a_second_time_changes_nothing(parts: list[tuple[str, str]], end: str) -> None:
    text = "".join(gap + piece for gap, piece in parts) + "\n" + end
    once = format_policy(text)
    assert format_policy(once) == once
    assert comments(once) == comments(text)
    assert parse_policy(once, "p").statements == parse_policy(text, "p").statements
