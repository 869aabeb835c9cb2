"""What the server adds to a ciphertext that leaves under a mask. It depends on no input, so it is made ahead of the
passes, as far as memory allows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import NDArray

from ppc.runtime.he import limbs
from ppc.runtime.he.context import Context
from ppc.runtime.he.keys import ServerKeys
from ppc.runtime.he.random import uniform_residues

#: Memory for the masks that wait; what goes beyond is made when it is needed.
KEPT_BYTES = 64 << 20


@dataclass(frozen=True, repr=False)
class ExitMask:
    """For one value in one pass. `ciphertexts`: encryptions of zero plus R; `share`: what the server keeps, from R."""

    ciphertexts: list[Any]
    share: NDArray[np.int64]


def fresh(context: Context, keys: ServerKeys, level: int) -> tuple[Any, NDArray[np.uint64]]:
    """(Enc(0) + R, R): R uniform modulo Q, shape (level + 1, N) in NTT form; the encryption under the public key."""
    zero = seal.Ciphertext()
    keys.encryptor.encrypt_zero(context.parms_ids[level], zero)
    primes = context.chain.primes[: level + 1]
    mask = uniform_residues(primes, context.degree)
    polynomials = limbs.ciphertext_residues(zero)
    polynomials[0] = limbs.add_residues(polynomials[0], mask, primes)
    return limbs.alike(context, zero, polynomials), mask


@dataclass(repr=False)
class ExitMasks:
    """Masks by step, each of which is handed out once."""

    limit: int = KEPT_BYTES
    size: int = 0
    waiting: dict[int, list[ExitMask]] = field(default_factory=dict)

    def prepare(self, step: int, make: Callable[[], ExitMask]) -> bool:
        """Make one more mask for a step; False where there is no room for it."""
        if self.size >= self.limit:
            return False
        made = make()
        self.size += _bytes(made)
        self.waiting.setdefault(step, []).append(made)
        return True

    def take(self, step: int, make: Callable[[], ExitMask]) -> ExitMask:
        """The next mask of a step; where none waits, one is made."""
        if not self.waiting.get(step):
            return make()
        taken = self.waiting[step].pop()
        self.size -= _bytes(taken)
        return taken


def _bytes(mask: ExitMask) -> int:
    held = sum(8 * c.size() * c.coeff_modulus_size() * c.poly_modulus_degree() for c in mask.ciphertexts)
    return int(held) + mask.share.nbytes
