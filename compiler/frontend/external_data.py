"""External data of a model, confined to the folder of the model.

The threat is a model from a stranger whose tensors name `/etc/shadow`, `../../key.pem`, or a link to either
(cf. the security notes of onnx-ir). Every path component is opened without following links, and the opened file,
not its name, is judged.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import PurePosixPath, PureWindowsPath

from onnx import AttributeProto, GraphProto, ModelProto, TensorProto

from ppc.compiler.frontend.limits import MAX_MODEL_BYTES
from ppc.ir.diagnostic import UserError, fail


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a model: initialisers and attributes, in subgraphs and functions as well."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            for attribute in node.attribute:
                yield from _attribute_tensors(attribute)


def _graph_tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        for attribute in node.attribute:
            yield from _attribute_tensors(attribute)


def _attribute_tensors(attribute: AttributeProto) -> Iterator[TensorProto]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield sparse.values
        yield sparse.indices
    for graph in (attribute.g, *attribute.graphs):
        yield from _graph_tensors(graph)


def load_external_data(model: ModelProto, folder: str | None) -> list[bytes]:
    """Move all external data into the model, in place; returns the chunks in order (they belong to its hash).

    `folder` is that of the model file, None for a model that is not from a file.
    Raises UserError PPC1004 (path leaves the folder), PPC1005 (missing or does not fit), PPC1003 (too much).
    """
    chunks: list[bytes] = []
    total = 0
    for tensor in tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        if folder is None:
            raise fail(
                "PPC1005", "the tensor keeps its data in another file, and a model given as bytes has no folder",
                value=tensor.name, help="give the path of the model, or save it with its data inside",
            )  # fmt: skip
        data = _read(tensor, folder, MAX_MODEL_BYTES - total)
        total += len(data)
        chunks.append(data)
        tensor.raw_data = data
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT
    return chunks


def _read(tensor: TensorProto, folder: str, allowance: int) -> bytes:
    entries = {e.key: e.value for e in tensor.external_data}
    location = entries.get("location", "")
    offset = _count(entries.get("offset", "0"), "offset", tensor.name)
    try:
        descriptor = _open_inside(folder, location, tensor.name)
    except OSError as error:
        raise fail(
            "PPC1005", f"its data file {location!r} cannot be opened: {error.strerror}",
            value=tensor.name, help="copy the data files to the folder of the model",
        ) from error  # fmt: skip
    with os.fdopen(descriptor, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = _count(entries["length"], "length", tensor.name) if "length" in entries else max(size - offset, 0)
        if offset + length > size:
            raise fail(
                "PPC1005", f"bytes {offset} to {offset + length} of {location!r} are asked for, and it has {size}",
                value=tensor.name, help="the data file was cut short, or belongs to another version of the model",
            )  # fmt: skip
        if length > allowance:
            raise fail("PPC1003", f"external data is above {MAX_MODEL_BYTES} bytes", value=tensor.name)
        file.seek(offset)
        return file.read(length)


def _count(text: str, what: str, tensor: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise fail("PPC1005", f"the {what} of its external data is {text[:40]!r}, not a count", value=tensor)
    return int(text)


def _outside(location: str, why: str, tensor: str) -> UserError:
    return fail(
        "PPC1004", f"its data file {location!r} {why}",
        value=tensor, help="put the data beside the model as a plain file and save the model with a relative name",
    )  # fmt: skip


def _open_inside(folder: str, location: str, tensor: str) -> int:
    """Descriptor of `folder/location`, opened component by component without following a link."""
    if not location or "\0" in location:
        raise fail("PPC1005", "its external data names no file", value=tensor)
    parts = PurePosixPath(location).parts
    windows = PureWindowsPath(location)
    if PurePosixPath(location).is_absolute() or windows.is_absolute() or windows.drive or windows.root:
        raise _outside(location, "is an absolute path", tensor)
    if ".." in parts or ".." in windows.parts:
        raise _outside(location, "climbs out of the folder with '..'", tensor)
    here = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for depth, part in enumerate(parts):
            last = depth == len(parts) - 1
            if stat.S_ISLNK(os.stat(part, dir_fd=here, follow_symlinks=False).st_mode):
                raise _outside(location, "passes a symbolic link", tensor)
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | (0 if last else os.O_DIRECTORY)
            below = os.open(part, flags, dir_fd=here)
            os.close(here)
            here = below
        info = os.fstat(here)
        if not stat.S_ISREG(info.st_mode):
            raise _outside(location, "is not a plain file", tensor)
        if info.st_nlink > 1:
            raise _outside(location, f"is a hard link (it has {info.st_nlink} names)", tensor)
    except BaseException:
        os.close(here)
        raise
    return here
