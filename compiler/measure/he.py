"""CKKS primitives, through the functions that the parties call. A primitive is one row of ROWS."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.compiler.measure.stopwatch import Stopwatch
from ppc.runtime.he import blob, vector, wire
from ppc.runtime.he.cipher import CipherArithmetic
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.he.keys import ClientKeys, ServerKeys, due_keys
from ppc.runtime.levels import MAX_MODULUS_BITS

#: Ring degree -> levels that are measured; those between them are interpolated. The last is the top of the chain.
LEVELS = {
    4096: (0, 1, 2),
    8192: (0, 1, 2, 3, 4, 5),
    16384: (0, 1, 3, 5, 7, 9),
    32768: (0, 2, 5, 9, 14),
}
#: A run reads each key and each plaintext a few times at most, so they are measured coming from memory: at most so many
#: of a kind are used in turns, until they have so many bytes.
IN_TURNS, COLD = 48, 64 << 20
#: Rotations that there are keys for; as many as make COLD.
STEPS = (1, 2, 3, 4, 5, 6, 7, 8)
#: Scale of all that is measured: the square of it has room at level 1 of every chain.
SCALE = 2.0**20


@dataclass(frozen=True)
class Trial:
    """What to time: `run()`, or `run(fresh())` without the time of `fresh`."""

    run: Callable[..., Any]
    fresh: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Bench:
    """Client and server at one ring degree: context, keys, and operands at each level."""

    context: Context
    client: ClientKeys
    server: ServerKeys

    @cached_property
    def row(self) -> Any:
        return np.random.default_rng(1).uniform(-1, 1, self.context.slots)

    @cached_property
    def arithmetic(self) -> CipherArithmetic:
        return CipherArithmetic(self.context, self.server)

    def plaintext(self, level: int) -> Any:
        return self.context.encode(self.row, level, SCALE)

    def ciphertext(self, level: int) -> Any:
        return self.received(self.client.encrypt(self.plaintext(level)), level)

    def received(self, data: bytes, level: int) -> Any:
        return wire.check_ciphertext(data, self.context, level, SCALE)


def _rotate(b: Bench, level: int) -> Trial:
    turns = cycle([(b.ciphertext(level), step) for step in rotations(b.context.degree, level)])
    return Trial(lambda: vector.rotate(b.context, b.server, *next(turns)))


def _multiply_plain(b: Bench, level: int) -> Trial:
    a, out, size = b.ciphertext(level), seal.Ciphertext(), 8 * b.context.degree * (level + 1)
    turns = cycle([b.plaintext(level) for _ in range(_count(size, IN_TURNS))])
    return Trial(lambda: b.context.evaluator.multiply_plain(a, next(turns), out))


def _add(b: Bench, level: int) -> Trial:
    a, total = b.ciphertext(level), b.ciphertext(level)
    return Trial(lambda: vector.accumulate(b.context, total, a))


def _square(b: Bench, level: int) -> Trial:
    a = b.ciphertext(level)
    return Trial(lambda: b.arithmetic.product(a, a))


def _multiply(b: Bench, level: int) -> Trial:
    a, c = b.ciphertext(level), b.ciphertext(level)
    return Trial(lambda: b.arithmetic.product(a, c))


def _relinearise(b: Bench, level: int) -> Trial:
    a = b.ciphertext(level)
    return Trial(lambda raw: vector.relinearise(b.context, b.server, raw), lambda: b.arithmetic.product(a, a))


def _rescale(b: Bench, level: int) -> Trial:
    a, after = b.ciphertext(level), SCALE / b.context.chain.primes[level]
    return Trial(lambda c: vector.rescale(b.context, c, after), lambda: vector.copy(b.context, a))


def _encode(b: Bench, level: int) -> Trial:
    return Trial(lambda: b.plaintext(level))


def _encrypt(b: Bench, level: int) -> Trial:
    p = b.plaintext(level)
    return Trial(lambda: b.client.encrypt(p))


def _decrypt(b: Bench, level: int) -> Trial:
    a = b.ciphertext(level)
    return Trial(lambda: b.client.decrypt(a))


def _decode(b: Bench, level: int) -> Trial:
    p = b.plaintext(level)
    return Trial(lambda: np.array([b.context.encoder.decode_double(p)]))


def _save(b: Bench, level: int) -> Trial:
    a = b.ciphertext(level)
    return Trial(lambda: blob.dump(a))


def _load(b: Bench, level: int) -> Trial:
    data = blob.dump(b.ciphertext(level))
    return Trial(lambda: b.received(data, level))


def _load_seeded(b: Bench, level: int) -> Trial:
    data = b.client.encrypt(b.plaintext(level))
    return Trial(lambda: b.received(data, level))


#: primitive -> the lowest level that it exists at (a product needs room for its scale), and how to run it
ROWS: dict[str, tuple[int, Callable[[Bench, int], Trial]]] = {
    "rotate": (0, _rotate),
    "multiply_plain": (1, _multiply_plain),
    "add": (0, _add),
    "square": (1, _square),
    "multiply": (1, _multiply),
    "relinearise": (1, _relinearise),
    "rescale": (1, _rescale),
    "encode": (0, _encode),
    "encrypt": (0, _encrypt),  # symmetric and seeded, saved
    "decrypt": (0, _decrypt),
    "decode": (0, _decode),
    "save": (0, _save),
    "load": (0, _load),
    "load_seeded": (0, _load_seeded),
}


def rotations(degree: int, level: int) -> tuple[int, ...]:
    """Those that there are Galois keys for at a level: of each digit, two polynomials with one prime more."""
    key = (level + 1) * 2 * (level + 2) * 8 * degree
    return STEPS[: _count(key, len(STEPS))]


def _count(size: int, most: int) -> int:
    return max(1, min(most, -(-COLD // size)))


def bench(
    degree: int, levels: Sequence[int], watch: Stopwatch, most_bits: int = 50
) -> tuple[Bench, dict[str, dict[int, float]]]:
    """Both parties with keys at these levels; and what a key takes to make and save ("key"), to load ("key_load").

    All primes have the same size: as large as 128-bit security allows, and at most `most_bits`.
    """
    top = max(levels)
    bits = min(most_bits, MAX_MODULUS_BITS[degree] // (top + 2))
    keyed = tuple(levels)
    turned = {level: rotations(degree, level) for level in keyed}
    context = Context(Parameters(degree, (bits,) * (top + 2), turned, keyed))
    client = ClientKeys(context)
    public, *keys = watch.once(f"he.keys.{degree}", lambda: _timed(client.evaluation_blobs(), watch))
    loaded = list[float]()

    def arriving() -> Any:
        """ServerKeys loads one key between two requests for the next."""
        for data, _ in (public, *keys):
            start = watch.clock.cpu()
            yield data
            loaded.append(watch.clock.cpu() - start)

    server = watch.once(f"he.key_load.{degree}", lambda: ServerKeys.load(context, arriving()))
    found: dict[str, dict[int, float]] = {"key": {}, "key_load": {}}
    for due, (_, making), loading in zip(due_keys(context), keys, loaded[1:], strict=True):
        for name, seconds in (("key", making), ("key_load", loading)):  # a level has several keys: the best time counts
            found[name][due.level] = min(seconds, found[name].get(due.level, seconds))
    return Bench(context, client, server), found


def _timed(blobs: Any, watch: Stopwatch) -> list[tuple[bytes, float]]:
    """Each blob with the CPU time that it took to make."""
    found, start = [], watch.clock.cpu()
    for data in blobs:
        found.append((data, watch.clock.cpu() - start))
        start = watch.clock.cpu()
    return found


def measure(made: Bench, levels: Sequence[int], watch: Stopwatch) -> dict[str, dict[int, float]]:
    """primitive -> level -> seconds, at the levels where it exists."""
    degree = made.context.degree
    found: dict[str, dict[int, float]] = {}
    for name, (lowest, trial) in ROWS.items():
        for level in levels:
            if level >= lowest:
                t = trial(made, level)
                found.setdefault(name, {})[level] = watch.time(f"he.{name}.{degree}.{level}", t.run, t.fresh)
    return found


def interpolated(measured: dict[int, float], top: int) -> list[float]:
    """Seconds at levels 0..top: as measured, and between and below by a quadratic in the number of primes.

    A key switch over k primes is k (k + 1) NTTs, everything else linear in k. The quadratic is the one that comes
    nearest in proportion; what it says stays between the neighbours that were measured.
    """
    levels = sorted(measured)
    times = np.array([measured[level] for level in levels])
    curve = np.polyfit(levels, times, min(2, len(levels) - 1), w=1 / times)
    found = []
    for level in range(top + 1):
        below = max((x for x in levels if x <= level), default=None)
        above = min((x for x in levels if x >= level), default=levels[-1])
        least = times.min() / 4 if below is None else measured[below]
        low, high = sorted((least, measured[above]))
        found.append(float(np.clip(np.polyval(curve, level), low, high)))
    return found
