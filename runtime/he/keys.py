"""Keys: the client makes and keeps them; the server gets the evaluation keys and the public key, by type."""

from collections.abc import Iterator
from typing import Any, NoReturn

import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob
from ppc.runtime.he.context import Context


class ClientKeys:
    """The secret key and what only its owner can do. Is never sent, saved, pickled or shown."""

    __slots__ = ("_context", "_encryptor", "_generator", "decryptor")

    def __init__(self, context: Context):
        self._context = context
        self._generator = seal.KeyGenerator(context.seal)  # draws from SEAL's Blake2xb, seeded by the system
        secret = self._generator.secret_key()
        self._encryptor = seal.Encryptor(context.seal, secret)
        self.decryptor = seal.Decryptor(context.seal, secret)

    def encrypt(self, plaintext: Any) -> bytes:
        """Symmetric encryption in seeded form: c1 is the seed it was drawn from, so half the size."""
        return blob.dump(self._encryptor.encrypt_symmetric(plaintext))

    def decrypt(self, ciphertext: Any) -> Any:
        plaintext = seal.Plaintext()
        self.decryptor.decrypt(ciphertext, plaintext)
        return plaintext

    def evaluation_blobs(self) -> Iterator[bytes]:
        """Public key, relinearisation key, Galois keys: what `ServerKeys.load` reads. Absent keys are empty.

        The binding has no seeded form of the public key; the others go seeded.
        """
        public, parameters = seal.PublicKey(), self._context.parameters
        self._generator.create_public_key(public)
        yield blob.dump(public)
        yield blob.dump(self._generator.create_relin_keys()) if parameters.relin else b""
        elements = galois_elements(self._context)
        yield blob.dump(self._generator.create_galois_keys(elements)) if elements else b""

    def __repr__(self) -> str:
        return "ClientKeys(...)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("secret keys are not pickled")


class ServerKeys:
    """Public key, relinearisation key and Galois keys. There is no field for a secret key."""

    __slots__ = ("encryptor", "galois", "relin", "steps")

    def __init__(self, encryptor: Any, relin: Any, galois: Any, steps: frozenset[int]):
        self.encryptor = encryptor  # under the public key
        self.relin = relin
        self.galois = galois
        self.steps = steps  # rotations that have a key

    @staticmethod
    def load(context: Context, blobs: list[bytes]) -> "ServerKeys":
        """Raises PartyError PPC6003 where a key is malformed or not the one the plan asks for."""
        public = _load(context, seal.PublicKey(), blobs[0], "public")
        relin = galois = None
        if context.parameters.relin:
            relin = _load(context, seal.RelinKeys(), blobs[1], "relinearisation")
            if relin.size() != 1:
                raise PartyError("PPC6003", f"{relin.size()} relinearisation keys came where one was due")
        elements = galois_elements(context)
        if elements:
            galois = _load(context, seal.GaloisKeys(), blobs[2], "Galois")
            if galois.size() != len(elements) or not all(map(galois.has_key, elements)):
                raise PartyError("PPC6003", f"the {len(elements)} Galois keys of the plan were due, others came")
        return ServerKeys(seal.Encryptor(context.seal, public), relin, galois, frozenset(context.parameters.galois))

    def __repr__(self) -> str:
        return f"ServerKeys({len(self.steps)} Galois keys)"


def galois_elements(context: Context) -> list[int]:
    """Galois elements of the plan's rotation steps. SEAL's `create_galois_keys` takes these, not steps."""
    return [pow(3, step, 2 * context.degree) for step in context.parameters.galois]


def key_limits(context: Context) -> list[int]:
    """The most bytes of each blob of `ClientKeys.evaluation_blobs`.

    A key-switching key has one (b, a) pair over all primes for each data prime; a is a seed.
    """
    digits, primes, degree = len(context.chain.primes), len(context.chain.primes) + 1, context.degree
    switch = digits * blob.raw_bound(1, primes, degree)
    return [
        blob.raw_bound(2, primes, degree),
        (4096 + switch) * context.parameters.relin,
        (4096 + degree * 8) + switch * len(context.parameters.galois) if context.parameters.galois else 0,
    ]


def _load(context: Context, empty: Any, data: bytes, name: str) -> Any:
    try:
        key = blob.load(empty, context.seal, data)
    except blob.SEAL_ERRORS as e:
        raise PartyError("PPC6003", f"the {name} key cannot be read: {e}") from None
    if not seal.is_valid_for(key, context.seal):
        raise PartyError("PPC6003", f"the {name} key does not belong to the parameters of the plan")
    return key
