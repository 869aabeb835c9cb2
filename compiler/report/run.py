"""The report of a run: what it measured beside what the compiler predicted."""

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table

from ppc.compiler.report.compare import Costs
from ppc.compiler.report.terminal import safe, seconds, size, speed, titled

if TYPE_CHECKING:
    from ppc.compiler.runner import RunOutcome


def render_run(run: "RunOutcome") -> RenderableType:
    parts: list[RenderableType] = [_summary(run)]
    if run.is_secure:
        parts.append(_segments(run))
    if run.measured.get("steps"):
        parts.append(_steps(run.measured["steps"]))
    return Group(*parts)


def _summary(run: "RunOutcome") -> RenderableType:
    table = titled(
        f"\nRun: {run.samples} samples, mode {run.mode}",
        show_header=False,
    )
    t, predicted = run.measured["seconds"], run.manifest["report"]["predicted"]
    passes = -(-run.samples // run.manifest["batch"])
    if run.mode != "secure":
        table.add_row("[bold red]no cryptography ran[/]", "one process saw every value; this mode protects nothing")
    elif run.manifest["report"]["simulated"]:
        table.add_row("[bold red]TEE is SIMULATED[/]", "no hardware protects the enclave")
    table.add_row(
        "seconds",
        f"setup {t['setup']:.2f}, offline {t['offline']:.2f}, online {t['online']:.2f}, total {t['total']:.2f}",
    )
    if run.mode == "secure":
        table.add_row(
            "online, predicted",
            f"{seconds(predicted['seconds'] * passes)} for {passes} passes on network '{predicted['network']}'",
        )
        if run.manifest["batch"] > 1:
            busy = ", ".join(f"{party} {seconds(took / run.samples)}" for party, took in t["busy"].items())
            table.add_row("throughput", f"{speed(run.samples, t['online'])} online; busy with each: {busy}")
        waits = ", ".join(f"{k} {seconds(v)}" for k, v in t["waited"].items())
        table.add_row("of that, waiting for others", waits)
        sent = run.measured["bytes"]
        dealt = sent.get("dealer", 0)
        parties = ", ".join(f"{k} {size(v)}" for k, v in sent.items() if k not in ("total", "dealer"))
        table.add_row("bytes sent", f"{size(sent['total'] - dealt)}  ({parties})")
        online = f"{size(predicted['bytes'] * passes)}; by the dealer {size(predicted['offline_bytes'] * passes)}"
        table.add_row("bytes of the busiest party, predicted", online)
        if dealt:
            table.add_row("bytes sent by the dealer, ahead", size(dealt))
        table.add_row("rounds", f"{run.measured['rounds']}")
        for party, notes in run.measured["notes"].items():
            for engine, note in notes.items():
                table.add_row(f"{engine} at the {party}", safe(note))
    if run.comparison:
        table.add_row("max error against onnxruntime", f"{run.comparison['max_abs_err']:.3g}")
        table.add_row("same argmax", f"{run.comparison['argmax_agreement']:.2%}")
    return table


def _segments(run: "RunOutcome") -> RenderableType:
    """Predicted beside measured, a row a segment."""
    table = titled(
        "\nPredicted beside measured, all passes (computation and traffic of the busiest party without the dealer)",
        header_style="dim",
    )
    table.add_column("segment")
    table.add_column("steps")
    for column in ("computation", "measured", "traffic", "measured", "rounds", "measured"):
        table.add_column(column, justify="right")
    rows = run.segments
    for row in rows:
        _compared(table, row.place, f"{row.first} to {row.last}", row.predicted, row.measured)
    if rows:
        sums = [
            Costs(*(sum(getattr(costs, key) for costs in side) for key in ("seconds", "bytes", "rounds")))
            for side in ([r.predicted for r in rows], [r.measured for r in rows])
        ]
        _compared(table, "[bold]all[/]", "", *sums)
    t = run.total
    ratio = "" if t.ratio is None else f", {t.ratio:.2f} times as long"
    table.caption = (
        f"online time with transfer: predicted {seconds(t.predicted_seconds)} on network '{t.network}', "
        f"measured {seconds(t.measured_seconds)} on this machine's{ratio}"
    )
    table.caption_justify = "left"
    return table


def _compared(table: Table, place: str, steps: str, predicted: Costs, measured: Costs) -> None:
    table.add_row(
        place,
        steps,
        seconds(predicted.seconds),
        seconds(measured.seconds),
        size(predicted.bytes),
        size(measured.bytes),
        f"{predicted.rounds:.0f}",
        f"{measured.rounds:.0f}",
    )


def _steps(rows: list[dict[str, Any]]) -> RenderableType:
    table = titled(
        "\nPer step, all passes (busiest party, waiting left out; bytes of all parties but the dealer)",
        header_style="dim",
    )
    for column in ("step", "", "node", "seconds", "sent"):
        table.add_column(column)
    for row in rows:
        table.add_row(str(row["id"]), row["name"], safe(row["node"]), seconds(row["seconds"]), size(row["bytes_sent"]))
    return table
