"""Batch packing, through the functions that the server calls: prices of the units of `ppc.targets.he.batch_cost`.

A word is one coefficient modulo one prime. Arrays are as large as those of a block that is evaluated at a time.
"""

from collections.abc import Callable

import numpy as np

from ppc.compiler.measure.he import Bench
from ppc.compiler.measure.stopwatch import Stopwatch
from ppc.runtime.blas import one_thread
from ppc.runtime.he import limbs
from ppc.runtime.he.batch_modular import Modulus, Parts, Scratch

#: Rows and coefficients of a block; rows of a dense layer's result; blocks of a convolution, inputs of each.
ROWS, WIDTH, OUTPUTS, BLOCKS, INPUTS = 784, 256, 100, 20, 25
#: Bits of a prime and of the two parts that its residues are cut into.
PRIME_BITS, PARTS = 50, Parts(25, 2)
#: Ciphertexts that are copied between an array and SEAL.
COPIED = 16


def measure(bench: Bench, watch: Stopwatch) -> dict[str, float]:
    """Seconds of each unit, one thread. `bench` has a prime of PRIME_BITS or fewer at level 1."""
    random, scratch = np.random.default_rng(1), Scratch()
    q = Modulus(bench.context.chain.primes[1])
    x, y = (random.integers(0, q.value, (ROWS, WIDTH), np.uint64) for _ in range(2))
    out, parts = np.empty_like(x), np.empty((2, ROWS, WIDTH))
    PARTS.split(x, parts)
    weights = np.rint(random.normal(scale=2.0**12, size=(OUTPUTS, ROWS)))
    sums = np.empty((OUTPUTS, WIDTH))
    cols = random.integers(0, ROWS, (BLOCKS, INPUTS))
    gathered, small = np.empty((BLOCKS, INPUTS, WIDTH)), np.empty((BLOCKS, 1, WIDTH))
    places = random.permutation(ROWS)

    def joined() -> None:
        q.join([parts[0].copy(), parts[1].copy()], PARTS.bits, out, scratch)  # it spends them
        y[places] = out

    rows: dict[str, tuple[float, Callable[[], object]]] = {
        "split": (2 * x.size, lambda: PARTS.split(x, parts)),
        "gather": (gathered.size, lambda: np.take(parts[0], cols, axis=0, out=gathered, mode="clip")),
        "multiply": (weights.size * WIDTH, lambda: np.matmul(weights, parts[0], out=sums)),
        "join": (x.size, joined),
        "product": (x.size, lambda: q.multiply(x, x, out, scratch)),
        "add": (x.size, lambda: q.add(x, out, out, scratch)),
        "block": (BLOCKS, lambda: np.matmul(weights[:BLOCKS, :1, None], parts[0][:BLOCKS, None], out=small)),
        "convert": (2 * COPIED * 2 * 2 * bench.context.degree, _copies(bench)),
    }
    with one_thread():
        return {unit: watch.time(f"batch.{unit}", run) / count for unit, (count, run) in rows.items()}


def _copies(bench: Bench) -> Callable[[], object]:
    """Ciphertexts at level 1 from an array and into a new one."""
    template = bench.ciphertext(1)
    residues = np.stack([limbs.ciphertext_residues(template)] * COPIED)

    def run() -> None:
        out = np.empty_like(residues)
        for source, target in zip(residues, out, strict=True):
            target[...] = limbs.ciphertext_residues(limbs.alike(bench.context, template, source))

    return run
