"""The arithmetic of `ppc.runtime.chebyshev` on ciphertexts."""

from typing import Any

import tenseal.sealapi as seal

from ppc.runtime.he import vector
from ppc.runtime.he.context import Context, pin_scale
from ppc.runtime.he.keys import ServerKeys


class CipherArithmetic:
    """Ciphertexts with exact scales. A raw product has three polynomials until `finish`."""

    def __init__(self, context: Context, keys: ServerKeys):
        self._context, self._keys = context, keys

    def level(self, a: Any) -> int:
        return self._context.level(a)

    def scale(self, a: Any) -> float:
        scale: float = a.scale
        return scale

    def prime(self, level: int) -> float:
        return float(self._context.chain.primes[level])

    def times(self, a: Any, number: float, level: int, scale: float) -> Any | None:
        return vector.times_number(self._context, vector.lower(self._context, a, level), number, scale)

    def product(self, a: Any, b: Any) -> Any:
        """Tensor product at the lower level, not relinearised."""
        level, scale = min(self.level(a), self.level(b)), a.scale * b.scale
        lowered = vector.lower(self._context, a, level)
        other = lowered if a is b else vector.lower(self._context, b, level)
        out = self._context.arithmetic.multiply(lowered, other)
        pin_scale(out, scale)
        return out

    def add(self, a: Any, b: Any) -> Any:
        pin_scale(b, a.scale)
        self._context.arithmetic.add(a, b)
        return a

    def add_number(self, a: Any, number: float) -> Any:
        vector.plus_number(self._context, a, number)
        return a

    def finish(self, raw: Any, scale: float) -> Any:
        vector.relinearise(self._context, self._keys, raw)
        vector.rescale(self._context, raw, scale)
        return raw

    def zero(self, level: int, scale: float) -> Any:
        """A fresh encryption of zero: stands where every coefficient vanished."""
        out = seal.Ciphertext()
        self._keys.encryptor.encrypt_zero(self._context.parms_ids[level], out)
        out.scale = scale
        return out
