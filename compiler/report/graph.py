"""The partition graph as SVG: one lane a domain, layers from left to right, an edge for every value that is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ppc.ir.render import printable

LANES = ("client", "he", "mpc", "tee", "server")
_X, _Y, _LEFT, _W, _H, _GAP = 118, 50, 74, 100, 38, 12
_MOST = 60  # nodes drawn singly; larger plans are drawn by segment


@dataclass(frozen=True)
class Box:
    """What is drawn as one: a node, a segment, the input or the output. `reads`: the boxes before it."""

    name: str
    op: str
    domain: str
    reads: tuple[int, ...]


@dataclass(frozen=True)
class Placed:
    x: int
    y: int
    box: Box


def draw(manifest: Mapping[str, Any]) -> str:
    """SVG text, safe to embed: every name is escaped. Colours come from the page's style sheet (class = domain)."""
    report = manifest["report"]
    boxes = _boxes(report) if len(report["nodes"]) <= _MOST else _segments(report)
    placed, lanes, width, height = _layout(boxes)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    out = [f'<svg {size} role="img" aria-label="partition graph">']
    for lane, (y, tall) in lanes.items():
        out.append(f'<rect class="lane {lane}" x="0" y="{y}" width="{width}" height="{tall}" rx="4"/>')
        out.append(f'<text class="lane-name" x="10" y="{y + tall / 2 + 4}">{lane.upper()}</text>')
    for at in placed:
        out += [_edge(placed[i], at) for i in at.box.reads]
    return "".join([*out, *map(_drawn, placed), "</svg>"])


def _boxes(report: Mapping[str, Any]) -> list[Box]:
    """A box a node. A node without a node before it reads the input; what no node reads is the output."""
    nodes = report["nodes"]
    index = {n["name"]: i for i, n in enumerate(nodes, start=1)}
    boxes = [Box("input", "", "client", ())]
    for n in nodes:
        reads = tuple(dict.fromkeys(index[name] for name in n["inputs"]))
        boxes.append(Box(n["name"], n["op"], n["domain"], reads or (0,)))
    return _ended(boxes)


def _segments(report: Mapping[str, Any]) -> list[Box]:
    """A box a run of nodes in one domain."""
    of: dict[str, int] = {}
    for i, segment in enumerate(report["segments"], start=1):
        of |= dict.fromkeys(segment["nodes"], i)
    inputs = {n["name"]: n["inputs"] for n in report["nodes"]}
    boxes = [Box("input", "", "client", ())]
    for i, segment in enumerate(report["segments"], start=1):
        read = {of[source] for name in segment["nodes"] for source in inputs[name]} - {i}
        nodes = segment["nodes"]
        boxes.append(Box(nodes[0], f"{len(nodes)} nodes", segment["domain"], tuple(sorted(read)) or (0,)))
    return _ended(boxes)


def _ended(boxes: list[Box]) -> list[Box]:
    read = {i for box in boxes for i in box.reads}
    return [*boxes, Box("output", "", "client", tuple(i for i in range(len(boxes)) if i not in read))]


def _layout(boxes: Sequence[Box]) -> tuple[list[Placed], dict[str, tuple[int, int]], int, int]:
    """(boxes with places, lanes with y and height, width, height). A box is one layer behind the last one it reads;
    those of one layer and lane stand below each other."""
    layers: list[int] = []
    for box in boxes:
        layers.append(1 + max((layers[i] for i in box.reads), default=-1))
    rows: list[int] = []
    filled: dict[tuple[str, int], int] = {}
    for box, layer in zip(boxes, layers, strict=True):
        rows.append(filled.get((box.domain, layer), 0))
        filled[box.domain, layer] = rows[-1] + 1
    lanes: dict[str, tuple[int, int]] = {}
    y = 8
    for lane in LANES:
        deep = max((n for (domain, _), n in filled.items() if domain == lane), default=0)
        if deep:
            tall = deep * _Y + _GAP - (_Y - _H) + 4
            lanes[lane] = y, tall
            y += tall + 6
    placed = [
        Placed(_LEFT + _X * layer, lanes[box.domain][0] + 8 + _Y * row, box)
        for box, layer, row in zip(boxes, layers, rows, strict=True)
    ]
    return placed, lanes, _LEFT + _X * (max(layers) + 1) + 10, y + 4


def _edge(a: Placed, b: Placed) -> str:
    """From the right side of a box to the left side of one that reads it; one that skips layers bows out of the way."""
    x1, y1, x2, y2 = a.x + _W, a.y + _H / 2, b.x, b.y + _H / 2
    kind = "stay" if a.box.domain == b.box.domain else "move"
    skips = b.x - a.x > _X and y1 == y2
    bow = _H / 2 + 7 if skips else 0
    middle = (x1 + x2) / 2
    if skips:
        path = f"M{x1},{y1} C{x1 + 14},{y1 + bow} {x1 + 14},{y1 + bow} {middle},{y1 + bow} "
        path += f"S{x2 - 14},{y2 + bow} {x2},{y2}"
    else:
        path = f"M{x1},{y1} C{middle},{y1} {middle},{y2} {x2},{y2}"
    return f'<path class="edge {kind}" d="{path}"/>'


def _drawn(at: Placed) -> str:
    box, x, y = at.box, at.x, at.y
    name = printable(box.name)
    out = f'<g class="node {box.domain}"><title>{escape(name)}</title>'
    out += f'<rect x="{x}" y="{y}" width="{_W}" height="{_H}" rx="5"/>'
    out += f'<text x="{x + _W / 2}" y="{y + (16 if box.op else 23)}">{escape(box.op or name)}</text>'
    if box.op:
        short = name if len(name) <= 15 else "…" + name[-14:]
        out += f'<text class="small" x="{x + _W / 2}" y="{y + 30}">{escape(short)}</text>'
    return out + "</g>"
