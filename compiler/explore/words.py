"""Rows in words, for the terminal and the page alike."""

from ppc.compiler.explore.run import Exploration, Row
from ppc.compiler.explore.settings import AS_GIVEN

#: In tables and labels.
SHORT = {"dealer": "dealer", "enclave": "TEE", "activations": "client sees activations", "operators": "two operators"}


def relies(row: Row) -> str:
    """What a plan takes of the trust that is offered."""
    words = [SHORT[name] for name in row.relies_on]
    if row.setting.endswith("public weights"):
        words.append("public weights")
    return " + ".join(words) or "cryptography alone"


def where(row: Row) -> str:
    """Nodes in each domain: `10 mpc, 2 he`."""
    return ", ".join(f"{n} {d}" for d, n in sorted(row.domains.items(), key=lambda item: -item[1]))


def note(row: Row) -> str:
    """What else is to be said of a row."""
    said = [row.refused] if row.refused else []
    if row.seconds is not None:
        said += ["the client stays online"] if row.online else ["the client may be offline in between"]
        unused = [SHORT[name] for name in row.trusts if name not in row.relies_on]
        said += [f"leaves unused: {', '.join(unused)}"] if unused else []
        said += ["without the policy's pins, which allow no plan"] if row.pins_dropped else []
    return "; ".join(said)


def headline(found: Exploration, network: str, batch: int) -> str:
    """What the front of one network and batch size says, in a sentence."""
    rows = found.groups()[network, batch]
    given = next((r for r in rows if r.setting == AS_GIVEN), None)
    best = [r for r in rows if r.best and r.seconds is not None and not r.setting.endswith("weights")]
    if given is None or given.seconds is None:
        return "The policy as it is allows no plan here."
    faster = [r for r in best if r.seconds is not None and r.seconds < given.seconds * 0.98]
    if not faster:
        return "Nothing that could be trusted in addition makes the plan faster."
    least = min(faster, key=lambda r: (r.seconds or 0.0, len(r.relies_on)))
    assert least.seconds is not None
    times = given.seconds / least.seconds
    return f"Relying on {relies(least)} would make a pass {times:{',.0f' if times >= 100 else '.3g'}} times as fast."
