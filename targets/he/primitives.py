"""Times of CKKS primitives, from a measured table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Primitives that take one NTT for each pair of primes; of the others, each takes work in proportion to the primes.
KEY_SWITCHES = frozenset({"rotate", "relinearise", "key", "key_load"})


@dataclass(frozen=True)
class Primitives:
    """Seconds of one primitive at ring degree N and level l (l + 1 data primes), one thread.

    `table`: primitive -> ring degree -> seconds by level. `words`: seconds of the units of `batch_cost`.
    """

    table: Mapping[str, Mapping[str, Sequence[float]]]
    words: Mapping[str, float] = field(default_factory=dict)

    def at(self, name: str, degree: int, level: int) -> float:
        """Past the table's last level, a time grows by the number of primes or of their pairs."""
        times, primes = self.table[name][str(degree)], level + 1
        if primes <= len(times):
            return times[level]
        last = len(times)
        growth = primes * (primes + 1) / (last * (last + 1)) if name in KEY_SWITCHES else primes / last
        return times[-1] * growth

    def rotate(self, degree: int, level: int) -> float:
        return self.at("rotate", degree, level)

    def linear(self, rotations: float, products: float, outputs: float, degree: int, level: int) -> float:
        """A he.linear step: rotations, products with additions, a rescale and a bias an output."""
        return (
            rotations * self.rotate(degree, level)
            + products * (self.at("multiply_plain", degree, level) + self.at("add", degree, level))
            + outputs * self.at("rescale", degree, level)
        )

    def multiply(self, degree: int, level: int) -> float:
        """A product of ciphertexts with relinearisation and rescale."""
        return sum(self.at(name, degree, level) for name in ("multiply", "relinearise", "rescale"))

    def square(self, degree: int, level: int) -> float:
        """The same of a ciphertext with itself."""
        return sum(self.at(name, degree, level) for name in ("square", "relinearise", "rescale"))

    def enter(self, degree: int, level: int) -> float:
        """A slot vector to a ciphertext at the server: encoded, encrypted and saved there, loaded here."""
        return sum(self.at(name, degree, level) for name in ("encode", "encrypt", "load_seeded"))

    def leave(self, degree: int, level: int) -> float:
        """A ciphertext at the server to a slot vector at the client."""
        return sum(self.at(name, degree, level) for name in ("save", "load", "decrypt", "decode"))

    def exit(self, elements: int, ciphertexts: int, degree: int, level: int, masked: bool) -> float:
        """A value at the server to the client, or under a mask (`masked`) to shares."""
        shared = self.to_shares(elements, ciphertexts, degree, level) if masked else None
        return ciphertexts * self.leave(degree, level) if shared is None else shared

    def to_shares(self, elements: int, ciphertexts: int, degree: int, level: int) -> float | None:
        """`convert.he_to_mpc`, both parties on the critical path; None at a ring that is too small for its modulus."""
        if str(degree) not in self.table["to_shares"]:
            return None
        once, each = (self.at(name, degree, level) for name in ("to_shares", "to_shares_element"))
        return ciphertexts * once + elements * each

    def from_shares(self, elements: int, ciphertexts: int, degree: int, level: int) -> float:
        """`convert.mpc_to_he`, both parties on the critical path."""
        once, each = (self.at(name, degree, level) for name in ("from_shares", "from_shares_element"))
        return ciphertexts * once + elements * each


def ciphertext_bytes(degree: int, level: int, seeded: bool = False) -> int:
    """Serialised size: two polynomials (one where a seed stands for the other), 8 bytes a coefficient and prime."""
    return (1 if seeded else 2) * degree * (level + 1) * 8


def key_bytes(degree: int, level: int) -> int:
    """A seeded Galois or relinearisation key for level l: l + 1 digits over l + 2 primes."""
    return (level + 1) * (level + 2) * degree * 8
