"""Runs one normalised operator as a one-node ONNX model: onnxruntime is the oracle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from ppc.ir.ops import OPS, opdef
from ppc.ir.types import TensorType

Array = NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One use of an operator. `expected` replaces the oracle where ONNX has no such operator."""

    op: str
    operands: Sequence[Array | None]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    expected: Sequence[Array] | None = None
    reference: bool = False  # onnxruntime lacks it: ask onnx.reference
    tolerance: float = 1e-5  # of the largest element of the result
    results: int | None = None  # how many results the oracle gives (where the kernel gives more)

    def __str__(self) -> str:
        shapes = ",".join("-" if o is None else "x".join(map(str, o.shape)) or "()" for o in self.operands)
        attrs = ",".join(f"{k}={v}" for k, v in self.attrs.items())
        return f"{self.op}({shapes}{';' if attrs else ''}{attrs})"[:100]


I64 = np.int64
#: Attributes that are operands in ONNX, in order: (attribute, numpy type or None for that of the first operand,
#: rank 0 or 1). None in place of a row is an absent operand.
STATIC: dict[str, list[tuple[str, Any, int] | None]] = {
    "Reshape": [("shape", I64, 1)],
    "Slice": [("starts", I64, 1), ("ends", I64, 1), ("axes", I64, 1), ("steps", I64, 1)],
    "Clip": [("min", None, 0), ("max", None, 0)],
    "Pad": [("pads", I64, 1), ("value", None, 0), ("axes", I64, 1)],
    "Expand": [("shape", I64, 1)],
    "Tile": [("repeats", I64, 1)],
    "TopK": [("k", I64, 1)],
    "OneHot": [("depth", I64, 0), ("values", "python", 1)],
    "Resize": [None, ("scales", np.float32, 1), ("sizes", I64, 1)],
    "Split": [("split", I64, 1)],
    "CumSum": [("axis", I64, 0)],
    "CumProd": [("axis", I64, 0)],
    "Squeeze": [("axes", I64, 1)],
    "Unsqueeze": [("axes", I64, 1)],
    "Range": [("start", "python", 0), ("limit", "python", 0), ("delta", "python", 0)],
    "ConstantOfShape": [("shape", I64, 1)],
    "Trilu": [("k", I64, 0)],
    "CenterCropPad": [("shape", I64, 1)],
}
for _name in ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare"]:
    STATIC["Reduce" + _name] = [("axes", I64, 1)]

ML = {name for name, row in OPS.items() if row.startswith("ppc.ir.ops.ml_")}
OPSETS = {"RMSNormalization": 23, "Swish": 24, "BitCast": 26, "CumProd": 26}
ENUM = {"f16": 10, "f32": 1, "f64": 11, "i64": 7, "i32": 6, "i16": 5, "i8": 3, "u64": 13, "u32": 12, "u16": 4, "u8": 2,
        "bool": 9, "str": 8}  # fmt: skip
DTYPE = {"f4": "f32", "f8": "f64", "f2": "f16", "b1": "bool"}


def tensor_type(x: Array) -> TensorType:
    code = x.dtype.str[1:]
    if code[0] == "U":
        return TensorType("str", x.shape)
    return TensorType(DTYPE.get(code, f"{code[0]}{8 * int(code[1:])}"), x.shape)


def _static(case: Case, attrs: dict[str, Any]) -> list[Array | None]:
    """The operands that normalisation had turned into attributes; they leave `attrs`."""
    out: list[Array | None] = []
    for row in STATIC.get(case.op, []):
        value = attrs.pop(row[0], None) if row else None
        if row is None or value is None:
            out.append(None)
            continue
        _, dtype, rank = row
        if dtype == "python":
            flat = value if isinstance(value, tuple) else (value, *case.attrs.values())
            dtype = np.int64 if all(isinstance(v, int) for v in flat) else np.float32
        array = np.array(value, dtype or case.operands[0].dtype)  # type: ignore[union-attr]
        out.append(array.reshape(-1) if rank else array)
    return out


def _translated(case: Case, attrs: dict[str, Any]) -> dict[str, Any]:
    """Attributes in ONNX form."""
    for key in ("to", "dtype", "output_dtype"):
        if key in attrs:
            attrs[key] = ENUM[attrs[key]]
    if case.op == "BitCast":
        del attrs["source"]
    if case.op == "ConstantOfShape" and "value" in attrs:
        value = attrs["value"]
        dtype = np.bool_ if isinstance(value, bool) else np.int64 if isinstance(value, int) else np.float32
        attrs["value"] = numpy_helper.from_array(np.array([value], dtype))
    if case.op == "LabelEncoder":
        suffix = {int: "int64", float: "float", str: "string"}
        keys, values, default = attrs.pop("keys"), attrs.pop("values"), attrs.pop("default")
        attrs[f"keys_{suffix[type(keys[0])]}s"] = keys
        attrs[f"values_{suffix[type(default)]}s"] = values
        attrs[f"default_{suffix[type(default)]}"] = default
    return attrs


def model_of(case: Case) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """A one-node model and its feeds."""
    attrs = dict(case.attrs)
    if case.op == "OneHot":  # ONNX has no default for it
        attrs.setdefault("values", (0.0, 1.0))
    arrays = [*case.operands, *_static(case, attrs)]
    names = ["" if a is None else f"x{i}" for i, a in enumerate(arrays)]
    while names and not names[-1]:
        names.pop()
    feeds = {n: a for n, a in zip(names, arrays, strict=False) if n and a is not None}
    count = case.results or len(opdef(case.op).shape(operand_types(case), case.attrs))
    results = [f"y{i}" for i in range(count)]
    domain = "ai.onnx.ml" if case.op in ML else ""
    node = helper.make_node(case.op, names, results, domain=domain, **_translated(case, attrs))
    infos = [helper.make_tensor_value_info(n, ENUM[tensor_type(a).dtype], a.shape) for n, a in feeds.items()]
    graph = helper.make_graph([node], "case", infos, [helper.make_empty_tensor_value_info(r) for r in results])
    opsets = [helper.make_opsetid("", OPSETS.get(case.op, 21)), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), feeds


def operand_types(case: Case) -> list[TensorType | None]:
    return [None if o is None else tensor_type(o) for o in case.operands]


def expected(case: Case) -> list[Array]:
    if case.expected is not None:
        return list(case.expected)
    model, feeds = model_of(case)
    if case.reference:
        return list(ReferenceEvaluator(model).run(None, feeds))
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))
