"""An exploration for a terminal and as one offline HTML file."""

from importlib.resources import files

from rich.console import Group, RenderableType

from ppc.compiler.explore.plot import distinct, kinds, panel
from ppc.compiler.explore.run import Exploration
from ppc.compiler.explore.words import headline, note, relies, where
from ppc.compiler.report.terminal import safe, seconds, size, titled
from ppc.ir.render import printable


def render(found: Exploration) -> RenderableType:
    """A table a network and batch size; `*` marks plans that no other one beats."""
    parts: list[RenderableType] = []
    for (network, batch), rows in found.groups().items():
        table = titled(
            f"\nNetwork {network}, batch {batch}",
            pad_edge=False,
            header_style="dim",
            caption=safe(headline(found, network, batch)),
            caption_justify="left",
        )
        for column in ("", "policy", "relies on", "time", "traffic", "rounds", "runs in", ""):
            table.add_column(column, overflow="fold")
        for row in rows:
            costs = ("-", "-", "-") if row.seconds is None else (
                seconds(row.seconds), size(row.traffic or 0.0), f"{row.rounds:.0f}"
            )  # fmt: skip
            shown = relies(row) if row.seconds is not None else "[red]no plan[/]"
            mark = "[green]*[/]" if row.best else ""
            table.add_row(mark, row.setting, shown, *costs, where(row), f"[dim]{safe(note(row))}[/]")
        parts.append(table)
    parts.append("\n* no other plan here is better in time, traffic or trust and worse in none of them")
    return Group(*parts)


def render_html(found: Exploration) -> str:
    """A page that reads without JavaScript; every figure is also in `ppc explore --json`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(seconds=seconds, size=size, shown=lambda x: printable(str(x)))
    environment.globals.update(relies=relies, where=where, note=note)
    template = files("ppc.compiler.explore").joinpath("explore.html").read_text(encoding="utf-8")
    groups = [
        {
            "network": network,
            "batch": batch,
            "rows": rows,
            "svg": panel(rows),
            "kinds": kinds(distinct(rows)),
            "headline": headline(found, network, batch),
        }
        for (network, batch), rows in found.groups().items()
    ]
    return environment.from_string(template).render(model=found.model, groups=groups)
