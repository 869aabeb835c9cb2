"""The report of a plan as one offline HTML file: no scripts, nothing fetched, names escaped."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from ppc.compiler.report.graph import draw
from ppc.compiler.report.reasons import amount, grouped, particular
from ppc.compiler.report.terminal import WORDS, seconds, size
from ppc.ir.render import printable

#: Values of one party that are named; more are counted. plan.json lists all.
MOST_SEEN = 12


def render_html(manifest: Mapping[str, Any]) -> str:
    """A page that reads without JavaScript and prints well; every figure is also in `ppc inspect --json`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(seconds=seconds, size=size, amount=amount, shown=lambda x: printable(str(x)))
    template = files("ppc.compiler.report").joinpath("report.html").read_text(encoding="utf-8")
    report = manifest["report"]
    everywhere, particulars = particular(report["nodes"])
    return environment.from_string(template).render(
        m=manifest,
        r=report,
        words=WORDS,
        graph=draw(manifest),
        sees={party: grouped(seen, MOST_SEEN) for party, seen in report["parties"].items()},
        everywhere=everywhere,
        nodes=list(zip(report["nodes"], particulars, strict=True)),
    )
