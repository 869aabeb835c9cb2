"""What each node alone does to the outputs, and how much they depend on it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ppc.compiler.accuracy.statistics import distance
from ppc.ir.approximation import as_polynomial
from ppc.ir.interpret import interpret
from ppc.ir.module import Array, Module, Op
from ppc.ir.opdef import Kind
from ppc.ir.ops import opdef
from ppc.ir.refresh import without_refreshed
from ppc.ir.types import Domain
from ppc.runtime.schema import FRACTION_BITS

#: Sensitivity is measured with results changed at random by this much of their root mean square.
CHANGE = 0.01

Batches = Sequence[Mapping[str, Array]]
Changes = Mapping[str, Callable[[Array], Array]]


@dataclass(frozen=True)
class NodeRow:
    """`alone`: largest change of the outputs, relative to their ranges, where this node alone runs as the plan runs it
    (its polynomial under HE, its rounding under MPC) and all others exactly. None under HE without a polynomial: its
    noise is part of the whole alone. `sensitivity`: largest change of the outputs, relative to their ranges, over the
    relative change of this node's results."""

    node: str
    domain: str
    alone: float | None
    sensitivity: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measured_nodes(module: Module) -> list[Op]:
    """Nodes that compute floating-point numbers. Views only move what another node made."""
    return [
        op
        for op in module.ops
        if opdef(op.name).kind is not Kind.VIEW and module.values[op.results[0]].type.dtype in ("f16", "f32", "f64")
    ]


def exact_outputs(module: Module, batches: Batches, changes: Changes | None = None) -> dict[str, Array]:
    """Outputs of the assigned module with every node exact, by value: (batches, *shape)."""
    plain = replace(module, ops=tuple(map(without_refreshed, module.ops)))
    runs = [interpret(plain, dict(batch), change=changes) for batch in batches]
    return {name: np.stack([np.asarray(run[name]) for run in runs]) for name in module.outputs}


def node_rows(module: Module, batches: Batches) -> list[NodeRow]:
    """Two runs of the model a node. `module` is ASSIGNED."""
    exact = exact_outputs(module, batches)

    def change(changed: Module, changes: Changes) -> float:
        return distance(exact_outputs(changed, batches, changes), exact, len(batches)).relative

    rows = []
    for op in measured_nodes(module):
        assert op.domain is not None
        found = change(module, {op.results[0]: _disturbed}) / CHANGE
        rows.append(NodeRow(op.loc, str(op.domain), _alone(op, module, change), found))
    return rows


def _alone(op: Op, module: Module, change: Callable[[Module, Changes], float]) -> float | None:
    if op.domain is Domain.MPC:
        return change(module, dict.fromkeys(op.results, _rounded))
    if op.domain is not Domain.HE:
        return 0.0
    if "he_coefficients" not in op.attrs:
        return None
    ops = tuple(as_polynomial(op) if other is op else other for other in module.ops)
    return change(replace(module, ops=ops), {})


def _rounded(x: Array) -> Array:
    """As shares hold it."""
    return np.rint(x * 2.0**FRACTION_BITS) / 2.0**FRACTION_BITS if x.dtype.kind == "f" else x


def _disturbed(x: Array) -> Array:
    noise = np.random.default_rng(0).standard_normal(x.shape)
    size = float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0
    return x + CHANGE * size * noise
