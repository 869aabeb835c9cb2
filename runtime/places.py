"""The places of a plan's steps, and the parties that take them.

`client`, `server`, `dealer` and `enclave` are places of the same name. `share0` and `share1` are taken by the holders
of shares, which plan.json names: client and server; or, where the computation is outsourced, two that own nothing.
"""

from collections.abc import Mapping
from typing import Any

from ppc.runtime.errors import PartyError

Holders = tuple[str, str]

#: Client and server hold the shares of their own secrets.
OWNERS: Holders = ("client", "server")
#: Client and server share their secrets to two parties that own none.
OUTSOURCED: Holders = ("compute0", "compute1")


def holders(manifest: Mapping[str, Any]) -> Holders:
    """The holders of share 0 and share 1; the owners where a plan has no MPC. PPC6006 for others than these."""
    section = manifest.get("mpc")
    named = OWNERS if section is None else tuple(section["parties"])
    for known in (OWNERS, OUTSOURCED):
        if named == known:
            return known
    raise PartyError("PPC6006", f"plan.json names holders of shares that this version does not know: {str(named)[:80]}")


def is_outsourced(manifest: Mapping[str, Any]) -> bool:
    """Neither client nor server holds a share."""
    return holders(manifest) == OUTSOURCED


def rank_of(manifest: Mapping[str, Any], role: str) -> int | None:
    """Which share a party holds, 0 or 1; None: none."""
    found = holders(manifest)
    return found.index(role) if role in found else None


def other_holder(manifest: Mapping[str, Any], role: str) -> str:
    """The holder of the other share."""
    zero, one = holders(manifest)
    return zero if role == one else one


def parties_of(manifest: Mapping[str, Any], places: frozenset[str]) -> frozenset[str]:
    """Who takes these places."""
    shares = dict(zip(("share0", "share1"), holders(manifest), strict=True))
    return frozenset(shares.get(place, place) for place in places)
