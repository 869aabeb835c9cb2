"""What the server asks of SEAL in one pass: how often, at which level, and for how long.

The methods of SEAL's binding are wrapped while the server computes on one thread (PPC_THREADS=1), where every call of
SEAL goes through it; what goes another way counts as time outside SEAL. Times are the server's CPU times.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from benchmarks.he.here import passes
from ppc.runtime.he.linear_order import rotation_tree

PASSES = 3  # of which the first warms up


@dataclass
class Record:
    """Calls and CPU seconds by (method, level) of one thread."""

    thread: int = 0
    calls: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: Counter[tuple[str, int]] = field(default_factory=Counter)


@contextmanager
def recorded(record: Record) -> Iterator[None]:
    """While this lasts, every call of SEAL in the record's thread is in the record."""
    kept: list[tuple[type, str, Any]] = []

    def wrap(kind: type, name: str, method: Any) -> None:
        @wraps(method)
        def timed(self: Any, *operands: Any) -> Any:
            if threading.get_ident() != record.thread:
                return method(self, *operands)
            first = operands[0] if operands else None
            level = first.coeff_modulus_size() - 1 if isinstance(first, seal.Ciphertext) else -1
            start = thread_time()
            try:
                return method(self, *operands)
            finally:
                record.seconds[name, level] += thread_time() - start
                record.calls[name, level] += 1

        kept.append((kind, name, method))
        setattr(kind, name, timed)

    try:
        for kind in (seal.Evaluator, seal.CKKSEncoder, seal.Encryptor):
            for name in [n for n in dir(kind) if not n.startswith("_")]:
                wrap(kind, name, getattr(kind, name))
        yield
    finally:
        for kind, name, method in kept:
            setattr(kind, name, method)


def profile(path: Path, sample: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Counts of a pass, and the share of the server's time inside SEAL.

    Only calls of SEAL count as inside: reading and writing of ciphertexts, which is mostly SEAL's too, is outside.
    """
    record = Record()

    @contextmanager
    def watching() -> Iterator[None]:
        record.thread = threading.get_ident()
        record.calls.clear()
        record.seconds.clear()
        yield

    with recorded(record):
        last = passes(path, sample, PASSES, watching)[-1]
    inside = sum(record.seconds.values())
    return {"counts": by_level(record.calls), "seal_s": inside, "seal_share": inside / last.all}


def by_level(calls: Mapping[tuple[str, int], int]) -> dict[str, dict[str, int]]:
    """method -> level -> how often; level "-" where an operand has none."""
    found: dict[str, dict[str, int]] = {}
    for (name, level), n in sorted(calls.items()):
        found.setdefault(name, {})["-" if level < 0 else str(level)] = n
    return found


def linear_counts(manifest: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Rotations and products of a plan's linear steps by level, from the plan alone: for plans that HE only begins."""
    slots = manifest["he"]["degree"] // 2
    found: dict[str, Counter[str]] = {"apply_galois": Counter(), "multiply_plain": Counter()}
    for step in manifest["steps"]:
        if step["step"] != "he.linear":
            continue
        level, terms = str(step["attrs"]["level"]), step["attrs"]["terms"]
        keys = frozenset(manifest["he"]["galois"].get(level, ()))
        inputs, outputs = {t[0] for t in terms}, {t[1] for t in terms}
        sets = [{t[2] for t in terms if t[0] == c} for c in inputs]
        sets += [{t[3] for t in terms if t[1] == o} for o in outputs]
        turned = sum(len(rotation_tree(steps, keys, slots)) for steps in sets)
        found["apply_galois"][level] += turned + len(outputs) * len(step["attrs"].get("post", ()))
        found["multiply_plain"][level] += len(terms)
    return {name: dict(counts) for name, counts in found.items()}
