"""The partition graph as SVG: one lane a domain, program order from left to right."""

from collections.abc import Mapping
from html import escape
from itertools import pairwise
from typing import Any

from ppc.ir.render import printable

LANES = ("client", "he", "mpc", "tee", "server")
_X, _Y, _LEFT, _W, _H = 118, 62, 74, 100, 38
_MOST = 60  # nodes drawn singly; larger plans are drawn by segment


def draw(manifest: Mapping[str, Any]) -> str:
    """SVG text, safe to embed: every name is escaped. Colours come from the page's style sheet (class = domain)."""
    report = manifest["report"]
    items = [(n["name"], n["op"], n["domain"]) for n in report["nodes"]]
    if len(items) > _MOST:
        items = [(s["nodes"][0], f"{len(s['nodes'])} nodes", s["domain"]) for s in report["segments"]]
    items = [("input", "", "client"), *items, ("output", "", "client")]
    used = [d for d in LANES if any(d == item[2] for item in items)]
    width, height = _LEFT + _X * len(items) + 10, _Y * len(used) + 16
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    out = [f'<svg {box} role="img" aria-label="partition graph">']
    for i, lane in enumerate(used):
        y = 8 + _Y * i
        out.append(f'<rect class="lane {lane}" x="0" y="{y}" width="{width}" height="{_Y - 6}" rx="4"/>')
        out.append(f'<text class="lane-name" x="10" y="{y + _Y / 2}">{lane.upper()}</text>')
    at = [(_LEFT + _X * i, 16 + _Y * used.index(d)) for i, (_, _, d) in enumerate(items)]
    for (x1, y1), (x2, y2) in pairwise(at):
        middle = (x1 + _W + x2) / 2
        a, b = y1 + _H / 2, y2 + _H / 2
        kind = "stay" if y1 == y2 else "move"
        out.append(f'<path class="edge {kind}" d="M{x1 + _W},{a} C{middle},{a} {middle},{b} {x2},{b}"/>')
    for (x, y), (name, op, domain) in zip(at, items, strict=True):
        title = escape(printable(name))
        out.append(
            f'<g class="node {domain}"><title>{title}</title><rect x="{x}" y="{y}" width="{_W}" height="{_H}" rx="5"/>'
        )
        out.append(f'<text x="{x + _W / 2}" y="{y + (16 if op else 23)}">{escape(op or printable(name))}</text>')
        if op:
            short = printable(name)
            short = short if len(short) <= 15 else "…" + short[-14:]
            out.append(f'<text class="small" x="{x + _W / 2}" y="{y + 30}">{escape(short)}</text>')
        out.append("</g>")
    out.append("</svg>")
    return "".join(out)
