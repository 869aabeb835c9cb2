"""The report's part about HE: levels and scales of every step, counted primitives, keys, what circuit privacy takes."""

from collections import Counter
from math import log2
from typing import Any

from ppc.ir.module import Module
from ppc.targets.he.batch_count import batch_counts
from ppc.targets.he.count import counted, keys_bytes, upload_bytes
from ppc.targets.he.primitives import Primitives

PRIVACY = {
    "masking": "a mask, uniform modulo Q, hides what the noise tells of the weights; it takes one more prime",
    "flooding": "large noise hides what the computation's noise tells of the weights",
    "public weights": "the weights are public: nothing to hide",
}


def he_section(module: Module, primitives: Primitives) -> dict[str, Any] | None:
    """JSON-able; None for a plan without HE. Times are of the server's computation, one thread."""
    if "he.degree" not in module.attrs:
        return None
    steps = list(counted(module, primitives))
    by_primes = Counter[int]()
    for step in steps:
        by_primes[step.level + 1] += step.rotations
    exits = sorted({str(op.attrs["privacy"]) for op in module.ops if op.attrs.get("privacy") in PRIVACY})
    return {
        "steps": [
            {
                "node": s.op.loc,
                "step": s.op.name,
                "level": s.level,
                "scale_bits": round(log2(float(s.op.attrs["scale"])), 2),  # type: ignore[arg-type]
                "rotations": s.rotations,
                "products": s.products,
                "seconds": s.seconds,
            }
            for s in steps
        ],
        "rotations": {str(k): n for k, n in sorted(by_primes.items(), reverse=True) if n},
        "products": sum(s.products for s in steps),
        "server_seconds": sum(s.seconds for s in steps),
        "key_bytes": keys_bytes(module),
        "upload_bytes": upload_bytes(module),
        "batch": batch_counts(module).to_json() if module.attrs.get("he.packing") == "batch" else None,
        "privacy": [{"kind": kind, "why": PRIVACY[kind]} for kind in exits],
    }
