"""Concise Binary Object Representation (RFC 8949): what COSE and EAT need of it, and no more.

Encoding is the deterministic one of RFC 8949, 4.2.1. Decoding is for hostile input: bounded depth, no length is
believed before the bytes are there, nothing may follow the item. Floats and indefinite lengths are refused.
"""

from typing import Any, NamedTuple

_DEPTH = 16
_SIMPLE = {20: False, 21: True, 22: None}
_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}


class Tagged(NamedTuple):
    """A tagged item (major type 6)."""

    tag: int
    value: Any


def encode(item: Any) -> bytes:
    """Deterministic encoding of None, bool, int (64 bit), bytes, str, list, tuple, dict, `Tagged`. Raises TypeError."""
    match item:
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if item else b"\xf4"
        case int():
            return _head(0, item) if item >= 0 else _head(1, -1 - item)
        case bytes():
            return _head(2, len(item)) + item
        case str():
            text = item.encode()
            return _head(3, len(text)) + text
        case Tagged(tag, value):
            return _head(6, tag) + encode(value)
        case list() | tuple():
            return _head(4, len(item)) + b"".join(map(encode, item))
        case dict():
            pairs = sorted((encode(k), encode(v)) for k, v in item.items())
            return _head(5, len(pairs)) + b"".join(k + v for k, v in pairs)
    raise TypeError(f"CBOR has no encoding here for {type(item).__name__}")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, width in _ARGUMENT_BYTES.items():
        if argument < 1 << 8 * width:
            return bytes([major << 5 | info]) + argument.to_bytes(width, "big")
    raise TypeError("CBOR integers have 64 bits")


def decode(data: bytes) -> Any:
    """The one item in `data`. Raises ValueError for anything that is not exactly one well-formed item."""
    item, end = _decode(data, 0, _DEPTH)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes follow the CBOR item")
    return item


def _decode(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth == 0:
        raise ValueError(f"CBOR nested deeper than {_DEPTH}")
    if at >= len(data):
        raise ValueError("CBOR ends early")
    major, info = data[at] >> 5, data[at] & 31
    if major == 7:
        if info not in _SIMPLE:
            raise ValueError(f"CBOR simple value or float {info} is not allowed here")
        return _SIMPLE[info], at + 1
    argument, at = _argument(data, at + 1, info)
    match major:
        case 0:
            return argument, at
        case 1:
            return -1 - argument, at
        case 2 | 3:
            if argument > len(data) - at:
                raise ValueError("CBOR ends early")
            raw = data[at : at + argument]
            return (raw if major == 2 else raw.decode()), at + argument
        case 4:
            return _items(data, at, argument, depth)
        case 5:
            flat, at = _items(data, at, 2 * argument, depth)
            keys = flat[::2]
            if not all(isinstance(k, (int, str, bytes)) for k in keys) or len(set(keys)) != len(keys):
                raise ValueError("CBOR map with repeated or compound keys")
            return dict(zip(keys, flat[1::2], strict=True)), at
        case _:
            value, at = _decode(data, at, depth - 1)
            return Tagged(argument, value), at


def _argument(data: bytes, at: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, at
    if info not in _ARGUMENT_BYTES:
        raise ValueError("CBOR of indefinite length is not allowed here")
    end = at + _ARGUMENT_BYTES[info]
    if end > len(data):
        raise ValueError("CBOR ends early")
    return int.from_bytes(data[at:end], "big"), end


def _items(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    if count > len(data) - at:  # an item takes at least one byte
        raise ValueError("CBOR ends early")
    items = []
    for _ in range(count):
        item, at = _decode(data, at, depth - 1)
        items.append(item)
    return items, at
