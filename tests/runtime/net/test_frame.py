"""Frames: whatever bytes come, the only outcome is a refusal in words; what is written can be read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppc.runtime.errors import PartyError
from ppc.runtime.net import frame
from ppc.runtime.net.frame import Kind

PLAN = bytes(range(32))
SPECS = st.lists(
    st.tuples(st.sampled_from([d.lstrip("|") for d in frame._DTYPES]), st.lists(st.integers(0, 2**40), max_size=5)),
    max_size=5,
)


@settings(deadline=None)
@given(st.binary(min_size=frame.HEADER.size, max_size=frame.HEADER.size))
def test_random_headers_are_refused(raw):
    with pytest.raises(PartyError) as e:
        frame.parse_header(raw, PLAN, 0, "server")
    assert e.value.code == "PPC6003"


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 2**64 - 1), st.sampled_from([Kind.ARRAYS, Kind.BYTES]))
def test_random_descriptions_are_put_in_printable_words(description, length, kind):
    due = frame.describe("1.2/mask", [("f8", (2, 3))])
    text = str(frame.mismatch("server", (kind, description, length), (Kind.ARRAYS, due, 48)))
    assert text.replace("\n   = help", "").isprintable() and len(text) < 1500


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_random_reports_are_printable_and_carry_a_known_code(payload):
    error = frame.parse_report("server", payload)
    assert error.message.isprintable() and error.code in {row.code for row in frame.CODES}


@settings(deadline=None)
@given(st.text(max_size=40), SPECS, st.integers(0, 2**63))
def test_headers_round_trip(tag, specs, sequence):
    specs = [(d, tuple(s)) for d, s in specs]
    description = frame.describe(tag, specs)
    size = min(frame.size(specs), 2**64 - 1)
    head = frame.parse_header(
        frame.pack_header(Kind.ARRAYS, PLAN, sequence, len(description), size), PLAN, sequence, "server"
    )
    assert head == (Kind.ARRAYS, len(description), sequence, size)


def test_descriptions_differ_where_tag_type_or_shape_differ():
    messages = [("a", "f8", (2, 3)), ("b", "f8", (2, 3)), ("a", "i8", (2, 3)), ("a", "f8", (3, 2)), ("a", "f8", (6,))]
    assert len({frame.describe(tag, [(dtype, shape)]) for tag, dtype, shape in messages}) == len(messages)


def test_reports_round_trip_and_keep_their_origin():
    first = frame.parse_report("server", frame.pack_report("server", PartyError("PPC6010", "0.5 is out of range")))
    assert (first.origin, first.code, first.report) == ("server", "PPC6010", "0.5 is out of range")
    second = frame.parse_report("client", frame.pack_report("client", first))
    assert second.origin == "server" and second.report == first.report
