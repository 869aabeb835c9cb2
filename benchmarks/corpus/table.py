"""The table as text, and what it has to show."""

from collections.abc import Iterable

from benchmarks.corpus.models import REFUSED
from benchmarks.corpus.policies import POLICIES
from benchmarks.corpus.row import Row, Run

#: The groups that the thresholds are about: 64 models.
JUDGED = ("models-ours", "models-public")
#: Largest error over the range of the output, and the share of samples with the expected argmax or label.
ERROR, AGREEMENT = 1e-2, 0.99
#: How many of the judged models a policy has to carry, and whether only plans with HE nodes count. Under "tee" all but
#: REFUSED.
WANTED = {"tee": (63, False), "mpc": (55, False), "he pinned": (40, True), "no dealer": (40, True)}

HEAD = (
    f"{'model':32} {'policy':14} {'plan':12} {'compile':>8}  {'mode':8} {'samples':>9} {'error':>8} {'argmax':>9} "
    f"{'s/sample':>9} {'s':>7} {'MB':>9}"
)


def line(row: Row) -> str:
    """A row as printed: the furthest mode that ran, or why there is none."""
    begin = f"{row.model[:32]:32} {row.policy:14} "
    if row.outcome != "compiled":
        return f"{begin}{row.outcome:12} {row.code} {row.why or '; '.join(row.broken.values())}"
    begin += f"{'+'.join(row.domains):12} {row.compile_seconds:7.1f}s  "
    lines = [begin + _ran(mode, run) for mode, run in list(row.runs.items())[-1:]] or [begin]
    lines += [f"{'':32} {mode} FAILED: {why}" for mode, why in row.broken.items()]
    return "\n".join(lines)


def _ran(mode: str, run: Run) -> str:
    agree = f"{run.agree}/{run.judged}" if run.judged else "-"
    return (
        f"{mode:8} {f'{run.samples}/{run.stored}':>9} {run.error:8.1e}{' ' if run.error <= ERROR else '!'}{agree:>9} "
        f"{run.pass_seconds:9.3f} {run.seconds:7.1f} {run.bytes / 1e6:9.3f}"
    )


def totals(rows: Iterable[Row], mode: str) -> tuple[list[str], bool]:
    """A line a policy about the judged models, and whether every threshold is met. Those that are there to be refused
    count in none, and have to be."""
    rows = list(rows)
    judged = [r for r in rows if r.group in JUDGED and r.model not in REFUSED]
    wrong = [r for r in rows if r.model in REFUSED and (r.outcome, r.code) != ("refused", REFUSED[r.model])]
    lines = [f"{r.model} under {r.policy} has to be refused with {REFUSED[r.model]}" for r in wrong]
    met = not wrong
    for policy in dict.fromkeys(r.policy for r in judged):
        said, good = _total(policy, [r for r in judged if r.policy == policy], mode)
        lines.append(said)
        met &= good
    return lines, met


def _total(policy: str, rows: list[Row], mode: str) -> tuple[str, bool]:
    mode = mode if POLICIES[policy].secure else "clear"
    compiled = [r for r in rows if r.outcome == "compiled"]
    he = [r for r in compiled if "he" in r.domains]
    ran = [r.runs[mode] for r in compiled if mode in r.runs]
    exact = sum(run.error <= ERROR for run in ran)
    agree, votes = sum(run.agree for run in ran), sum(run.judged for run in ran)
    least, only_he = WANTED.get(policy, (0, False))
    checks = [
        (f"{len(compiled)} of {len(rows)} compile{f' (>= {least})' if least and not only_he else ''}",
         only_he or len(compiled) >= least),
        (f"{len(he)} with HE{f' (>= {least})' if only_he else ''}", not only_he or len(he) >= least),
        (f"{len(ran)} ran {mode}", len(ran) == len(compiled)),
        (f"{exact} within {ERROR:g} of the range", exact == len(ran)),
        (f"argmax {agree}/{votes}{f' = {agree / votes:.4f}' if votes else ''} (>= {AGREEMENT:g})",
         agree >= AGREEMENT * votes),
        (f"{sum(r.outcome == 'failed' for r in rows)} bugs", all(r.outcome != "failed" for r in rows)),
    ]  # fmt: skip
    missed = [said for said, good in checks if not good]
    return (
        f"{policy:14} {'ok' if not missed else 'MISSED':6} {', '.join(said for said, _ in checks)}"
        + (f" -- missed: {', '.join(missed)}" if missed else ""),
        not missed,
    )


def explain(policies: Iterable[str]) -> list[str]:
    """What the names of the policies stand for."""
    return [f"{name:14} {POLICIES[name].about}" for name in policies]
