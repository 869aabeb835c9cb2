"""The report of a plan as one offline HTML file: no scripts, nothing fetched, names escaped."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from ppc.compiler.report.graph import draw
from ppc.compiler.report.terminal import WORDS, seconds, size
from ppc.ir.render import printable


def render_html(manifest: Mapping[str, Any]) -> str:
    """A page that reads without JavaScript and prints well; every figure is also in `ppc inspect --json`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(seconds=seconds, size=size, shown=lambda x: printable(str(x)))
    template = files("ppc.compiler.report").joinpath("report.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(m=manifest, r=manifest["report"], words=WORDS, graph=draw(manifest))
