"""CBOR: round trips, the RFC's examples, and hostile bytes."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ppc.runtime.tee import cbor

SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary() | st.text()
ITEMS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(0, 99), inner, max_size=4),
)


@given(ITEMS)
def test_round_trip(item: Any) -> None:
    assert cbor.decode(cbor.encode(item)) == item


@pytest.mark.parametrize(
    ("item", "hex"),
    [  # RFC 8949, appendix A
        (1000000000000, "1b000000e8d4a51000"),
        (-18446744073709551616, "3bffffffffffffffff"),
        ("\u6c34", "63e6b0b4"),
        ([1, [2, 3], [4, 5]], "8301820203820405"),
        ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
        (cbor.Tagged(1, 1363896240), "c11a514b67b0"),
    ],
)
def test_examples_of_the_standard(item: Any, hex: str) -> None:
    assert cbor.encode(item).hex() == hex and cbor.decode(bytes.fromhex(hex)) == item


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_value_error(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        cbor.decode(data)


@pytest.mark.parametrize(
    "hex",
    [
        "",
        "9bffffffffffffffff",
        "5bffffffffffffffff00",
        "81" * 100 + "00",
        "0000",
        "9f00ff",
        "a2010201 03",
        "fb3ff0000000000000",
    ],
)
def test_hostile(hex: str) -> None:
    with pytest.raises(ValueError):
        cbor.decode(bytes.fromhex(hex))
