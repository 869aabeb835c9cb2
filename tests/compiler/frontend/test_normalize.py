"""Each form of an operator, across opsets, imported and run on the kernels, equals onnxruntime."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from ppc.compiler.frontend.onnx_import import import_model
from ppc.passes.fold import Fold

R = np.random.default_rng(5)
X4 = (2, 3, 6, 5)
I64 = np.int64


def n(op: str, inputs: str = "x", outputs: str = "y", **attrs: Any) -> onnx.NodeProto:
    return onnx.helper.make_node(op, inputs.split(","), outputs.split(","), **attrs)


def c(*values: Any, dtype: Any = I64) -> np.ndarray:
    return np.asarray(values, dtype)


W = R.normal(size=(4, 3, 3, 3)).astype(np.float32)
WT = R.normal(size=(3, 2, 3, 3)).astype(np.float32)
BN = {k: np.abs(R.normal(size=3)).astype(np.float32) for k in ("s", "b", "m", "v")}

CASES: dict[str, tuple[list[onnx.NodeProto], tuple[int, ...], dict[str, np.ndarray], int]] = {
    "softmax-11 flattens": ([n("Softmax", axis=1)], (2, 3, 4), {}, 11),
    "softmax-13 does not": ([n("Softmax", axis=1)], (2, 3, 4), {}, 13),
    "softmax-11 default axis": ([n("Softmax")], (2, 3, 4), {}, 11),
    "log-softmax-9": ([n("LogSoftmax", axis=0)], (2, 3), {}, 9),
    "squeeze-11": ([n("Squeeze", axes=[1])], (2, 1, 3), {}, 11),
    "squeeze-13": ([n("Squeeze", "x,a")], (2, 1, 3), {"a": c(-2)}, 13),
    "unsqueeze-11": ([n("Unsqueeze", axes=[0, 3])], (2, 3), {}, 11),
    "unsqueeze-13": ([n("Unsqueeze", "x,a")], (2, 3), {"a": c(-1)}, 13),
    "flatten axis 2": ([n("Flatten", axis=2)], X4, {}, 13),
    "reshape 0 and -1": ([n("Reshape", "x,s")], X4, {"s": c(0, -1)}, 14),
    "slice-9": ([n("Slice", starts=[1, -3], ends=[99, -1], axes=[1, 2])], X4, {}, 9),
    "slice backwards": ([n("Slice", "x,b,e,a,t")], X4, {"b": c(-1), "e": c(-99), "a": c(-1), "t": c(-2)}, 13),
    "slice steps": ([n("Slice", "x,b,e,a,t")], X4, {"b": c(1, 0), "e": c(6, 5), "a": c(2, 3), "t": c(2, 3)}, 11),
    "split-11": ([n("Split", "x", "p,q", axis=2, split=[2, 4]), n("Neg", "q", "y")], X4, {}, 11),
    "split-13": ([n("Split", "x,s", "p,y", axis=-2)], X4, {"s": c(1, 5)}, 13),
    "split-18": ([n("Split", "x", "p,q,y", axis=3, num_outputs=3)], X4, {}, 18),
    "pad-2": ([n("Pad", pads=[0, 0, 1, 2, 0, 0, 3, 0], value=1.5)], X4, {}, 10),
    "pad-11": ([n("Pad", "x,p,v")], X4, {"p": c(0, 0, 1, 2, 0, 0, 3, 0), "v": np.float32(2)}, 13),
    "pad-18 axes, reflect": ([n("Pad", "x,p,,a", mode="reflect")], X4, {"p": c(1, 2), "a": c(-1)}, 18),
    "clip-6": ([n("Clip", min=-0.5, max=0.5)], X4, {}, 10),
    "clip-6 one bound": ([n("Clip", min=0.0)], X4, {}, 10),
    "clip-11": ([n("Clip", "x,,h")], X4, {"h": np.float32(0.25)}, 12),
    "clip, bound is a value": ([n("ReduceMean", "x", "m", keepdims=0), n("Clip", "x,m")], X4, {}, 13),
    "reduce-mean-13": ([n("ReduceMean", axes=[-1, 1], keepdims=0)], X4, {}, 13),
    "reduce-mean-18": ([n("ReduceMean", "x,a")], X4, {"a": c(2)}, 18),
    "reduce-sum noop": ([n("ReduceSum", noop_with_empty_axes=1)], X4, {}, 13),
    "reduce-l2 all": ([n("ReduceL2", keepdims=0)], X4, {}, 13),
    "top-k-1": ([n("TopK", "x", "y,i", k=2, axis=1)], (3, 5), {}, 9),
    "top-k-11": ([n("TopK", "x,k", "y,i", largest=0)], (3, 5), {"k": c(2)}, 11),
    "arg-max": ([n("ArgMax", axis=-1, keepdims=0)], (3, 5), {}, 13),
    "cumsum": ([n("CumSum", "x,a", reverse=1)], (3, 5), {"a": np.asarray(-1)}, 14),
    "expand both ways": ([n("Expand", "x,s")], (3, 1), {"s": c(2, 1, 4)}, 13),
    "tile": ([n("Tile", "x,r")], (2, 3), {"r": c(2, 2)}, 13),
    "center-crop-pad": ([n("CenterCropPad", "x,s", axes=[-1, 0])], (2, 3, 6), {"s": c(3, 4)}, 18),
    "eye-like": ([n("EyeLike", "x", "e", k=1), n("Add", "x,e")], (3, 4), {}, 13),
    "one-hot of integers": ([n("ArgMax", "x", "i", axis=1, keepdims=0), n("OneHot", "i,d,v", "h"),
                             n("Cast", "h", "y", to=1)], (3, 4), {"d": np.asarray(4), "v": c(0, 3)}, 11),
    "trilu": ([n("Trilu", "x,k", upper=0)], (4, 4), {"k": np.asarray(-1)}, 14),
    "gather negative": ([n("Gather", "x,i", axis=-1)], (2, 5), {"i": c(-1, 0, -2)}, 13),
    "gather one": ([n("Gather", "x,i", axis=1)], (2, 5), {"i": np.asarray(3)}, 13),
    "gather run": ([n("Gather", "x,i", axis=1)], (2, 5), {"i": c(0, 2, 4)}, 13),
    "conv same upper": ([n("Conv", "x,w", auto_pad="SAME_UPPER", strides=[2, 2])], X4, {"w": W}, 11),
    "conv same lower": ([n("Conv", "x,w", auto_pad="SAME_LOWER", strides=[2, 2])], X4, {"w": W}, 11),
    "conv valid": ([n("Conv", "x,w", auto_pad="VALID", dilations=[2, 1])], X4, {"w": W}, 11),
    "conv-transpose": ([n("ConvTranspose", "x,w", strides=[2, 2], output_padding=[1, 0])], X4, {"w": WT}, 11),
    "conv-transpose shape": ([n("ConvTranspose", "x,w", strides=[2, 2], output_shape=[12, 9])], X4, {"w": WT}, 11),
    "conv-transpose same": ([n("ConvTranspose", "x,w", strides=[2, 2], auto_pad="SAME_UPPER")], X4, {"w": WT}, 11),
    "col2im": ([n("Reshape", "x,r", "h"), n("Col2Im", "h,i,b", "y", strides=[2, 1], pads=[1, 0, 0, 1],
                                            dilations=[1, 2])],
               X4, {"r": c(2, 6, 15), "i": c(10, 4), "b": c(3, 2)}, 18),
    "max-pool same": ([n("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], X4, {}, 12),
    "max-pool ceil": ([n("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], X4, {}, 12),
    "average-pool same": ([n("AveragePool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER")], X4, {}, 11),
    "average-pool count": ([n("AveragePool", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)], X4, {}, 11),
    "batch-norm": ([n("BatchNormalization", "x,s,b,m,v")], X4, BN, 15),
    "batch-norm-7": ([n("BatchNormalization", "x,s,b,m,v")], X4, BN, 7),
    "dropout-7 with a mask nobody reads": ([n("Dropout", "x", "d,mask"), n("Relu", "d", "y")], X4, {}, 7),
    "dropout-7": ([n("Dropout", "x", "d"), n("Relu", "d", "y")], X4, {}, 7),
    "dropout-13": ([n("Dropout", "x,r", "d"), n("Relu", "d", "y")], X4, {"r": np.float32(0.5)}, 13),
    "upsample-7": ([n("Upsample", scales=[1.0, 1.0, 2.0, 2.0], mode="nearest")], X4, {}, 8),
    "upsample-9": ([n("Upsample", "x,s")], X4, {"s": c(1, 1, 2, 3, dtype=np.float32)}, 9),
    "resize-10": ([n("Resize", "x,s", mode="linear")], X4, {"s": c(1, 1, 2, 2, dtype=np.float32)}, 10),
    "resize-11": ([n("Resize", "x,r,s", mode="linear")], X4,
                  {"r": c(dtype=np.float32), "s": c(1, 1, 1.5, 2, dtype=np.float32)}, 11),
    "resize-18 axes": ([n("Resize", "x,,,z", axes=[3, 2], mode="nearest")], X4, {"z": c(10, 3)}, 18),
    "shape chain": ([n("Shape", "x", "s"), n("Gather", "s,i", "g"), n("Concat", "g,m", "t", axis=0),
                     n("Reshape", "x,t", "y")], X4, {"i": c(0), "m": c(-1)}, 13),
    "cast": ([n("Cast", to=onnx.TensorProto.INT32)], (2, 3), {}, 13),
    "pow 2, div, sub": ([n("Pow", "x,k", "p"), n("Div", "p,d", "q"), n("Sub", "q,e", "y")], (2, 3),
                        {"k": np.float32(2), "d": c(3, 4, 5, dtype=np.float32), "e": np.float32(7)}, 13),
    "sum of three": ([n("Sum", "x,x,x")], (2, 3), {}, 13),
    "max of one": ([n("Max", "x", "m"), n("Relu", "m", "y")], (2, 3), {}, 13),
    "one-hot": ([n("ArgMax", "x", "i", axis=1, keepdims=0), n("OneHot", "i,d,v", "y", axis=-1)], (3, 4),
                {"d": np.asarray(4), "v": c(-1, 2, dtype=np.float32)}, 11),
    "layer-norm": ([n("LayerNormalization", "x,s,b", axis=-1)], (2, 3), {"s": BN["s"], "b": BN["b"]}, 17),
    "gelu": ([n("Gelu", approximate="tanh")], (2, 3), {}, 20),
    "hard-swish": ([n("HardSwish")], (2, 3), {}, 14),
    "lstm, reverse": ([n("LSTM", "x,w,r", "z,y", hidden_size=2, direction="reverse")], (3, 1, 2),
                      {"w": R.normal(size=(1, 8, 2)).astype(np.float32),
                       "r": R.normal(size=(1, 8, 2)).astype(np.float32)}, 14),
    "rnn": ([n("RNN", "x,w,r", "z,y", hidden_size=2)], (3, 1, 2),
            {"w": R.normal(size=(1, 2, 2)).astype(np.float32), "r": R.normal(size=(1, 2, 2)).astype(np.float32)}, 14),
    "quantize": ([n("QuantizeLinear", "x,s,z", "q"), n("DequantizeLinear", "q,s,z")], (2, 3),
                 {"s": np.float32(0.25), "z": np.uint8(128)}, 21),
    "gru": ([n("GRU", "x,w,r", "y", hidden_size=2, linear_before_reset=1)], (3, 1, 2),
            {"w": R.normal(size=(1, 6, 2)).astype(np.float32), "r": R.normal(size=(1, 6, 2)).astype(np.float32)}, 14),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_onnxruntime(name: str, make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    nodes, shape, constants, opset = CASES[name]
    output = "y"
    integral = name in ("cast", "arg-max")
    types = {"y": {"cast": onnx.TensorProto.INT32, "arg-max": onnx.TensorProto.INT64}[name]} if integral else {}
    model = make_model(nodes, {"x": shape}, [output], constants, opset, types)
    x = R.normal(size=shape).astype(np.float32)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    module = import_model(model)
    assert module.values[module.outputs[0]].type.shape == expected.shape
    folded = Fold()(module)
    for stage in (module, folded):
        got = evaluate(stage, x)[0]
        assert got.shape == expected.shape
        assert np.allclose(got, expected, rtol=1e-5, atol=2e-6), f"{stage.stage.word}: {np.abs(got - expected).max()}"


def test_static_operands_become_attributes(make_model: Callable[..., Any]) -> None:
    for name, (nodes, shape, constants, opset) in CASES.items():
        module = import_model(make_model(nodes, {"x": shape}, ["y"], constants, opset))
        for op in module.ops:
            if op.name in ("Reshape", "Slice", "Pad", "Clip", "Expand", "Tile", "ReduceMean", "TopK", "Resize"):
                assert len(op.operands) == 1, (name, op)
        assert not {"Split", "Squeeze", "Unsqueeze", "Flatten", "Shape", "Dropout", "Upsample"} & {
            op.name for op in module.ops
        }


@pytest.mark.parametrize("opset", [1, 2, 4])
def test_label_encoders_of_all_opsets(opset: int, make_model: Callable[..., Any], evaluate: Callable[..., Any]) -> None:
    text = onnx.TensorProto.STRING
    attrs: dict[str, Any] = {"keys_int64s": [3, 5, 4], "values_strings": ["a", "b", "c"], "default_string": "?"}
    if opset == 1:
        attrs = {"classes_strings": ["a", "b", "c"], "default_string": "?"}
    if opset == 4:
        attrs = {
            "keys_tensor": onnx.numpy_helper.from_array(c(3, 5)),
            "values_tensor": onnx.helper.make_tensor("v", text, [2], [b"a", b"b"]),
            "default_tensor": onnx.helper.make_tensor("d", text, [1], [b"?"]),
        }
    node = n("LabelEncoder", domain="ai.onnx.ml", **attrs)
    types = {"x": onnx.TensorProto.INT64, "y": text}
    model = make_model([node], {"x": (4,)}, ["y"], types=types, domains={"ai.onnx.ml": opset})
    x = c(5, 3, 9, 0)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert evaluate(import_model(model), x)[0].tolist() == expected.tolist()


@pytest.mark.parametrize(("op", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_batch_first_is_time_first_transposed(
    op: str, gates: int, make_model: Callable[..., Any], evaluate: Callable[..., Any]
) -> None:
    """onnxruntime has no layout=1."""
    weights = {
        "w": R.normal(size=(2, gates * 3, 2)),
        "r": R.normal(size=(2, gates * 3, 3)),
        "h": R.normal(size=(4, 2, 3)),
    }
    constants = {name: data.astype(np.float32) for name, data in weights.items()}
    attrs = {"hidden_size": 3, "direction": "bidirectional"}
    x = R.normal(size=(4, 5, 2)).astype(np.float32)
    first = make_model([n(op, "x,w,r,,,h", "y,z", layout=1, **attrs)], {"x": x.shape}, ["y", "z"], constants)
    turned = constants | {"h": constants["h"].transpose(1, 0, 2)}
    last = make_model([n(op, "x,w,r,,,h", "y,z", **attrs)], {"x": (5, 4, 2)}, ["y", "z"], turned)
    got, want = evaluate(import_model(first), x), evaluate(import_model(last), x.transpose(1, 0, 2))
    np.testing.assert_allclose(got[0], want[0].transpose(2, 0, 1, 3), rtol=1e-6)
    np.testing.assert_allclose(got[1], want[1].transpose(1, 0, 2), rtol=1e-6)
