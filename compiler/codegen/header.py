"""The docstring of plan.py: what an auditor has to know before the first line."""

from collections.abc import Mapping
from typing import Any

from ppc.compiler.report.reasons import grouped
from ppc.compiler.report.terminal import seconds, size
from ppc.ir.policy.ast import ROLES

#: Values of one party that are named; more are counted. plan.json lists all.
MOST_SEEN = 4


def header(manifest: Mapping[str, Any]) -> list[str]:
    """Lines of plain text; whoever prints them escapes them."""
    r = manifest["report"]
    policy = manifest["policy"]
    lines = [
        f"model   {manifest['model']['sha256']}",
        f"policy  {policy['sha256']}" + (" (assumed: none was given)" if policy["assumed"] else ""),
        f"format  {manifest['format']}, batch {manifest['batch']}",
        "",
    ]
    if r["simulated"]:
        lines += [
            "SIMULATED: the enclave is a locked process with a software root of trust; no hardware protects it.",
            "",
        ]
    lines.append("Who sees what in clear:")
    for party in (role for role in ROLES if role in r["parties"]):  # plan.json keeps no order
        seen = grouped(r["parties"][party], MOST_SEEN)
        rows = [f"  {party}: {', '.join(names)} ({why})" for why, names in seen]
        lines += rows or [f"  {party}: nothing"]
    lines += ["", "Reveals:"]
    lines += [f"  {v['value']} -> {v['to']} because {v['because']}" for v in r["reveals"]] or ["  none"]
    lines += ["", "Trusted:"] + [f"  {t}" for t in r["trust"]]
    if r["approximations"]:
        lines += ["", "Approximated under HE:"]
        for a in r["approximations"]:
            where = f"on [{a['lo']:.3g}, {a['hi']:.3g}], error {a['error']:.1e}"
            lines.append(f"  {a['op']} '{a['node']}': {a['polynomial']} {where}")
    if manifest["he"]:
        he = manifest["he"]
        lines += ["", f"CKKS: N = {he['degree']}, primes {he['prime_bits']} bits, {he['security_bits']}-bit security"]
    p = r["predicted"]
    costs = f"{seconds(p['seconds'])}, {size(p['bytes'])} online, {p['rounds']:.0f} rounds ({p['network']})"
    return [*lines, "", f"Predicted a pass: {costs}"]
