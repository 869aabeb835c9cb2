"""One linear step under HE on one and more threads: `python -m benchmarks.he.threads`; build/bench/he_threads.json.

The layer is as wide as the first of a small convolutional network: 25 babies and 5 giants of one ciphertext. `in_seal`
is the share of the time on one thread that SEAL's own functions take; the rest is Python and numpy. Rotations in a row,
each of the one before, cannot gain from threads.
"""

import json
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.runtime.he import native
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.he.keys import ClientKeys, ServerKeys
from ppc.runtime.he.linear import evaluate
from ppc.runtime.he.linear_order import Turn, TurnSum, order
from ppc.runtime.he.prepare import encode_rows
from ppc.runtime.he.schedule import Workers, available_cores

DEGREE, PRIMES, LEVEL, SCALE = 16384, (60, 50, 50, 50, 50, 60), 4, 2.0**50
BABIES, GIANTS, REPEATS = range(25), range(0, 125, 25), 5


def main() -> int:
    keys = (1, 5, 25)
    context = Context(Parameters(DEGREE, PRIMES, {LEVEL: keys}, ())).direct  # on one thread too, to compare
    server = ServerKeys.load(context, ClientKeys(context).evaluation_blobs())
    terms = [(0, 0, b, g) for g in GIANTS for b in BABIES]
    rng, prime = np.random.default_rng(0), float(context.chain.primes[LEVEL])
    diagonals = encode_rows(context, rng.normal(size=(len(terms), context.slots)), LEVEL, prime)
    bias = encode_rows(context, rng.normal(size=(1, context.slots)), LEVEL - 1, SCALE)
    x = seal.Ciphertext()
    server.encryptor.encrypt(context.encode(rng.normal(size=context.slots), LEVEL, SCALE), x)

    def run(threads: int) -> float:
        start = perf_counter()
        evaluate(context, server, [x], terms, diagonals, bias, [], [], prime, (LEVEL - 1, SCALE), Workers(threads))
        return perf_counter() - start

    run(1)
    rows = [
        {"threads": threads, "ms": round(1e3 * min(run(threads) for _ in range(REPEATS)), 1)}
        for threads in range(1, available_cores() + 1)
    ]
    operations = order(terms, 1, server.steps(LEVEL), context.slots)
    depth: list[int] = []
    for op in operations:
        depth.append(isinstance(op, Turn | TurnSum) + max((depth[i] for i in op.after), default=0))
    found = {
        "way": type(context.arithmetic).__name__,
        "rotations": sum(isinstance(op, Turn | TurnSum) for op in operations),
        "rotations_in_a_row": max(depth),
        "products": len(terms),
        "in_seal": round(max(share_in_seal(lambda: run(1)) for _ in range(REPEATS)), 3),
        "rows": rows,
    }
    print("  ".join(f"{name}={value}" for name, value in found.items() if name != "rows"))
    for row in rows:
        print(f"{row['threads']} threads  {row['ms']} ms  x{rows[0]['ms'] / row['ms']:.2f}")
    out = Path("build/bench")
    out.mkdir(parents=True, exist_ok=True)
    (out / "he_threads.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


def share_in_seal(run: Callable[[], float]) -> float:
    """Share of the time of `run` that passes inside the functions that `native` calls."""
    library, inside = native._library(), [0.0]

    def timed(function: Any) -> Any:
        def call(*arguments: Any) -> None:
            start = perf_counter()
            function(*arguments)
            inside[0] += perf_counter() - start

        return call

    names = ("multiply", "add", "copy", "switch_key", "divide")
    kept = {name: getattr(library, name) for name in names}
    try:
        for name, function in kept.items():
            setattr(library, name, timed(function))
        total = run()
    finally:
        for name, function in kept.items():
            setattr(library, name, function)
    return inside[0] / total


if __name__ == "__main__":
    raise SystemExit(main())
