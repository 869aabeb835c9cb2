"""Keys of successive passes, each computed from the one before and not the other way round.

A party that has moved on to pass n cannot compute the keys of earlier passes again: material that was used stays used,
and a store that is stolen later opens nothing of what was recorded before (forward secrecy).
"""

import hmac

from ppc.runtime.mpc.csprng import KEY_BYTES


class Ratchet:
    """A chain of 256-bit keys by HMAC-SHA256. `at` is the pass that `key` belongs to."""

    def __init__(self, key: bytes, at: int = 0):
        if len(key) != KEY_BYTES:
            raise ValueError(f"a chain key has {KEY_BYTES} bytes, this one has {len(key)}")
        self.key, self.at = key, at

    def __repr__(self) -> str:
        return f"Ratchet(at {self.at})"

    def forward(self, to: int) -> None:
        """Move to pass `to`; what lies before is gone. ValueError where that would be backwards."""
        if to < self.at:
            raise ValueError(f"the keys of pass {to} are gone: this chain is at pass {self.at}")
        while self.at < to:
            self.key, self.at = hmac.digest(self.key, b"next", "sha256"), self.at + 1

    def derive(self, purpose: bytes) -> bytes:
        """The key of this pass for one purpose."""
        return hmac.digest(self.key, b"pass " + purpose, "sha256")
