"""ONNX model → Module(IMPORTED): every shape static, every operator in the form that docs/architecture.md defines."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from onnx import ModelProto

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.dims import bind_inputs
from ppc.compiler.frontend.element_types import NUMPY_OF
from ppc.compiler.frontend.graph_import import GraphImporter
from ppc.compiler.frontend.load import ModelSource, load_model
from ppc.compiler.frontend.names import identifier
from ppc.compiler.frontend.node import canonical_domain
from ppc.compiler.frontend.normalize.words import split_dims
from ppc.ir.diagnostic import fail
from ppc.ir.module import Array, Attr, Module, Stage
from ppc.ir.types import TensorType

#: Of ai.onnx, in a model that imports only other domains.
DEFAULT_OPSET = 21


def import_model(
    model: ModelSource,
    *,
    batch: int = 1,
    dims: Mapping[str, int] | None = None,
    fixed: Mapping[str, ArrayLike] | None = None,
    samples: Mapping[str, tuple[int, ...]] | None = None,
) -> Module:
    """Import an ONNX model: a path, its bytes, or a ModelProto.

    `batch` binds the symbolic first dimension of each input; `dims` binds others, by name or as "INPUT:AXIS" (and the
    most words of a text as "RESULT:AXIS" of a Tokenizer); `fixed`
    gives inputs a value that is public and part of the plan (a sampling rate, a flag).
    `samples` are shapes of stored data by input, samples first: they bind what is still open. Raises UserError PPC10xx.

    `Module.attrs`: `batch` (samples of one pass), `opset`, `model_sha256`, `producer`, and the names in the ONNX file
    of the module's inputs and outputs, in order: `input_names`, `output_names` (hostile text).
    """
    loaded = load_model(model)
    proto = loaded.proto
    opsets = {canonical_domain(row.domain): row.version for row in proto.opset_import}
    opsets.setdefault("", DEFAULT_OPSET)
    builder = Builder()
    words, dims = split_dims(proto.graph, dims or {})
    importer = GraphImporter(builder, opsets, loaded.source, words)
    initialisers = {t.name for t in proto.graph.initializer}
    inputs = [i for i in proto.graph.input if i.name not in initialisers]  # IR version 3 lists initialisers as inputs
    types = bind_inputs(inputs, batch, dims, samples or {})
    constants = _fixed_inputs(types, fixed or {})
    scope: dict[str, str | None] = {}
    names = []
    for name, type in types.items():
        if name in constants:
            scope[name] = builder.constant(constants[name], name)
        else:
            names.append(name)
            scope[name] = builder.input(name, type)
    importer.run(proto.graph, scope)
    outputs = importer.outputs([o.name for o in proto.graph.output], scope)
    attrs: dict[str, Attr] = {
        "batch": _batch(types.values(), batch),
        "opset": opsets[""],
        "model_sha256": loaded.sha256,
        "producer": _producer(proto),
        "input_names": tuple(names),
        "output_names": tuple(o.name for o in proto.graph.output),
    }
    used = {o for op in builder.ops for o in op.operands}
    return Module(
        name=identifier(proto.graph.name or "model"),
        stage=Stage.IMPORTED,
        inputs=tuple(str(scope[n]) for n in names),
        outputs=outputs,
        ops=tuple(builder.ops),
        values=builder.values,
        constants={name: c for name, c in builder.constants.items() if name in used},
        attrs=attrs,
    )


def _batch(types: Iterable[TensorType], asked: int) -> int:
    """Samples of one pass: the first extent that all inputs have in common, else what was asked for."""
    first = {t.shape[0] if t.shape else asked for t in types}
    return first.pop() if len(first) == 1 else asked


def _fixed_inputs(types: Mapping[str, TensorType], fixed: Mapping[str, ArrayLike]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for name, value in fixed.items():
        if name not in types:
            raise fail("PPC1016", f"--fix {name}=...: the model has no such input", facts={"inputs": list(types)})
        type = types[name]
        array: Any = np.asarray(value)
        if type.dtype != "str":
            try:
                array = array.astype(NUMPY_OF[type.dtype])
            except (ValueError, TypeError) as error:
                raise fail("PPC1016", f"--fix gives {value!r}, and the input is {type}", value=name) from error
        try:
            arrays[name] = np.broadcast_to(array, type.shape).copy()
        except ValueError as error:
            raise fail(
                "PPC1016", f"--fix gives the shape {array.shape}, and the input is {type}", value=name
            ) from error
    return arrays


def _producer(proto: ModelProto) -> str:
    text = f"{proto.producer_name} {proto.producer_version}".strip()
    return re.sub(r"[^A-Za-z0-9_. +-]", "_", text)[:80]
