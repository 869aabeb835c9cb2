"""The report's part about HE: levels and scales of every step, counted primitives, keys, what circuit privacy takes."""

from collections import Counter
from dataclasses import replace
from math import log2
from typing import Any

from ppc.ir.diagnostic import UserError
from ppc.ir.module import Module
from ppc.targets.he.batch_count import batch_counts
from ppc.targets.he.count import counted, keys_bytes, upload_bytes
from ppc.targets.he.graph import REVEAL
from ppc.targets.he.lower import lower_he
from ppc.targets.he.primitives import Primitives
from ppc.targets.prices import Prices

PUBLIC = "public weights"
PRIVACY = {
    "masking": "a mask, uniform modulo Q, hides what the noise tells of the weights; it takes one more prime",
    "flooding": "large noise hides what the computation's noise tells of the weights",
    PUBLIC: "the weights are public: nothing to hide",
}


def he_section(module: Module, converted: Module, prices: Prices) -> dict[str, Any] | None:
    """JSON-able; None for a plan without HE. Times are of the server's computation, one thread.

    `converted`: the module before it was lowered, from which a plan that hides nothing is made, to compare."""
    if "he.degree" not in module.attrs:
        return None
    primitives = prices.he
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
        **_amounts(module, primitives),
        "batch": batch_counts(module).to_json() if module.attrs.get("he.packing") == "batch" else None,
        "privacy": [{"kind": kind, "why": PRIVACY[kind]} for kind in exits],
        "without_privacy": _without_privacy(converted, prices) if {*exits} - {PUBLIC} else None,
    }


def _amounts(module: Module, primitives: Primitives) -> dict[str, Any]:
    """What a plan takes that circuit privacy may add to. Batch packing's steps are not priced one by one: 0 seconds."""
    return {
        "server_seconds": sum(s.seconds for s in counted(module, primitives)),
        "key_bytes": keys_bytes(module),
        "upload_bytes": upload_bytes(module),
    }


def _without_privacy(converted: Module, prices: Prices) -> dict[str, Any] | None:
    """The same if the weights were public: the same nodes under HE, planned again with nothing to hide. None where the
    search for parameters finds some for the plan that hides them alone."""
    ops = (replace(op, attrs={**op.attrs, "privacy": PUBLIC}) if op.name == REVEAL else op for op in converted.ops)
    try:
        bare = lower_he(replace(converted, ops=tuple(ops)), prices)
    except UserError:
        return None
    return {"degree": bare.attrs["he.degree"], **_amounts(bare, prices.he)}
