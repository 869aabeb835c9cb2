"""Time against traffic as SVG, a panel a network and batch size. A point is a plan, its colour what must be trusted."""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10

from ppc.compiler.explore.run import Row
from ppc.compiler.explore.words import relies
from ppc.compiler.report.terminal import seconds, size

WIDTH, HEIGHT = 560, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 16, 46
#: Traffic below this is drawn as this (a plan that runs at the client alone sends nothing).
LEAST_TRAFFIC = 100.0
#: Height of a label, so that labels of neighbouring points do not cover each other; radius of a point.
LINE, RADIUS = 15.0, 6.0


def panel(rows: Sequence[Row]) -> str:
    """SVG text, safe to embed; colours are classes `t0`, `t1`, ... of the page, by `kinds`."""
    points = distinct(rows)
    if not points:
        return '<p class="why">no setting has a plan</p>'
    x = _axis([p.seconds or 0.0 for p in points])
    y = _axis([max(p.traffic or 0.0, LEAST_TRAFFIC) for p in points])
    classes = {kind: f"t{i}" for i, kind in enumerate(kinds(points))}
    out = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
        'aria-label="time against traffic of the best plan of each setting">'
    ]
    out += _frame(x, y, any((p.traffic or 0.0) < LEAST_TRAFFIC for p in points))
    at = [(_across(x, p.seconds or 0.0), _up(y, max(p.traffic or 0.0, LEAST_TRAFFIC))) for p in points]
    taken = [(at_x - RADIUS, at_x + RADIUS, at_y + 4) for at_x, at_y in at]
    for p, (at_x, at_y) in sorted(zip(points, at, strict=True), key=lambda one: one[1]):
        shown = "best" if p.best else "beaten"
        label = relies(p)
        right = at_x < WIDTH * 0.62
        label_x = at_x + (11 if right else -11)
        label_y = _free(taken, label_x, at_y + 4, 6.6 * len(label), right)
        title = f"{p.setting}: {seconds(p.seconds)}, {size(p.traffic or 0.0)}, {p.rounds:.0f} rounds"
        out.append(f'<g class="point {classes[relies(p)]} {shown}"><title>{escape(title)}</title>')
        out.append(f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="{RADIUS:g}"/>')
        if abs(label_y - 4 - at_y) >= LINE:
            out.append(f'<path class="leader" d="M{at_x:.1f},{at_y:.1f} L{label_x:.1f},{label_y - 4:.1f}"/>')
        anchor = "start" if right else "end"
        out.append(f'<text x="{label_x:.1f}" y="{label_y:.1f}" text-anchor="{anchor}">{escape(label)}</text></g>')
    return "".join([*out, "</svg>"])


def distinct(rows: Sequence[Row]) -> list[Row]:
    """The plans of the rows, each once: settings that offer more than a plan takes have the same plan."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        if row.seconds is not None:
            found.setdefault((relies(row), row.seconds, row.traffic), row)
    return list(found.values())


def kinds(rows: Sequence[Row]) -> list[str]:
    """What plans rely on, each once, the least first."""
    return sorted({relies(row) for row in rows}, key=lambda text: (text.count("+"), text))


def _axis(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten that the values lie between."""
    low, high = floor(log10(min(values)) - 0.15), ceil(log10(max(values)) + 0.15)
    return low, max(high, low + 1)


def _across(axis: tuple[int, int], value: float) -> float:
    low, high = axis
    return LEFT + (WIDTH - LEFT - RIGHT) * (log10(value) - low) / (high - low)


def _up(axis: tuple[int, int], value: float) -> float:
    low, high = axis
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (log10(value) - low) / (high - low)


def _frame(x: tuple[int, int], y: tuple[int, int], clamped: bool) -> Iterator[str]:
    """Grid and ticks; `clamped`: some point sends less than LEAST_TRAFFIC, and the tick there says so."""
    bottom, end = HEIGHT - BOTTOM, WIDTH - RIGHT
    for power in range(x[0], x[1] + 1):
        at = _across(x, 10.0**power)
        yield f'<path class="grid" d="M{at:.1f},{TOP} V{bottom}"/>'
        shown = _round(seconds(10.0**power))
        yield f'<text class="tick" x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{shown}</text>'
    for power in range(y[0], y[1] + 1):
        at = _up(y, 10.0**power)
        yield f'<path class="grid" d="M{LEFT},{at:.1f} H{end}"/>'
        shown = ("≤ " if clamped and 10.0**power == LEAST_TRAFFIC else "") + _round(size(10.0**power))
        yield f'<text class="tick" x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{shown}</text>'
    middle = (LEFT + end) / 2
    yield f'<text class="tick" x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">time of a pass (predicted)</text>'
    yield (
        f'<text class="tick" transform="translate(14 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
        "traffic of a pass</text>"
    )


def _round(text: str) -> str:
    """`1.00 kB` of a tick is `1 kB`."""
    number, unit = text.split(" ")
    return f"{float(number):g} {unit}"


def _free(taken: list[tuple[float, float, float]], x: float, y: float, width: float, right: bool) -> float:
    """A height for a label that covers no other one, as near to `y` as there is."""
    start, end = (x, x + width) if right else (x - width, x)
    for step in range(40):
        at = y + LINE * ((step + 1) // 2) * (1 if step % 2 else -1)
        if TOP + 10 < at < HEIGHT - BOTTOM and all(
            abs(at - other) >= LINE or end < s or e < start for s, e, other in taken
        ):
            taken.append((start, end, at))
            return at
    return y
