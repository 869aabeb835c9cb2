"""Keys: the client makes and keeps them; the server gets the evaluation keys and the public key, by type."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NoReturn

import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob
from ppc.runtime.he.context import Context

#: Galois keys in a message.
GROUP = 4


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
        """Public key, relinearisation key (empty where none is needed), groups of Galois keys: for `ServerKeys.load`.

        Made one after another, so that one is sent and loaded while the next is made. The binding has no seeded form
        of the public key; the others go seeded.
        """
        public, parameters = seal.PublicKey(), self._context.parameters
        self._generator.create_public_key(public)
        yield blob.dump(public)
        yield blob.dump(self._generator.create_relin_keys()) if parameters.relin else b""
        for group in galois_groups(self._context):
            yield blob.dump(self._generator.create_galois_keys(galois_elements(self._context, group)))

    def __repr__(self) -> str:
        return "ClientKeys(...)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("secret keys are not pickled")


class ServerKeys:
    """Public key, relinearisation key and Galois keys. There is no field for a secret key."""

    __slots__ = ("encryptor", "galois", "relin", "steps")

    def __init__(self, encryptor: Any, relin: Any, galois: Mapping[int, Any]):
        self.encryptor = encryptor  # under the public key
        self.relin = relin
        self.galois = galois  # rotation step -> the SEAL object that holds its key
        self.steps = frozenset(galois)  # rotations that have a key

    @staticmethod
    def load(context: Context, blobs: Iterable[bytes]) -> "ServerKeys":
        """Raises PartyError PPC6003 where a key is malformed or not the one the plan asks for."""
        arriving = iter(blobs)
        public, saved_relin, relin = _load(context, seal.PublicKey(), next(arriving), "public"), next(arriving), None
        if context.parameters.relin:
            relin = _load(context, seal.RelinKeys(), saved_relin, "relinearisation")
            if relin.size() != 1:
                raise PartyError("PPC6003", f"{relin.size()} relinearisation keys came where one was due")
        galois: dict[int, Any] = {}
        for group, data in zip(galois_groups(context), arriving, strict=True):
            keys = _load(context, seal.GaloisKeys(), data, "Galois")
            if keys.size() != len(group) or not all(map(keys.has_key, galois_elements(context, group))):
                raise PartyError("PPC6003", f"the Galois keys for rotations by {group} were due, others came")
            galois |= dict.fromkeys(group, keys)
        return ServerKeys(seal.Encryptor(context.seal, public), relin, galois)

    def __repr__(self) -> str:
        return f"ServerKeys({len(self.steps)} Galois keys)"


def galois_groups(context: Context) -> list[tuple[int, ...]]:
    """The plan's rotation steps in the groups in which their keys travel."""
    steps = context.parameters.galois
    return [steps[i : i + GROUP] for i in range(0, len(steps), GROUP)]


def galois_elements(context: Context, steps: Iterable[int]) -> list[int]:
    """Galois elements of rotation steps. SEAL's `create_galois_keys` takes these, not steps."""
    return [pow(3, step, 2 * context.degree) for step in steps]


def key_limits(context: Context) -> list[int]:
    """The most bytes of each blob of `ClientKeys.evaluation_blobs`.

    A key-switching key has one (b, a) pair over all primes for each data prime; a is a seed.
    """
    digits, primes, degree = len(context.chain.primes), len(context.chain.primes) + 1, context.degree
    switch = digits * blob.raw_bound(1, primes, degree)
    return [
        blob.raw_bound(2, primes, degree),
        (4096 + switch) * context.parameters.relin,
        *(8 * degree + 4096 + switch * len(group) for group in galois_groups(context)),
    ]


def _load(context: Context, empty: Any, data: bytes, name: str) -> Any:
    try:
        key = blob.load(empty, context.seal, data)
    except blob.SEAL_ERRORS as e:
        raise PartyError("PPC6003", f"the {name} key cannot be read: {e}") from None
    if not seal.is_valid_for(key, context.seal):
        raise PartyError("PPC6003", f"the {name} key does not belong to the parameters of the plan")
    return key
