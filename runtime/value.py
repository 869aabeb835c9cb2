"""Values of a running plan, as one party holds them."""

from dataclasses import dataclass
from typing import Any

from ppc.runtime.layout import Layout


@dataclass(slots=True)
class Value:
    """One party's view of a value of the plan.

    `domain` says in which representation the value exists ("client", "server", "tee", "he", "mpc");
    `data` is what this party holds of it: an ndarray in clear, an int64 ndarray of ring elements (its share),
    a list of ciphertexts, or None where it holds nothing. `shape` is public and the same at every party.
    """

    domain: str
    shape: tuple[int, ...]
    data: Any = None
    layout: Layout | None = None  # of an HE value
    scale: float = 1.0  # of an HE value in the modes without ciphertexts; a ciphertext has its own

    def __repr__(self) -> str:  # never shows data: it may be secret
        return (
            f"Value({self.domain}, {'x'.join(map(str, self.shape))}, {'held' if self.data is not None else 'absent'})"
        )


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor of the model, by name. Its data is the server's (or public, for constants the policy declares so)."""

    name: str
    shape: tuple[int, ...]
    data: Any = None

    def __repr__(self) -> str:
        return f"Weight({self.name!r}, {'x'.join(map(str, self.shape))})"
