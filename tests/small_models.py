"""Small ONNX models made on the spot, and the numpy kernels as the meaning of what was imported."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from ppc.ir.module import Module
from ppc.runtime import kernels


def make_model(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Sequence[Any]],
    outputs: Sequence[str],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 21,
    types: dict[str, int] | None = None,
    domains: dict[str, int] | None = None,
) -> onnx.ModelProto:
    types = types or {}
    make = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        list(nodes),
        "g",
        [make(n, types.get(n, onnx.TensorProto.FLOAT), list(s)) for n, s in inputs.items()],
        [make(n, types.get(n, onnx.TensorProto.FLOAT), None) for n in outputs],
        [onnx.numpy_helper.from_array(a, n) for n, a in (constants or {}).items()],
    )
    rows = [onnx.helper.make_opsetid(d, v) for d, v in {"": opset, **(domains or {})}.items()]
    return onnx.helper.make_model(graph, opset_imports=rows, ir_version=10)


def evaluate(module: Module, *feeds: np.ndarray) -> list[np.ndarray]:
    env: dict[str, Any] = dict(zip(module.inputs, feeds, strict=True))
    env |= {name: c.data for name, c in module.constants.items()}
    for op in module.ops:
        results = kernels.run(op.name, [np.asarray(env[o]) if o else None for o in op.operands], op.attrs)
        for name, array in zip(op.results, results, strict=False):
            assert array.shape == module.values[name].type.shape, (op.loc, array.shape, module.values[name].type)
            env[name] = array
    return [env[o] for o in module.outputs]
