"""Key files of the simulated hardware root: the enclave signs with one, the others verify with its public half."""

import os
from collections.abc import Iterable
from pathlib import Path

from ppc.runtime.tee.simulated import new_root

#: Names inside a party's key folder.
PRIVATE, PUBLIC = "attestation.key.pem", "attestation.pem"


def write_roots(keys: Path, parties: Iterable[str]) -> None:
    """Make a root and put its halves into the key folders of `parties`. Without an enclave there is nothing to do."""
    parties = list(parties)
    if "enclave" not in parties:
        return
    private, public = new_root()
    for party in parties:
        file = keys / party / (PRIVATE if party == "enclave" else PUBLIC)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(private if party == "enclave" else public)


def read_root(keys: Path, party: str) -> bytes:
    """The half of the root that `party` has; empty where its folder has none."""
    file = keys / party / (PRIVATE if party == "enclave" else PUBLIC)
    return file.read_bytes() if file.exists() else b""
