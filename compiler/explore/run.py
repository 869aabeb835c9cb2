"""Every setting on every network and batch size: the best plan of each, and which of them no other one beats."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from os import sched_getaffinity
from typing import Any

from ppc.compiler.driver import Planned, Request, plan_model, read_policy
from ppc.compiler.explore.settings import AS_GIVEN, OPERATORS, Setting, settings, without_pins
from ppc.compiler.report.build import predicted
from ppc.ir.diagnostic import UserError, fail
from ppc.ir.module import Module
from ppc.ir.policy.ast import Place, SeeActivations
from ppc.runtime.places import OUTSOURCED

#: What can be asked for -> `Request.network`; None is the policy's own.
NETWORKS: dict[str, str | None] = {"lan": "lan", "wan": "wan", "policy": None}


@dataclass(frozen=True)
class Row:
    """The best plan of one setting. Costs are of one pass; None where there is no plan."""

    setting: str
    network: str
    batch: int
    trusts: tuple[str, ...]  # what the policy offers
    relies_on: tuple[str, ...] = ()  # what the plan takes of that
    seconds: float | None = None
    traffic: float | None = None  # bytes of all parties, the dealer's included
    dealer: float = 0.0  # bytes of that by the dealer, ahead
    rounds: float = 0.0
    domains: dict[str, int] = field(default_factory=dict)  # nodes in each
    online: bool = False  # must the client answer between upload and download
    pins_dropped: bool = False  # with the policy's pins there was no plan
    refused: str = ""  # code and message
    best: bool = False  # no other row of this network and batch is better in one respect and worse in none

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Exploration:
    """All rows, by network and batch size."""

    model: str
    rows: tuple[Row, ...]

    def groups(self) -> dict[tuple[str, int], list[Row]]:
        found: dict[tuple[str, int], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row.network, row.batch), []).append(row)
        return found

    def as_json(self) -> dict[str, Any]:
        return {"model": self.model, "rows": [row.as_json() for row in self.rows]}


def explore(
    request: Request,
    model: str,
    networks: Sequence[str],
    batches: Sequence[int],
    done: Callable[[int, int], None] = lambda n, of: None,
) -> Exploration:
    """`request` is the base; its network and batch are replaced. Groups run in processes of their own, as many as the
    machine has cores; `done(n, of)` is told of finished groups. Raises UserError where the policy or model is unsound
    whatever is trusted."""
    read_policy(request.policy)
    if unknown := [n for n in networks if n not in NETWORKS]:
        raise fail("PPC5001", f"there is no network {unknown[0]!r}", help=f"networks are {', '.join(NETWORKS)}")
    wanted = [replace(request, network=NETWORKS[n], batch=b) for b in sorted(batches, reverse=True) for n in networks]
    found: list[list[Row]] = []
    with ProcessPoolExecutor(min(len(wanted), len(sched_getaffinity(0))), get_context("spawn")) as pool:
        for rows in pool.map(group, wanted):
            found.append(rows)
            done(len(found), len(wanted))
    order = {(NETWORKS[n] or "policy", b): i for i, (b, n) in enumerate((b, n) for b in batches for n in networks)}
    found.sort(key=lambda rows: order[rows[0].network, rows[0].batch])
    return Exploration(model, tuple(row for rows in found for row in rows))


def group(request: Request) -> list[Row]:
    """The rows of one network and batch size.

    Settings come with the most trust first. A best plan that leaves something of its setting unused is also the best
    plan of every setting that offers less but all it uses: those are not solved again.
    """
    rows: list[Row] = []
    by_trust: list[Row] = []
    for setting in settings(read_policy(request.policy).policy):
        pure = not setting.name.endswith(("interactive", "pins", "weights", OPERATORS))
        row = next((_again(r, setting) for r in by_trust if pure and _covers(r, setting)), None)
        if row is None:
            row = _row(request, setting)
            if pure and row.seconds is not None and not row.pins_dropped:
                by_trust.append(row)
        rows.append(row)
    return front(sorted(rows, key=lambda row: row.setting != AS_GIVEN))


def _covers(row: Row, setting: Setting) -> bool:
    return set(row.relies_on) <= setting.trusts <= set(row.trusts)


def _again(row: Row, setting: Setting) -> Row:
    return replace(row, setting=setting.name, trusts=_names(setting.trusts))


def _row(request: Request, setting: Setting) -> Row:
    empty = Row(setting.name, request.network or "policy", request.batch, _names(setting.trusts))
    try:
        return _filled(empty, plan_model(replace(request, policy=setting.policy)), setting)
    except UserError as e:
        why = e
    if setting.policy.all(Place) and any(d.code in ("PPC3002", "PPC3003") for d in why.diagnostics):
        try:
            unpinned = replace(setting, policy=without_pins(setting.policy))
            planned = plan_model(replace(request, policy=unpinned.policy))
            return replace(_filled(empty, planned, unpinned), pins_dropped=True)
        except UserError as e:
            why = e
    first = why.diagnostics[0]
    where = f" ('{first.node}')" if first.node else ""
    return replace(empty, refused=f"{first.code}: {first.message}{where}")


def _filled(row: Row, planned: Planned, setting: Setting) -> Row:
    findings = planned.findings
    cost = predicted(findings)
    names = [op.name for op in findings.lowered.ops]
    domains = Counter(str(op.domain) for op in findings.assigned.module.ops)
    see = {s.because for s in setting.policy.all(SeeActivations)}
    shared = any(name.startswith("mpc.") for name in names)
    others_hold = shared and planned.resolved.share_holders == OUTSOURCED
    used = {
        OPERATORS: others_hold,
        "dealer": shared,
        "enclave": any(name.startswith("tee.") for name in names),
        "activations": any(r.because in see for r in findings.views.reveals),
    }
    return replace(
        row,
        relies_on=_names(name for name, is_used in used.items() if is_used),
        seconds=cost["seconds"],
        traffic=cost["bytes"] + cost["offline_bytes"],
        dealer=cost["offline_bytes"],
        rounds=cost["rounds"],
        domains=dict(sorted(domains.items())),
        online=_interactive(findings.lowered, others_hold),
    )


def _interactive(module: Module, others_hold: bool) -> bool:
    """Does the client take part between its first message and its last? `others_hold`: the shares."""
    late: set[str] = set()
    for op in module.ops:
        if op.name.startswith("mpc.") and not others_hold:
            return True
        if op.name.startswith("convert.client_to_") and op.operands[0] in late:
            return True
        if op.name.startswith("reveal.") or any(o in late for o in op.operands):
            late.update(op.results)
    return False


def _names(atoms: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(atoms))


def front(rows: Sequence[Row]) -> list[Row]:
    """The same rows, the undominated ones marked: less time, less traffic and less to trust (or to give away) are
    better, and of two sets of things to trust neither is better unless it is part of the other."""
    return [replace(row, best=row.seconds is not None and not any(_beats(o, row) for o in rows)) for row in rows]


def _beats(a: Row, b: Row) -> bool:
    if a.seconds is None or a.traffic is None or b.seconds is None or b.traffic is None:
        return False
    mine, its = _given(a), _given(b)
    return (
        (a.seconds, a.traffic, mine) != (b.seconds, b.traffic, its)
        and a.seconds <= b.seconds
        and a.traffic <= b.traffic
        and mine <= its
    )


def _given(row: Row) -> frozenset[str]:
    """What a plan relies on, gives away, or asks of the client."""
    public = {"public weights"} if row.setting.endswith("public weights") else set()
    return frozenset(row.relies_on) | public | ({"online"} if row.online else set())
