"""How much memory HE may take at a server: asked before anything of the kind is made, so that it is never in doubt in
the middle of a run."""

import os
from collections.abc import Mapping
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.he.memory import server_memory

#: Megabytes that the HE part of a plan may take at this server, beside the interpreter. Default: no limit.
VARIABLE = "PPC_MEMORY"


def checked(manifest: Mapping[str, Any], threads: int) -> int:
    """Predicted bytes of a plan's HE part at the server. Raises PartyError PPC6018 where they are beyond the limit, and
    PPC6013 where that is no number."""
    predicted, limit = server_memory(manifest, threads).total, _limit()
    if limit is not None and predicted > limit:
        raise PartyError(
            "PPC6018",
            f"HE takes about {predicted / 1e6:,.0f} MB with {threads} threads; {VARIABLE} is {limit // 10**6:,} MB",
            help="fewer threads (PPC_THREADS), a smaller batch, or fewer nodes under HE",
        )
    return predicted


def _limit() -> int | None:
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise PartyError("PPC6013", f"{VARIABLE} is {text!r}, not a number of megabytes")
    return int(text) * 10**6
