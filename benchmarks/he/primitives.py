"""What the server asks of SEAL in one pass: how often, at which level, and for how long.

Both parties are threads here. SEAL's own methods, and those of the evaluator that calls SEAL without the binding, are
wrapped while the server computes; what goes another way counts as time outside SEAL. The server has one thread
(PPC_THREADS=1), and times are its CPU times, so that other load on the machine disturbs them little.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from ppc.compiler.price_table import PriceTable
from ppc.runtime.he.evaluator import NativeEvaluator
from ppc.runtime.he.linear_order import rotation_tree
from ppc.runtime.net.memory import pair
from ppc.runtime.phases import new_session, run_party
from ppc.runtime.plan import Plan
from ppc.runtime.status import Status

#: SEAL's method -> row of the table of prices
PRICED = {
    "apply_galois": "rotate",
    "multiply_plain": "multiply_plain",
    "add_inplace": "add",
    "add_plain_inplace": "add",
    "square": "square",
    "multiply": "multiply",
    "relinearize_inplace": "relinearise",
    "rescale_to_next_inplace": "rescale",
}
#: The same of `NativeEvaluator`; `sum_of_products` is several of them.
NATIVE = {
    "rotate": "apply_galois",
    "add": "add_inplace",
    "add_plain": "add_plain_inplace",
    "multiply": "multiply",
    "relinearise": "relinearize_inplace",
    "rescale": "rescale_to_next_inplace",
    "sum_of_products": "multiply_plain",
}
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
            first, shown = operands[0] if operands else None, name
            if kind is NativeEvaluator:
                shown = "square" if name == "multiply" and first is operands[1] else NATIVE[name]
            pairs = first if name == "sum_of_products" else []
            first = pairs[0][0] if pairs else first
            level = first.coeff_modulus_size() - 1 if isinstance(first, seal.Ciphertext) else -1
            start = thread_time()
            try:
                return method(self, *operands)
            finally:
                record.seconds[shown, level] += thread_time() - start
                record.calls[shown, level] += len(pairs) or 1
                if pairs:
                    record.calls["add_inplace", level] += len(pairs) - (len(operands) < 3 or operands[2] is None)

        kept.append((kind, name, method))
        setattr(kind, name, timed)

    try:
        for kind in (seal.Evaluator, seal.CKKSEncoder, seal.Encryptor):
            for name in [n for n in dir(kind) if not n.startswith("_")]:
                wrap(kind, name, getattr(kind, name))
        for name in NATIVE:
            wrap(NativeEvaluator, name, getattr(NativeEvaluator, name))
        yield
    finally:
        for kind, name, method in kept:
            setattr(kind, name, method)


def profile(path: Path, sample: np.ndarray[Any, Any], table: PriceTable) -> dict[str, Any]:
    """Counts of a pass, the share of the server's time inside SEAL, and what the table says that they take."""
    plan, program = Plan.load(path)
    client, server = (new_session(plan, role, {}) for role in ("client", "server"))
    client.channels["server"], server.channels["client"] = pair("client", "server", 600.0)
    name = plan.manifest["model"]["inputs"][0]["name"]
    record, spent = Record(), list[float]()

    def watched(session: Any) -> None:
        record.thread = threading.get_ident()
        record.calls.clear()
        record.seconds.clear()
        start = thread_time()
        program(session)
        spent.append(thread_time() - start)

    quiet = Status(None)
    with recorded(record), ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(run_party, server, watched, [], status=quiet),
            pool.submit(run_party, client, program, [{name: sample}] * PASSES, status=quiet),
        ]
        for job in jobs:
            job.result()
    inside = sum(record.seconds.values())
    return {
        "counts": by_level(record.calls),
        "server_cpu_s": min(spent[1:]),
        "seal_s": inside,
        "seal_share": inside / spent[-1] if spent[-1] else None,
        "predicted_he_s": priced(record.calls, plan.manifest["he"]["degree"], table),
        "measured_he_s": sum(s for (name, _), s in record.seconds.items() if name in PRICED),
    }


def by_level(calls: Mapping[tuple[str, int], int]) -> dict[str, dict[str, int]]:
    """method -> level -> how often; level "-" where an operand has none."""
    found: dict[str, dict[str, int]] = {}
    for (name, level), n in sorted(calls.items()):
        found.setdefault(name, {})["-" if level < 0 else str(level)] = n
    return found


def priced(calls: Mapping[tuple[str, int], int], degree: int, table: PriceTable) -> float:
    """Seconds of the evaluator's calls by the table."""
    he = table.prices.he
    return sum(n * he.at(PRICED[name], degree, level) for (name, level), n in calls.items() if name in PRICED)


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
