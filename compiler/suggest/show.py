"""Suggestions for a terminal."""

from rich.console import Group, RenderableType
from rich.table import Table

from ppc.compiler.report.terminal import safe, seconds, size
from ppc.compiler.suggest.run import Suggestion, Suggestions


def render(found: Suggestions) -> RenderableType:
    """What would help, what would not, what was not tried. Nothing is applied."""
    parts: list[RenderableType] = [_table(f"{safe(found.model)}: changes that would help", found, found.helpful)]
    if not found.helpful:
        parts.append("no change that was tried makes the plan cheaper")
    if found.tried:
        parts.append(_table("\nTried, without a clear gain", found, found.tried))
    parts += [f"[yellow]left out[/]  {safe(text)}" for text in found.left_out]
    parts.append(
        f"\n[dim]costs are predicted, of one sample; outputs on {found.samples} samples, in clear with the plan's "
        "polynomials, against the model as it is, not trained again. Nothing was changed: make the change in the "
        "training code, or where it says exact, in the export.[/]"
    )
    return Group(*parts)


def _table(title: str, found: Suggestions, rows: tuple[Suggestion, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    table.add_column("change", overflow="fold")
    for column in ("time", "traffic", "rounds", "outputs change by", "agreement", "accuracy"):
        table.add_column(column, justify="right")
    table.add_column("", overflow="fold")
    for row in (found.now, *rows):
        d = row.distance
        change = "exact" if row.exact and row is not found.now else "-" if d is None else f"{d.relative:.2%}"
        table.add_row(
            row.what,
            _against(seconds(row.seconds), row.seconds, found.now.seconds),
            _against(size(row.traffic), row.traffic, found.now.traffic),
            f"{row.rounds:.3g}",
            change,
            "-" if d is None else f"{d.argmax_agreement:.1%}",
            "-" if row.accuracy is None else f"{row.accuracy:.2%}",
            f"[dim]{note(row)}[/]",
        )
    return table


def note(row: Suggestion) -> str:
    """Where the nodes run, and the polynomials in HE."""
    said = [", ".join(f"{n} {d}" for d, n in row.domains.items())]
    if row.degrees:
        said.append("degree " + ", ".join(map(str, sorted(set(row.degrees)))))
    if row.pins_dropped:
        said.append("pins of replaced operators dropped")
    return "; ".join(said)


def _against(text: str, new: float, old: float) -> str:
    return text if new == old or not old else f"{text} ({new / old - 1:+.0%})"
