"""If, Loop and Scan leave no trace: branches are chosen or both taken, loops are unrolled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto

from ppc.compiler.frontend.limits import MAX_UNROLL
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.scan_distances import emit_distances, is_distances
from ppc.ir.diagnostic import UserError, fail

if TYPE_CHECKING:
    from ppc.compiler.frontend.graph_import import GraphImporter, Scope

Names = Sequence[str | None]


def _depends(node: Node, what: str) -> UserError:
    return fail("PPC1018", f"{node.op}: {what} is not known when compiling", node=node.loc,
                help="if it comes from a model input, fix that input: --fix NAME=VALUE")  # fmt: skip


def _too_long(node: Node, turns: int) -> UserError:
    return fail("PPC1003", f"{node.op} takes {turns} turns; at most {MAX_UNROLL} are unrolled", node=node.loc)


def _expect(node: Node, fits: bool, what: str) -> None:
    if not fits:
        raise fail("PPC1006", f"{node.op}: {what}", node=node.loc)


def _body(importer: GraphImporter, graph: GraphProto, scope: Scope, arguments: Names) -> list[str | None]:
    """Import a subgraph once with these arguments; the names of its outputs."""
    inner = dict(scope)
    inner.update({i.name: a for i, a in zip(graph.input, arguments, strict=True)})
    importer.graph(graph, inner)
    return [inner[o.name] for o in graph.output]


def import_if(importer: GraphImporter, node: Node, scope: Scope) -> Names:
    """A known condition chooses a branch. Otherwise both are taken and Where selects: nobody learns which."""
    b = importer.builder
    condition = node.inputs[0]
    for branch in (node.attrs["then_branch"], node.attrs["else_branch"]):
        fits = not branch.input and len(branch.output) == len(node.outputs)
        _expect(node, fits, "a branch has inputs, or other outputs than the node")
    known = b.data(condition)
    if known is not None:
        branch = node.attrs["then_branch" if bool(known.reshape(-1)[0]) else "else_branch"]
        return _body(importer, branch, scope, ())
    if b.type_of(condition).size != 1:
        raise node.refuse(f"its condition is {b.type_of(condition)}, not one boolean")
    try:
        then = _body(importer, node.attrs["then_branch"], scope, ())
        other = _body(importer, node.attrs["else_branch"], scope, ())
    except UserError as error:
        raise UserError(*_depends(node, "its condition").diagnostics, *error.diagnostics) from error
    flag = b.reshape(condition, (), node.loc, f"{node.outputs[0]}_condition")
    results: list[str | None] = []
    for name, x, y in zip(node.outputs, then, other, strict=True):
        if x is None or y is None:
            results.append(None)
        elif not (x and y) or b.elements(x) is not None or b.elements(y) is not None:
            raise _depends(node, "its condition (branches give sequences or optionals, so it)")
        elif b.type_of(x) != b.type_of(y):
            raise _depends(node, f"its condition (branches give {b.type_of(x)} and {b.type_of(y)}, so it)")
        else:
            results.append(b.emit("Where", (flag, x, y), (b.type_of(x),), node.loc, (name,))[0])
    return results


def import_loop(importer: GraphImporter, node: Node, scope: Scope) -> Names:
    """Unroll a loop whose number of turns is known, from its count or from a condition that is constant each turn."""
    b = importer.builder
    body: GraphProto = node.attrs["body"]
    fits = len(body.input) == len(node.inputs) and len(body.output) >= len(node.inputs) - 1
    _expect(node, fits, "its body has another number of inputs or outputs than it carries")
    count = b.data(node.input(0)) if node.input(0) else None
    if node.input(0) and count is None:
        raise _depends(node, "the number of its turns")
    turns = int(count.reshape(-1)[0]) if count is not None else None
    going: str | None = node.input(1) or b.constant(np.asarray(True), "loop_going")
    carried: list[str | None] = list(node.inputs[2:])
    collected: list[list[str]] = [[] for _ in range(len(body.output) - 1 - len(carried))]
    turn = 0
    while turns is None or turn < turns:
        flag = b.data(going) if going else None
        if flag is None:
            raise _depends(node, "its condition")
        if not bool(flag.reshape(-1)[0]):
            break
        if turn == MAX_UNROLL:
            raise _too_long(node, turns or turn + 1)
        index = b.constant(np.asarray(turn, np.int64), "loop_turn")
        going, *rest = _body(importer, body, scope, (index, going, *carried))
        carried, new = rest[: len(carried)], rest[len(carried) :]
        if None in rest:  # an unsupported node inside; it is reported already
            return [None] * len(node.outputs)
        for row, name in zip(collected, new, strict=True):
            row.append(_stacked(importer, node, str(name), 0))
        turn += 1
    if turn == 0 and collected:
        raise node.refuse("it takes no turn, so its collected outputs are empty")
    return [*carried, *(b.concat(row, 0, node.loc, node.loc) for row in collected)]


def import_scan(importer: GraphImporter, node: Node, scope: Scope) -> Names:
    """Unroll a scan: turn i sees slice i of each scanned operand."""
    b = importer.builder
    if node.opset < 9:
        raise node.refuse("its form of opset 8 has a batch of its own", "export with opset 9 or later")
    body: GraphProto = node.attrs["body"]
    scanned_count = int(node.attrs["num_scan_inputs"])
    _expect(node, 1 <= scanned_count <= len(node.inputs), f"num_scan_inputs is {scanned_count}")
    states: list[str | None] = list(node.inputs[: len(node.inputs) - scanned_count])
    scanned = node.inputs[len(states) :]
    outputs = len(body.output) - len(states)
    axes = tuple(node.attrs.get("scan_input_axes", (0,) * scanned_count))
    reverse = tuple(node.attrs.get("scan_input_directions", (0,) * scanned_count))
    out_axes = tuple(node.attrs.get("scan_output_axes", (0,) * outputs))
    out_reverse = tuple(node.attrs.get("scan_output_directions", (0,) * outputs))
    fits = len(body.input) == len(node.inputs) and outputs == len(node.outputs) - len(states)
    fits = fits and len(axes) == len(reverse) == scanned_count and len(out_axes) == len(out_reverse) == outputs
    _expect(node, fits, "its body or its axes have another number of operands or results than the node")
    ranks = [len(b.type_of(s).shape) for s in scanned]
    _expect(node, all(-r <= a < r for a, r in zip(axes, ranks, strict=True)), f"axes {axes} of ranks {ranks}")
    axes = tuple(a % r for a, r in zip(axes, ranks, strict=True))
    turns = b.type_of(scanned[0]).shape[axes[0]]
    same = all(b.type_of(s).shape[a] == turns for s, a in zip(scanned, axes, strict=True))
    _expect(node, same and turns > 0, "what it scans differs in length, or is empty")
    if is_distances(node, body) and all(len(b.type_of(i).shape) == 2 for i in node.inputs):
        return emit_distances(node, b)
    if turns > MAX_UNROLL:
        raise _too_long(node, turns)
    collected: list[list[str]] = [[] for _ in range(outputs)]
    for turn in range(turns):
        slices = []
        for name, axis, back in zip(scanned, axes, reverse, strict=True):
            at = turns - 1 - turn if back else turn
            row = b.cut(name, axis, at, at + 1, node.loc, f"{name.lstrip('@')}_{at}")
            shape = b.type_of(row).shape
            slices.append(b.reshape(row, shape[:axis] + shape[axis + 1 :], node.loc, f"{name.lstrip('@')}_row_{at}"))
        rest = _body(importer, body, scope, (*states, *slices))
        if None in rest:
            return [None] * len(node.outputs)
        states = rest[: len(states)]
        for row_list, new, axis in zip(collected, rest[len(states) :], out_axes, strict=True):
            row_list.append(_stacked(importer, node, str(new), axis))
    joined = []
    for row_list, axis, back in zip(collected, out_axes, out_reverse, strict=True):
        rank = len(b.type_of(row_list[0]).shape)
        joined.append(b.concat(row_list[::-1] if back else row_list, axis % rank, node.loc, node.loc))
    return [*states, *joined]


def _stacked(importer: GraphImporter, node: Node, name: str, axis: int) -> str:
    """The value with a new axis of size 1."""
    b = importer.builder
    shape = b.type_of(name).shape
    axis %= len(shape) + 1
    return b.reshape(name, (*shape[:axis], 1, *shape[axis:]), node.loc, f"{name.lstrip('@')}_stacked")


CONTROL_FLOW: dict[str, Callable[[GraphImporter, Node, Scope], Names]] = {
    "If": import_if,
    "Loop": import_loop,
    "Scan": import_scan,
}
