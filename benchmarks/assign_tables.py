"""The tables and the plot of `benchmarks.assign`, as text."""

from math import log
from typing import Any

HEAD = """# How long placing takes

Exact optima over HE, MPC, TEE and client with HE levels, every ring degree; `solver` is all ring degrees together,
`why-not` the second pass that says what each node would cost in each other domain. CPU seconds of one thread. Written
by `python -m benchmarks.assign`.

"""


def exponent(rows: list[dict[str, Any]], key: str) -> float:
    """The slope of log time over log nodes, from the smallest graph to the largest."""
    first, last = rows[0], rows[-1]
    return log(last[key] / first[key]) / log(last["nodes"] / first["nodes"])


def tables(models: list[dict[str, Any]], sizes: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| model | nodes | solver | why-not | whole compilation (CPU) | (wall) | peak memory | gap |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {m['name']} | {m['nodes']} | {m['solver']:.2f} s | {m['why_not']:.2f} s | {m['cpu']:.1f} s "
        f"| {m['wall']:.1f} s | {m['memory']:.2f} GB | {m['gap']:.1g} |"
        for m in models
    ]
    lines += [
        "",
        "| nodes of the repeated block | problem | solver | why-not | peak memory | gap |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {s['nodes']} | {s['build']:.2f} s | {s['solver']:.2f} s | {s['why_not']:.2f} s | {s['memory']:.2f} GB "
        f"| {s['gap']:.1g} |"
        for s in sizes
    ]
    if len(sizes) > 1:
        grows = ", ".join(f"{name} n^{exponent(sizes, key):.2f}" for name, key in
                          (("problem", "build"), ("solver", "solver"), ("why-not", "why_not")))  # fmt: skip
        lines += ["", f"From {sizes[0]['nodes']} to {sizes[-1]['nodes']} nodes: {grows}."]
    return "\n".join(lines) + "\n"


def plot(sizes: list[dict[str, Any]]) -> str:
    """Log-log: solver and why-not, and the slope of n^1.5 beside them."""
    width, height, left, bottom = 560, 340, 60, 40
    low, high = log(sizes[0]["nodes"]), log(sizes[-1]["nodes"])
    times = [s[key] for s in sizes for key in ("solver", "why_not")]
    ends = log(min(times) / 2), log(max(times) * 2)

    def at(nodes: float, seconds: float) -> str:
        x = left + (log(nodes) - low) / (high - low) * (width - left - 90)
        y = (height - bottom) - (log(seconds) - ends[0]) / (ends[1] - ends[0]) * (height - bottom - 20)
        return f"{x:.1f},{y:.1f}"

    def line(points: list[tuple[float, float]], style: str, word: str) -> str:
        x, y = at(*points[-1]).split(",")
        path = " ".join(at(*p) for p in points)
        return f'<polyline points="{path}" fill="none" {style}/><text x="{float(x) + 6:.1f}" y="{y}">{word}</text>'

    first = sizes[0]
    steep = [(s["nodes"], first["solver"] * (s["nodes"] / first["nodes"]) ** 1.5) for s in sizes]
    inside = [p for p in steep if log(p[1]) <= ends[1]]
    body = [
        line([(s["nodes"], s["solver"]) for s in sizes], 'stroke="#1565c0" stroke-width="2"', "solver"),
        line([(s["nodes"], s["why_not"]) for s in sizes], 'stroke="#ef6c00" stroke-width="2"', "why-not"),
        line(inside, 'stroke="#888" stroke-dasharray="4 4"', "n^1.5"),
    ]
    for s in sizes:
        x, _ = at(s["nodes"], 1.0).split(",")
        body.append(f'<text x="{x}" y="{height - 22}" text-anchor="middle">{s["nodes"]}</text>')
    decades = [10.0**k for k in range(-4, 4) if ends[0] <= log(10.0**k) <= ends[1]]
    for t in decades:
        _, y = at(first["nodes"], t).split(",")
        body.append(f'<text x="{left - 8}" y="{y}" text-anchor="end">{t:g} s</text>')
        body.append(f'<line x1="{left}" x2="{width - 90}" y1="{y}" y2="{y}" stroke="#ddd"/>')
    body.append(f'<text x="{left}" y="{height - 4}">nodes of a repeated residual block</text>')
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )
