"""A model as path, bytes or ModelProto → a checked ModelProto with all data inside and no function calls."""

import hashlib
import os
from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto, inliner

from ppc.compiler.frontend.contrib_names import name_fused
from ppc.compiler.frontend.external_data import load_external_data
from ppc.compiler.frontend.graph_check import check_graph
from ppc.compiler.frontend.limits import MAX_MODEL_BYTES, OLDEST_OPSET
from ppc.compiler.frontend.text_check import all_text
from ppc.ir.diagnostic import fail

ModelSource = str | os.PathLike[str] | bytes | ModelProto


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that may be walked: complete, checked, within the limits."""

    proto: ModelProto
    sha256: str  # of the file, followed by its external data
    source: str | None  # file name, for messages


def load_model(model: ModelSource) -> LoadedModel:
    """Read and check a model. Raises UserError PPC1001..PPC1008."""
    data, folder, source = _bytes_of(model)
    proto = _parse(data, source)
    hasher = hashlib.sha256(data)
    for chunk in load_external_data(proto, folder):
        hasher.update(chunk)
    _check_opsets(proto, source)
    check_graph(proto.graph)
    name_fused(proto)
    for output in proto.graph.output:  # the checker wants a shape, runtimes do not, and here nobody reads it
        if output.type.HasField("tensor_type") and not output.type.tensor_type.HasField("shape"):
            output.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(proto)
        if proto.functions:
            proto = inliner.inline_local_functions(proto)
    except (onnx.checker.ValidationError, RuntimeError, ValueError) as error:
        raise fail("PPC1006", f"the ONNX checker refuses the model: {_first_line(error)}", source=source) from error
    return LoadedModel(proto, hasher.hexdigest(), source)


def _bytes_of(model: ModelSource) -> tuple[bytes, str | None, str | None]:
    """The bytes, the folder that external data may lie in, and the file name."""
    if isinstance(model, ModelProto):  # serialised and parsed again: the caller's object is not changed
        try:
            return model.SerializeToString(deterministic=True), None, None
        except ValueError as error:  # protobuf refuses above 2 GiB
            raise fail("PPC1003", f"the model is above {MAX_MODEL_BYTES} bytes") from error
    if isinstance(model, bytes):
        data, folder, source = model, None, None
    else:
        path = os.fspath(model)
        source, folder = os.path.basename(path), os.path.dirname(os.path.abspath(path))
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_MODEL_BYTES + 1)
        except OSError as error:
            raise fail("PPC1002", f"{path!r} cannot be read: {error.strerror}", source=source) from error
    if len(data) > MAX_MODEL_BYTES:
        raise fail("PPC1003", f"the model is above {MAX_MODEL_BYTES} bytes", source=source)
    return data, folder, source


def _parse(data: bytes, source: str | None) -> ModelProto:
    proto = ModelProto()
    size = f"{len(data)} bytes"
    try:
        proto.ParseFromString(data)
    except (DecodeError, RecursionError) as error:
        raise fail(
            "PPC1001", f"{size} that do not parse as an ONNX model", source=source,
            help="the file may be cut short, or be of another format; export it again",
        ) from error  # fmt: skip
    if not all_text(proto):
        raise fail("PPC1001", f"{size} with a name in them that is not UTF-8 text", source=source,
                   help="the file is damaged; export the model again")  # fmt: skip
    if not proto.HasField("graph") or not (proto.graph.node or proto.graph.output):
        raise fail("PPC1001", f"{size} without a graph in them", source=source, help="export the model again")
    return proto


def _check_opsets(proto: ModelProto, source: str | None) -> None:
    newest = onnx.defs.onnx_opset_version()
    for row in proto.opset_import:
        if row.domain in ("", "ai.onnx") and not OLDEST_OPSET <= row.version <= newest:
            raise fail(
                "PPC1007", f"the model has opset {row.version}; with onnx {onnx.__version__}, ppc reads {OLDEST_OPSET} "
                f"to {newest}", source=source, help="export it with opset_version=21",
            )  # fmt: skip


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__
