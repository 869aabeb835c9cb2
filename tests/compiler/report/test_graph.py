"""The picture of a plan: what is drawn where, and that names are text."""

from typing import Any
from xml.etree import ElementTree

from ppc.compiler.report.graph import draw


def plan(*nodes: tuple[str, str, list[str]], segments: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    rows = [{"name": n, "op": "Add", "domain": d, "inputs": i} for n, d, i in nodes]
    return {"report": {"nodes": rows, "segments": segments or []}}


def boxes(svg: str) -> dict[str, tuple[float, float]]:
    root = ElementTree.fromstring(svg)
    return {
        g[0].text or "": (float(g[1].attrib["x"]), float(g[1].attrib["y"]))
        for g in root.iter("g")
        if "node" in g.attrib["class"]
    }


def test_layers_lanes_and_an_edge_for_every_value() -> None:
    svg = draw(plan(("a", "he", []), ("b", "mpc", ["a"]), ("c", "mpc", ["a"]), ("d", "tee", ["b", "c"])))
    at = boxes(svg)
    assert at["input"][0] < at["a"][0] < at["b"][0] == at["c"][0] < at["d"][0] < at["output"][0]
    assert at["b"][1] != at["c"][1], "two of one layer stand below each other"
    assert at["input"][1] < at["a"][1] < at["b"][1] < at["d"][1], "a lane a domain"
    edges = [e.attrib["class"] for e in ElementTree.fromstring(svg).iter("path")]
    assert len(edges) == 6 and all(e == "edge move" for e in edges)


def test_an_edge_that_skips_a_layer_is_drawn_and_two_nodes_that_nobody_reads_are_outputs() -> None:
    svg = draw(plan(("a", "he", []), ("b", "he", ["a"]), ("c", "he", ["a", "b"]), ("d", "he", ["a"])))
    assert svg.count('class="edge') == 1 + 1 + 2 + 1 + 2


def test_large_plans_are_drawn_by_segment() -> None:
    nodes = [(f"n{i}", "he" if i < 50 else "mpc", [f"n{i - 1}"] if i else []) for i in range(100)]
    parts = [{"domain": d, "nodes": [n for n, e, _ in nodes if e == d]} for d in ("he", "mpc")]
    svg = draw(plan(*nodes, segments=parts))
    assert set(boxes(svg)) == {"input", "n0", "n50", "output"} and "50 nodes" in svg


def test_names_are_text() -> None:
    svg = draw(plan(('"><script>\x1b', "he", [])))
    assert "<script" not in svg and "\x1b" not in svg
    ElementTree.fromstring(svg)
