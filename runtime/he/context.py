"""CKKS parameters of a plan: from plan.json to a SEAL context and its levels."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.levels import MAX_MODULUS_BITS, Chain

try:
    import tenseal.sealapi as seal
except ImportError as e:
    raise PartyError("PPC6007", f"this plan runs nodes under HE and TenSEAL cannot be loaded: {e}") from None

from ppc.runtime.he.evaluator import Evaluator, OfficialEvaluator, choose

#: Relative drift of SEAL's float64 scale that is put right; more is a wrong program, not rounding.
SCALE_DRIFT = 1e-9


@dataclass(frozen=True, slots=True)
class Parameters:
    """`plan.json["he"]`: what both parties build their context from."""

    degree: int
    prime_bits: tuple[int, ...]  # [q_0 .. q_top, special]
    galois: Mapping[int, tuple[int, ...]]  # level -> the left rotations that have a key there
    relin: tuple[int, ...]  # levels at which products of ciphertexts are relinearised

    @staticmethod
    def from_json(j: Mapping[str, Any]) -> "Parameters":
        """Raises PartyError PPC6006 where the parameters are incomplete or weaker than 128 bits."""
        try:
            degree, bits = int(j["degree"]), tuple(int(b) for b in j["prime_bits"])
            top, security = int(j["top_level"]), int(j["security_bits"])
            steps = {
                int(level): tuple(sorted({int(s) % (degree // 2) for s in listed} - {0}))
                for level, listed in j["galois"].items()
            }
            galois = {level: steps[level] for level in sorted(steps, reverse=True) if steps[level]}
            relin = tuple(sorted({int(level) for level in j["relin"]}, reverse=True))
            parameters = Parameters(degree, bits, galois, relin)
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as e:
            raise PartyError("PPC6006", f"the HE parameters in plan.json cannot be read ({e!r})") from None
        if degree not in MAX_MODULUS_BITS or not len(bits) >= 2 or top != len(bits) - 2:
            raise PartyError("PPC6006", f"plan.json has degree {degree}, {len(bits)} primes and top level {top}")
        if not all(0 <= level <= top for level in (*galois, *relin)):
            raise PartyError("PPC6006", f"plan.json lists HE keys for a level outside 0 to {top}")
        if security < 128 or sum(bits) > MAX_MODULUS_BITS[degree]:
            raise PartyError(
                "PPC6006",
                f"the HE parameters in plan.json give less than 128 bits of security: {sum(bits)} bits of modulus at "
                f"degree {degree}, where at most {MAX_MODULUS_BITS[degree]} are allowed",
                help="compile again; plans are never run below 128 bits",
            )
        return parameters


class Context:
    """A SEAL context at 128 bits, with levels instead of parms_ids.

    `level` counts down to 0; a ciphertext at level l has l + 1 primes. Holds no key.

    `at(l)` is a second SEAL context, whose data primes are q_0..q_l only: its parms_id at the top is that of level l
    here, so ciphertexts pass as they are, and a key-switching key made in it has l + 1 digits over l + 2 primes
    where one of the whole chain has top + 1 over top + 2, whatever the level that it is used at.
    """

    def __init__(self, parameters: Parameters):
        self.parameters = parameters
        try:
            self.chain = Chain.of(parameters.degree, parameters.prime_bits)
            moduli = seal.CoeffModulus.Create(parameters.degree, list(parameters.prime_bits))
        except (ValueError, RuntimeError, OverflowError) as e:
            raise PartyError("PPC6006", f"the HE primes in plan.json do not exist: {e}") from None
        self.seal = _seal_context(parameters.degree, moduli)
        if (*self.chain.primes, self.chain.special) != tuple(m.value() for m in moduli):
            raise PartyError("PPC6007", "this SEAL chooses other primes than the compiler; install the pinned tenseal")
        self.parms_ids = self._walk()
        self.encoder = seal.CKKSEncoder(self.seal)
        self.evaluator = seal.Evaluator(self.seal)
        self._levels = {tuple(p): level for level, p in enumerate(self.parms_ids)}
        self._truncated = {self.chain.top: LevelContext(self.seal, self.evaluator)}
        for level in {*parameters.galois, *parameters.relin} - {self.chain.top}:
            found = _seal_context(parameters.degree, [*moduli[: level + 1], moduli[-1]])
            if list(found.first_parms_id()) != self.parms_ids[level]:
                raise PartyError("PPC6007", "this SEAL names levels otherwise; install the pinned tenseal")
            self._truncated[level] = LevelContext(found, seal.Evaluator(found))

    @cached_property
    def arithmetic(self) -> Evaluator:
        """Operations on ciphertexts of this context: through SEAL's binding, the quicker on one thread."""
        return OfficialEvaluator(self)

    @cached_property
    def direct(self) -> "Context":
        """The same context with SEAL called directly where that is possible: for steps on several threads."""
        other = copy(self)
        other.arithmetic = choose(self)
        return other

    def at(self, level: int) -> "LevelContext":
        """Where the keys of a level live. Raises PartyError PPC6006 where the plan lists none for it."""
        if level not in self._truncated:
            raise PartyError("PPC6006", f"plan.json lists no rotation or relinearisation key at level {level}")
        return self._truncated[level]

    def _walk(self) -> list[list[int]]:
        """parms_id of each level, 0 first."""
        data, ids = self.seal.first_context_data(), []
        while data is not None:
            ids.append(list(data.parms_id()))
            data = data.next_context_data()
        if len(ids) != len(self.chain.primes):
            raise PartyError("PPC6006", f"SEAL makes {len(ids)} levels of {len(self.chain.primes)} data primes")
        return ids[::-1]

    @property
    def degree(self) -> int:
        """N: coefficients of a polynomial."""
        return self.parameters.degree

    @property
    def slots(self) -> int:
        return self.parameters.degree // 2

    def level(self, ciphertext: Any) -> int:
        """Level of a ciphertext or plaintext of this context."""
        return self._levels[tuple(ciphertext.parms_id())]

    def encode(self, values: Any, level: int, scale: float) -> Any:
        """A plaintext of a slot vector, or of one number in all slots. Raises ValueError where it does not fit."""
        plaintext = seal.Plaintext()
        values = float(values) if isinstance(values, (int, float)) else values.tolist()
        self.encoder.encode(values, self.parms_ids[level], scale, plaintext)
        return plaintext


@dataclass(frozen=True, slots=True)
class LevelContext:
    """A SEAL context on the primes of one level and the special prime, and its evaluator."""

    seal: Any
    evaluator: Any


def _seal_context(degree: int, moduli: list[Any]) -> Any:
    encryption = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    encryption.set_poly_modulus_degree(degree)
    encryption.set_coeff_modulus(moduli)
    context = seal.SEALContext(encryption, True, seal.SEC_LEVEL_TYPE.TC128)
    if not context.parameters_set():
        reason = context.parameters_error_message()
        raise PartyError("PPC6006", f"SEAL refuses the HE parameters in plan.json: {reason}")
    return context


def pin_scale(ciphertext: Any, scale: float) -> None:
    """Set the exact planned scale. Raises PartyError PPC6006 where the two differ by more than rounding."""
    if abs(ciphertext.scale / scale - 1) >= SCALE_DRIFT:
        have, due = log2(ciphertext.scale), log2(scale)
        raise PartyError("PPC6006", f"a ciphertext has scale 2^{have:.6f} where the plan has 2^{due:.6f}")
    ciphertext.scale = scale
