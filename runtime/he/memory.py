"""How much memory a server needs for a plan's HE part, from plan.json alone: before a run, and without SEAL.

Counted are keys, encoded weights, the tables of SEAL's contexts, and the ciphertexts that are alive at the same time.
SEAL's pool never gives memory back and keeps blocks by size, so what counts of the ciphertexts is the most at each
level, added up over the levels. An upper bound where diagonals repeat (they are encoded once), an estimate for the
rest.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppc.runtime.he import batch_memory
from ppc.runtime.he.attrs import layout_of, level_of, linear_levels, linear_terms, polynomial_attrs, sums_of
from ppc.runtime.he.batch_attrs import BATCH
from ppc.runtime.he.linear_order import most_alive, order
from ppc.runtime.party import Step, last_reads

#: Number of ciphertexts by level.
Held = Counter[int]

_WORD = 8
#: SEAL keeps a factor and its quotient for each power of each prime's root, forward and back.
_TABLE_WORDS = 4
#: Polynomials modulo one prime that a key switch holds meanwhile: unreduced sums of two words, and copies.
_SWITCH = 8


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes. `weights`: encoded and as they were read."""

    keys: int
    weights: int
    ciphertexts: int
    tables: int

    @property
    def total(self) -> int:
        """Beside the interpreter and its libraries."""
        return self.keys + self.weights + self.ciphertexts + self.tables


def server_memory(manifest: Mapping[str, Any], threads: int = 1) -> Memory:
    """What the server of this plan will need. Raises PartyError PPC6006 for a damaged plan."""
    he = manifest["he"]
    degree, top = int(he["degree"]), int(he["top_level"])
    galois = {int(level): len(steps) for level, steps in he["galois"].items()}
    keys = Counter(galois) + Counter(map(int, he["relin"]))
    # of a key: for each of level + 1 digits two polynomials modulo level + 2 primes; the public key has one pair
    words = 2 * (top + 2) + sum(count * (level + 1) * 2 * (level + 2) for level, count in keys.items())
    if he.get("packing") == BATCH:
        weights, cipher_words = 0, batch_memory.polynomials(manifest, threads)
    else:
        weights, peaks = _walk(manifest, degree, threads)
        cipher_words = sum(count * 2 * (level + 1) for level, count in peaks.items())
    cipher_words += threads * _SWITCH * (top + 2)
    return Memory(
        keys=_WORD * degree * words,
        weights=weights,
        ciphertexts=_WORD * degree * cipher_words,
        tables=_WORD * degree * sum(_table_words(level) for level in {top, *keys}),
    )


def _table_words(level: int) -> int:
    """Of a context whose top is this level, in polynomials: each level below has tables for its primes, and for the
    auxiliary ones of its division."""
    return sum(_TABLE_WORDS * (2 * primes + 2) for primes in range(1, level + 3))


def _walk(manifest: Mapping[str, Any], degree: int, threads: int) -> tuple[int, Held]:
    """Bytes of weights, and the most ciphertexts at each level at any time."""
    weights, last, peaks = 0, last_reads(manifest), Held()
    alive: dict[str, Held] = {}
    known: dict[str, tuple[int, int]] = {}  # level and ciphertexts of a value, computed yet or not
    for at, line in enumerate(manifest["steps"]):
        step, operands = Step.from_json(line), line.get("operands", ())
        read = next((known[name] for name in operands if name in known), (0, 0))
        ends = {name for name in operands if last[name] == at}
        if step.name == "he.linear":
            weights += _weights(step, degree)
        level, made = _result(step, read)
        new = Held({level: made})
        if _is_seen_later(step):  # goes on with what its operands hold
            new = sum((alive.get(name, Held()) for name in ends), Held())
        work = _work(step, read, manifest["he"], threads)
        peaks |= sum(alive.values(), Held()) + work + (Held() if _is_seen_later(step) else new)
        for name in ends:
            alive.pop(name, None)
        for name in line.get("results", ()):
            if made:
                alive[name], known[name] = new, (level, made)
    return weights, peaks


def _is_seen_later(step: Step) -> bool:
    """Steps that compute nothing yet: their operands stay until something needs the result."""
    return step.name == "he.view" or (step.name.startswith("he.batch_") and step.name != "he.batch_rescale")


def _result(step: Step, read: tuple[int, int]) -> tuple[int, int]:
    """Level and number of the ciphertexts of a step's result; `read`: those of its first operand."""
    level, count = read
    if step.name in ("convert.client_to_he", "convert.mpc_to_he"):
        return level_of(step), layout_of(step.attrs, "layout").ciphertexts
    if step.name == "he.linear":
        return linear_levels(step)[1], linear_terms(step)[1]
    if step.name == "he.batch_linear":
        return level_of(step), layout_of(step.attrs, "out_layout").ciphertexts
    if step.name == "he.batch_rescale":
        return level_of(step, "out_level"), count
    if step.name == "he.polynomial":
        return polynomial_attrs(step)[3], count
    if not step.name.startswith("he."):
        return 0, 0
    if step.name in ("he.drop", "he.batch_drop"):
        return level_of(step), count
    return (level - 1 if step.name in ("he.mul", "he.square") else level), count


def _work(step: Step, read: tuple[int, int], he: Mapping[str, Any], threads: int) -> Held:
    """What a step holds while it runs, beside its operands and its result."""
    (level, count), slots = read, int(he["degree"]) // 2
    if step.name == "he.linear":
        level = level_of(step)
        terms, outputs = linear_terms(step)
        steps = frozenset(int(s) % slots for s in he["galois"].get(str(level), ())) - {0}
        summed = count if sums_of(step, "pre") else 0
        return Held({level: summed + most_alive(order(terms, outputs, steps, slots)) + threads - 1})
    if step.name == "he.polynomial":
        return Held({level: 2 * (len(polynomial_attrs(step)[0]).bit_length() + 1) * min(threads, count)})
    if step.name in ("he.mul", "he.square"):
        return Held({level: 2 * min(threads, count)})  # three polynomials, and what is switched
    if step.name in ("he.batch_rescale", "convert.he_to_mpc", "reveal.he_to_client"):
        return Held({level: 2 * count})
    return Held()


def _weights(step: Step, degree: int) -> int:
    """Of a linear step: encoded, and in float64."""
    (level, out_level), (terms, outputs) = linear_levels(step), linear_terms(step)
    encoded = len(terms) * (level + 1) + outputs * (out_level + 1)
    return _WORD * (degree * encoded + degree // 2 * (len(terms) + outputs))
