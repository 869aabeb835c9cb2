"""Small structured messages: JSON objects in blobs. What a peer sends is judged field by field by who receives it."""

import json
from collections.abc import Mapping
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.net.channel import Channel


def send_object(channel: Channel, tag: str, fields: Mapping[str, Any]) -> None:
    channel.send_bytes(tag, json.dumps(fields).encode())


def receive_object(channel: Channel, tag: str, limit: int) -> dict[str, Any]:
    """The peer's next object, of at most `limit` bytes. Raises PPC6003 where it is none."""
    try:
        found = json.loads(channel.receive_bytes(tag, limit))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PartyError("PPC6003", f"{channel.peer} sent a message that cannot be read ({tag})")
    return found
