"""The report of a plan for a terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ppc.compiler.report.reasons import amount, grouped, particular
from ppc.ir.render import printable

STYLES = {"he": "magenta", "mpc": "cyan", "tee": "yellow", "client": "green", "server": "blue"}
WORDS = {
    "he": "homomorphic encryption at the server",
    "mpc": "secret shares, one at each of two parties",
    "tee": "in clear inside the enclave",
    "client": "in clear at the client",
    "server": "in clear at the server",
}

TITLE = "\n[bold]What runs where, and why not elsewhere[/]"
#: Plans with more nodes are shown by operator.
MOST_ROWS = 30
#: Of the values that a party sees for one reason, this many are named.
MOST_SEEN = 8


def render(manifest: Mapping[str, Any], every_node: bool = False) -> RenderableType:
    """Everything a reader needs to judge a plan, most important first. Large plans are shown by operator, unless
    `every_node` is wanted."""
    r = manifest["report"]
    parts: list[RenderableType] = [_verdict(manifest), _sees(r), _holds(r), _soundness(r)]
    parts += [_nodes(r, every_node), _segments(r), _cost(r, manifest["batch"])]
    if manifest["he"]:
        parts.append(_he(manifest))
    if r["approximations"]:
        parts.append(_approximations(r))
    if found := r.get("accuracy"):
        parts.append(_accuracy(found))
    if r["without_pins"]:
        parts.append(_without_pins(r))
    parts += [_lines("What must be trusted", r["trust"]), _lines("What leaks all the same (metadata)", r["leaks"])]
    return Group(*parts)


def safe(text: Any) -> str:
    """Hostile names: no control characters, no rich markup."""
    return escape(printable(str(text)))


def seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1e6:.0f} µs" if value < 1e-3 else f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def speed(samples: int, took: float) -> str:
    """Samples a second."""
    value = samples / took
    return f"{value:,.0f} samples a second" if value >= 100 else f"{value:.3g} samples a second"


def size(value: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.2f} {unit}"
        value /= 1000
    raise AssertionError


def _verdict(manifest: Mapping[str, Any]) -> RenderableType:
    r, model = manifest["report"], manifest["model"]
    counts = ", ".join(f"{n} {d.upper()}" for d, n in r["counts"].items() if n)
    policy = manifest["policy"]
    policy_text = "[bold]assumed (none was given)[/]" if policy["assumed"] else f"{policy['sha256'][:23]}…"
    lines = [
        f"[bold]{safe(model['name'])}[/]  {counts} nodes, batch {manifest['batch']}",
        f"model {model['sha256'][:23]}…   policy {policy_text}",
    ]
    if r["simulated"]:
        lines.append(
            f"[bold red]SIMULATED: {', '.join(r['simulated'])}.[/] The enclave is a locked process with a software "
            "root of trust: no hardware protects it."
        )
    return Panel("\n".join(lines), title="ppc plan", title_align="left")


def titled(title: str, **options: Any) -> Table:
    """A table as all reports in the terminal have it; `options` are rich's."""
    return Table(title=title, title_justify="left", title_style="bold", box=None, **options)


def _table(title: str, *columns: str) -> Table:
    table = titled(title, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _sees(r: Mapping[str, Any]) -> RenderableType:
    table = _table("\nWho sees what in clear", "party", "sees", "because")
    for party, seen in r["parties"].items():
        if not seen:
            table.add_row(party, "[dim]nothing[/]", "")
        for i, (why, values) in enumerate(grouped(seen, MOST_SEEN)):
            table.add_row(party if i == 0 else "", ", ".join(map(safe, values)), safe(why))
    return table


def _holds(r: Mapping[str, Any]) -> RenderableType:
    table = _table("\nWho holds what without being able to read it", "party", "holds", "because")
    for party, held in r.get("holds", {}).items():
        for i, h in enumerate(held):
            table.add_row(party if i == 0 else "", f"{h['what']} of {h['values']} values", safe(h["why"]))
    return table


def _soundness(r: Mapping[str, Any]) -> RenderableType:
    table = _table("\nWho takes part in computing a result, and so could alter it", "output", "to", "parties")
    for s in r.get("soundness", []):
        table.add_row(safe(s["output"]), s["to"], ", ".join(s["altered_by"]) or "[dim]nobody[/]")
    return table


def _nodes(r: Mapping[str, Any], every: bool) -> RenderableType:
    everywhere, rows = particular(r["nodes"])
    said = [f"[dim]not in this plan: {d}: {safe(reason)}[/]" for d, reason in everywhere.items()]
    if len(rows) > MOST_ROWS and not every:
        return Group(_text(TITLE), *map(_text, said), _by_operator(r["nodes"]))
    table = _table("", "node", "op", "runs in", "predicted", "why not")
    table.title = None
    for node, why in zip(r["nodes"], rows, strict=True):
        domain = node["domain"]
        table.add_row(
            safe(node["name"]),
            node["op"],
            f"[{STYLES[domain]}]{domain}[/]",
            seconds(node["seconds"]),
            f"[dim]{safe('; '.join(why))}[/]",
        )
    return Group(_text(TITLE), *map(_text, said), table)


def table_of_prices(p: Mapping[str, Any]) -> str:
    """Which table the costs are from."""
    where = {"shipped": "the table that ships with ppc", "measured": "measured by ppc calibrate"}[p["table"]]
    busy = ", of a busy machine" if p["busy"] else ""
    return safe(f"{where}, {p['date']}, {p['architecture']} with {p['cores']} cores{busy}")


def _by_operator(nodes: Sequence[Mapping[str, Any]]) -> RenderableType:
    counts = Counter((n["op"], n["domain"]) for n in nodes)
    domains = [d for d in STYLES if any(domain == d for _, domain in counts)]
    table = _table("", "op", *domains)
    table.title = None
    for op in sorted({op for op, _ in counts}):
        table.add_row(op, *(str(counts[op, d] or "") for d in domains))
    table.caption = f"{len(nodes)} nodes; ppc inspect --nodes lists them with the reasons"
    table.caption_justify = "left"
    return table


def _text(markup: str) -> RenderableType:
    return Text.from_markup(markup)


def _segments(r: Mapping[str, Any]) -> RenderableType:
    table = _table("\nSegments", "#", "domain", "nodes", "")
    for i, s in enumerate(r["segments"], 1):
        names = ", ".join(map(safe, s["nodes"][:6])) + (f", … ({len(s['nodes'])})" if len(s["nodes"]) > 6 else "")
        table.add_row(str(i), f"[{STYLES[s['domain']]}]{s['domain']}[/]", names, f"[dim]{WORDS[s['domain']]}[/]")
    return table


def _cost(r: Mapping[str, Any], batch: int) -> RenderableType:
    p, o = r["predicted"], r["optimality"]
    table = _table("\nCost of a pass (predicted)", "", "")
    table.add_row("online time", f"{seconds(p['seconds'])} on network '{p['network']}', {p['rounds']:.0f} rounds")
    if batch > 1:
        table.add_row("throughput", f"{speed(batch, p['seconds'])}, {batch} in a pass")
    table.add_row("online traffic", size(p["bytes"]))
    table.add_row("dealer traffic, ahead", size(p["offline_bytes"]))
    table.add_row("prices", table_of_prices(r["prices"]))
    if r.get("refreshed"):
        named = ", ".join(map(safe, r["refreshed"][:MOST_SEEN])) + (", …" if len(r["refreshed"]) > MOST_SEEN else "")
        table.add_row("refreshes", f"{len(r['refreshed'])} values leave HE through shares and come back ({named})")
    if r.get("split"):
        table.add_row("HE in parts", safe(r["split"]))
    unit, method = o.get("unit", "s"), o.get("method", "flow MILP")
    table.add_row(
        "optimality",
        f"{o['objective']} {o['value']:.6g} {unit}, proven bound {o['bound']:.6g} {unit}, gap {o['gap']:.2%} "
        f"({method})" + ("" if o["gap"] < 1e-6 else "  [bold yellow]not proven optimal[/]"),
    )
    return table


def _he(manifest: Mapping[str, Any]) -> RenderableType:
    he = manifest["he"]
    bits = "+".join(map(str, he["prime_bits"]))
    keys = sum(len(v) for v in he["galois"].values())
    table = _table("\nHE parameters (CKKS)", "", "")
    table.add_row("ring degree N", f"{he['degree']}  ({he['degree'] // 2} slots a ciphertext)")
    if "packing_because" in he:
        packing = "one sample a slot" if he.get("packing") == "batch" else "elements of a sample share ciphertexts"
        table.add_row("packing", f"{packing}: {safe(he['packing_because'])}")
    table.add_row(
        "modulus", f"{bits} = {sum(he['prime_bits'])} bits (the last for key switching), top level {he['top_level']}"
    )
    table.add_row("security", f"{he['security_bits']} bits (HomomorphicEncryption.org table; enforced by SEAL)")
    found = manifest["report"]["he"]
    table.add_row("keys", f"{keys} Galois, {len(he['relin'])} relinearisation: {size(found['key_bytes'])} once")
    table.add_row("upload", f"{size(found['upload_bytes'])} of ciphertexts a pass")
    table.add_row("server's memory", f"{size(found['memory_bytes'])} beside the interpreter (predicted, one thread)")
    if found["rotations"]:
        turned = ", ".join(f"{n} over {k}" for k, n in found["rotations"].items())
        table.add_row("rotations", f"{turned} primes; {found['products']} products with weights")
        table.add_row("server", f"{seconds(found['server_seconds'])} on one thread (predicted)")
    if b := found["batch"]:
        table.add_row(
            "server",
            f"{b['weighted']} products with weights, {b['products']} of ciphertexts, {b['relinearised']} key switches, "
            f"{b['rescaled']} rescales" + (f", for {b['groups']} groups of samples" if b["groups"] > 1 else ""),
        )
    for way in found["privacy"]:
        table.add_row("circuit privacy", way["why"])
    if (bare := found["without_privacy"]) is not None:
        server = f"server {seconds(bare['server_seconds'])}, " if bare["server_seconds"] else ""
        sizes = f"keys {size(bare['key_bytes'])}, upload {size(bare['upload_bytes'])}"
        table.add_row("... if weights were public", f"N = {bare['degree']}, {server}{sizes}")
    return table


def _approximations(r: Mapping[str, Any]) -> RenderableType:
    table = _table(
        "\nApproximations in HE", "node", "op", "polynomial", "range", "max error", "alone changes outputs by"
    )
    for a in r["approximations"]:
        table.add_row(
            safe(a["node"]),
            a["op"],
            a["polynomial"],
            f"[{a['lo']:.3g}, {a['hi']:.3g}]".replace("[", r"\["),
            f"{a['error']:.2e}",
            "not measured" if a["loss"] is None else f"{a['loss']:.2%} of their range",
        )
    return table


def _accuracy(a: Mapping[str, Any]) -> RenderableType:
    """Of the whole plan in simulate mode, and of the nodes that matter most."""
    table = _table("\nAccuracy on the calibration data, simulated", "", "")
    if s := a["simulated"]:
        table.add_row("samples", str(a["samples"]))
        table.add_row("error", f"at most {s['max_error']:.3g}, mean {s['mean_error']:.3g}")
        table.add_row("of the outputs' range", f"{s['relative']:.2g} (limit {a['limit']:g})")
        table.add_row("same decision", f"{s['argmax_agreement']:.2%}")
    if a["plan_accuracy"] is not None:
        plan, model = a["plan_accuracy"], a["model_accuracy"]
        table.add_row("accuracy", f"{plan:.2%}, the model's {model:.2%} ({100 * (plan - model):+.2f} points)")
    for text in a["left_out"]:
        table.add_row("[bold yellow]not measured[/]", safe(text))
    rows = sorted(a["nodes"], key=lambda row: (row["alone"] or 0.0, row["sensitivity"]), reverse=True)
    nodes = _table("", "node", "runs in", "alone changes outputs by", "sensitivity")
    nodes.title = None
    for row in rows[:MOST_SEEN]:
        alone = "noise only" if row["alone"] is None else f"{row['alone']:.2g} of their range"
        nodes.add_row(
            safe(row["node"]), f"[{STYLES[row['domain']]}]{row['domain']}[/]", alone, f"{row['sensitivity']:.2g}"
        )
    if len(rows) > MOST_SEEN:
        nodes.caption, nodes.caption_justify = f"the worst of {len(rows)} nodes; plan.json has all", "left"
    return Group(table, nodes) if rows else table


def _without_pins(r: Mapping[str, Any]) -> RenderableType:
    w = r["without_pins"]
    table = _table("\nWithout the policy's pins the optimiser would choose", "node", "pinned", "would run in")
    for row in w["nodes"]:
        table.add_row(safe(row["name"]), row["pinned"], f"[{STYLES[row['free']]}]{row['free']}[/]")
    table.add_row("[bold]predicted[/]", amount(w["pinned_value"], w["unit"]), amount(w["value"], w["unit"]))
    return table


def _lines(title: str, items: Sequence[str]) -> RenderableType:
    table = _table(f"\n{title}", "")
    table.show_header = False
    for item in items or ["nothing"]:
        table.add_row(f"· {safe(item)}")
    return table
