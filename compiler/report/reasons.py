"""Why a node does not run elsewhere, for a table: what holds for every node once, the rest in few words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Reasons as the stages word them -> the short wording of a table. plan.json keeps the full text.
_SHORT = (
    (re.compile(r"dearer by at least (.+)", re.S), r"+\1 or more"),
    (re.compile(r"dearer by (.+)", re.S), r"+\1"),
    (re.compile(r"the policy places this node in \w+ \(([^:]+:\d+).*\)", re.S), r"pinned by \1"),
    (re.compile(r"the policy does not allow (\w+) \(([^:]+:\d+).*\)", re.S), r"the policy does not allow \1 (\2)"),
    (re.compile(r"the (\w+) would see (.+), which depends on secrets of .+", re.S), r"the \1 would see \2"),
    (re.compile(r"allowed, not chosen .+"), "not chosen"),
    (re.compile(r"impossible together with the other nodes(: .+)?"), r"does not fit the other nodes\1"),
    (re.compile(r"(.+?); a policy with .+ lets it run there", re.S), r"\1"),
)
_SEEN = re.compile(r"the (\w+) would see .+")


def amount(value: float, unit: str) -> str:
    """A value of an objective, short."""
    steps = {"s": ((1.0, "s"), (1e-3, "ms")), "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))}.get(unit)
    if steps is None:
        return f"{value:.3g} {unit}".rstrip()
    size, word = next(((size, word) for size, word in steps if value >= size), steps[-1])
    return f"{value / size:.3g} {word}"


def short(reason: str) -> str:
    """The short wording of a reason; one that the table does not know stays as it is."""
    for pattern, wording in _SHORT:
        if pattern.fullmatch(reason):
            return pattern.sub(wording, reason)
    return reason


def particular(nodes: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[list[str]]]:
    """(reasons that hold for every node, by domain; for each node the sentences that hold for it, shortest first)."""
    reasons = [{d: short(why) for d, why in n["why_not"].items()} for n in nodes]
    everywhere = {d: why for d in (reasons[0] if reasons else {}) if (why := _common(reasons, d)) is not None}
    rows = []
    for row in reasons:
        by_reason: dict[str, list[str]] = {}
        for d, why in row.items():
            if d not in everywhere:
                by_reason.setdefault(why, []).append(d)
        said = [
            f"{', '.join(ds)} {why}" if why[0] == "+" else f"{', '.join(ds)}: {why}" for why, ds in by_reason.items()
        ]
        rows.append(sorted(said, key=lambda s: (len(s), s)))
    return everywhere, rows


def grouped(seen: Sequence[Mapping[str, str]], most: int) -> list[tuple[str, list[str]]]:
    """What a party sees, by the reason why it may: (reason, at most `most` + 1 names, the rest counted)."""
    by_reason: dict[str, list[str]] = {}
    for item in seen:
        by_reason.setdefault(item["why"], []).append(item["value"])
    return [
        (why, names if (more := len(names) - most) <= 0 else [*names[: most - 1], f"... ({more} more)", names[-1]])
        for why, names in by_reason.items()
    ]


def _common(reasons: Sequence[Mapping[str, str]], domain: str) -> str | None:
    found = {row.get(domain, "") for row in reasons}
    if len(found) == 1:
        return found.pop() or None
    seen = [_SEEN.fullmatch(why) for why in found]
    return f"the {domain} would see what depends on another party's secrets" if all(seen) else None
