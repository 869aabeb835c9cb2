"""Keys: the client makes and keeps them; the server gets the evaluation keys and the public key, by type."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import blob, limbs
from ppc.runtime.he.context import Context

#: Galois keys in a message.
GROUP = 4


class ClientKeys:
    """The secret key and what only its owner can do. Is never sent, saved, pickled or shown."""

    __slots__ = ("_context", "_encryptor", "_generator", "_secret", "decryptor")

    def __init__(self, context: Context):
        self._context = context
        self._generator = seal.KeyGenerator(context.seal)  # draws from SEAL's Blake2xb, seeded by the system
        secret = self._generator.secret_key()
        self._secret = secret
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
        """Public key, a relinearisation key a level, groups of Galois keys of a level: for `ServerKeys.load`.

        Made one after another, so that one is sent and loaded while the next is made. The binding has no seeded form
        of the public key; the others go seeded.
        """
        public = seal.PublicKey()
        self._generator.create_public_key(public)
        yield blob.dump(public)
        generator, at = self._generator, self._context.chain.top
        for due in due_keys(self._context):
            if due.level != at:
                generator, at = self._generator_at(due.level), due.level
            if due.steps:
                yield blob.dump(generator.create_galois_keys(galois_elements(self._context, due.steps)))
            else:
                yield blob.dump(generator.create_relin_keys())

    def _generator_at(self, level: int) -> Any:
        """A generator of keys of the same secret modulo the primes of a level and the special prime."""
        if level == self._context.chain.top:
            return self._generator
        lower = self._context.at(level).seal
        rows = limbs.plaintext_residues(self._secret.data(), self._context)
        kept = rows[[*range(level + 1), len(rows) - 1]]
        secret = limbs.make_secret(lower, list(lower.key_parms_id()), kept)
        rows[:], kept[:] = 0, 0
        return seal.KeyGenerator(lower, secret)

    def __repr__(self) -> str:
        return "ClientKeys(...)"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("secret keys are not pickled")


class ServerKeys:
    """Public key, relinearisation keys and Galois keys. There is no field for a secret key."""

    __slots__ = ("encryptor", "galois", "relin")

    def __init__(self, encryptor: Any, relin: Mapping[int, Any], galois: Mapping[int, Mapping[int, Any]]):
        self.encryptor = encryptor  # under the public key
        self.relin = relin  # level -> key
        self.galois = galois  # level -> rotation step -> the SEAL object that holds its key

    def steps(self, level: int) -> frozenset[int]:
        """Rotations that have a key at a level."""
        return frozenset(self.galois.get(level, ()))

    @staticmethod
    def load(context: Context, blobs: Iterable[bytes]) -> "ServerKeys":
        """Raises PartyError PPC6003 where a key is malformed or not the one the plan asks for."""
        arriving = iter(blobs)
        public = _load(context.seal, seal.PublicKey(), next(arriving), "public")
        relin: dict[int, Any] = {}
        galois: dict[int, dict[int, Any]] = {}
        for due, data in zip(due_keys(context), arriving, strict=True):
            lower = context.at(due.level).seal
            if not due.steps:
                relin[due.level] = _load(lower, seal.RelinKeys(), data, "relinearisation")
                if relin[due.level].size() != 1:
                    raise PartyError(
                        "PPC6003", f"{relin[due.level].size()} relinearisation keys came where one was due"
                    )
                continue
            keys = _load(lower, seal.GaloisKeys(), data, "Galois")
            if keys.size() != len(due.steps) or not all(map(keys.has_key, galois_elements(context, due.steps))):
                raise PartyError("PPC6003", f"the Galois keys for rotations by {due.steps} were due, others came")
            galois.setdefault(due.level, {}).update(dict.fromkeys(due.steps, keys))
        return ServerKeys(seal.Encryptor(context.seal, public), relin, galois)

    def __repr__(self) -> str:
        return f"ServerKeys({sum(map(len, self.galois.values()))} Galois keys)"


@dataclass(frozen=True, slots=True)
class Due:
    """A blob of keys: Galois keys for `steps` at a level, or its relinearisation key where there are no steps."""

    level: int
    steps: tuple[int, ...] = field(default=())


def due_keys(context: Context) -> list[Due]:
    """What travels after the public key, in order: highest level first, relinearisation before rotations."""
    relin, galois = context.parameters.relin, context.parameters.galois
    found = []
    for level in sorted({*relin, *galois}, reverse=True):
        found += [Due(level)] if level in relin else []
        steps = galois.get(level, ())
        found += [Due(level, steps[i : i + GROUP]) for i in range(0, len(steps), GROUP)]
    return found


def galois_elements(context: Context, steps: Iterable[int]) -> list[int]:
    """Galois elements of rotation steps. SEAL's `create_galois_keys` takes these, not steps."""
    return [pow(3, step, 2 * context.degree) for step in steps]


def key_limits(context: Context) -> list[int]:
    """The most bytes of each blob of `ClientKeys.evaluation_blobs`.

    A key-switching key of level l has one (b, a) pair over its l + 2 primes for each of its l + 1 data primes; a is a
    seed.
    """
    degree, limits = context.degree, [blob.raw_bound(2, len(context.chain.primes) + 1, context.degree)]
    for due in due_keys(context):
        switch = (due.level + 1) * blob.raw_bound(1, due.level + 2, degree)
        limits.append(8 * degree * bool(due.steps) + 4096 + switch * max(1, len(due.steps)))
    return limits


def _load(context: Any, empty: Any, data: bytes, name: str) -> Any:
    try:
        key = blob.load(empty, context, data)
    except blob.SEAL_ERRORS as e:
        raise PartyError("PPC6003", f"the {name} key cannot be read: {e}") from None
    if not seal.is_valid_for(key, context):
        raise PartyError("PPC6003", f"the {name} key does not belong to the parameters of the plan")
    return key
