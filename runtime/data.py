"""Arrays from and to files: the inputs of a run, split into passes; the outputs, written whole or not at all."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.errors import PartyError
from ppc.runtime.files import replaced

Arrays = dict[str, NDArray[Any]]
#: Name, dtype ("f32") and shape of each input of a model, as in the manifest of a plan.
Inputs = Sequence[Mapping[str, Any]]

_DTYPES = {
    "f32": "<f4", "f64": "<f8", "f16": "<f2",
    "i64": "<i8", "i32": "<i4", "i16": "<i2", "i8": "i1",
    "u64": "<u8", "u32": "<u4", "u16": "<u2", "u8": "u1", "bool": "?",
}  # fmt: skip


def load_inputs(path: str | Path, inputs: Inputs, lone_name: str | None = None) -> tuple[Arrays, int]:
    """The model's inputs from an .npz or .npy file: ({name: array (samples, *shape of one)}, number of samples).

    Where the first dimension of every input is the plan's batch B, an array fits if its shape is (S, *rest);
    (S, 1, *rest) or (S, B, *rest), each row a full input of the model; or just `rest`, one sample. Else samples are
    `whole`: (S, *shape). It is found under the input's name, `in_<name>`, or, for a model with one input, under
    `lone_name` if that is given, else "x", else as the only array of the file. Raises PPC6005.
    """
    with _open(path, "PPC6005") as files:
        # only these are read: what else lies in the file need not be numbers
        raw = {
            i["name"]: _array(files, _find(path, list(files), i["name"], len(inputs) == 1, lone_name)) for i in inputs
        }
    out = {i["name"]: _fit(path, i, raw[i["name"]], whole(inputs)) for i in inputs}
    counts = {name: len(a) for name, a in out.items()}
    if len(set(counts.values())) > 1:
        raise _unfit(f"the inputs in {path} have different numbers of samples: {counts}")
    n = next(iter(counts.values()), 0)
    if n == 0:
        raise _unfit(f"{path} holds no samples")
    return out, n


def whole(inputs: Inputs) -> bool:
    """Whether a sample is a full set of inputs: their first dimensions, which would count samples, are not the same
    (the state of a recurrent network: layers first). A pass takes one such sample."""
    return len(inputs) > 1 and len({tuple(i["shape"][:1]) for i in inputs}) > 1


def fit(feed: Mapping[str, NDArray[Any]], inputs: Inputs) -> tuple[Arrays, int]:
    """As `load_inputs`, from arrays in memory under the inputs' own names. Raises PPC6005."""
    out = {i["name"]: _fit("the feed", i, np.asarray(feed[i["name"]]), whole(inputs)) for i in inputs}
    counts = {name: len(a) for name, a in out.items()}
    if len(set(counts.values())) > 1:
        raise _unfit(f"the inputs have different numbers of samples: {counts}")
    return out, next(iter(counts.values()), 0)


def read_arrays(path: str | Path, code: str = "PPC6005") -> Arrays:
    """All arrays of an .npz, or the one of an .npy (under ""). Pickles are refused; raises `code` for a bad file."""
    with _open(path, code) as files:
        return {name: _array(files, name) for name in files}


@contextmanager
def _open(path: str | Path, code: str) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays of a file, each read when it is asked for. Any fault found meanwhile is raised as `code`."""
    try:
        with open(path, "rb") as f:
            content = np.load(f, allow_pickle=False)
            yield {"": content} if isinstance(content, np.ndarray) else content
    except FileNotFoundError:
        raise PartyError(code, f"{path} does not exist") from None
    except OSError as e:
        raise PartyError(code, f"{path} cannot be read: {e.strerror or 'it is damaged'}") from None
    except ValueError as e:
        why = "it holds Python objects" if "Object arrays" in str(e) else "it is no NumPy file, or damaged"
        raise PartyError(
            code, f"{path} cannot be read: {why}", help="write it with numpy.savez or numpy.save"
        ) from None
    except (EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, MemoryError):
        raise PartyError(code, f"{path} is damaged or truncated", help="write it again with numpy.savez") from None


def _array(files: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    array = files[name]
    if not isinstance(array, np.ndarray):  # NumPy gives the bytes of a member that is no array
        raise ValueError("not an array")
    return array


def passes(samples: int, batch: int, inputs: Inputs) -> int:
    """How many passes over the plan `samples` take."""
    return samples if whole(inputs) else ceil(samples / batch)


def batches(data: Mapping[str, NDArray[Any]], batch: int, inputs: Inputs) -> Iterator[Arrays]:
    """The inputs of each pass, in the model's shapes: `batch` samples, the last of which fills up the last pass (see
    `unbatch`), or one where samples are whole."""
    n = len(next(iter(data.values())))
    if whole(inputs):
        yield from ({name: a[i] for name, a in data.items()} for i in range(n))
        return
    for start in range(0, n, batch):
        taken = np.minimum(np.arange(start, start + batch), n - 1)
        yield {name: a[taken] for name, a in data.items()}


def unbatch(outputs: Sequence[Mapping[str, NDArray[Any]]], samples: int, inputs: Inputs) -> Arrays:
    """The outputs of all passes in one array each, without what filling up added; of whole samples, one a row."""
    if not outputs:
        return {}
    join = np.stack if whole(inputs) else np.concatenate
    return {name: join([o[name] for o in outputs])[:samples] for name in outputs[0]}


def save_atomic(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an .npz so that `path` is either complete or what it was before. Raises PPC6012."""
    try:
        with replaced(Path(path)) as file:
            _write(file, arrays)
    except OSError as e:
        size = sum(a.nbytes for a in arrays.values())
        raise PartyError("PPC6012", f"cannot write {path} ({size:,} bytes): {e.strerror}") from None


def _write(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    """As numpy.savez, which would take a name such as "file" for its own argument."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _find(path: str | Path, found: Sequence[str], name: str, lone: bool, lone_name: str | None) -> str:
    """Under which name the array of an input lies in the file."""
    usual = [name, f"in_{name}", "x"] if lone else [name, f"in_{name}"]
    wanted = [lone_name] if lone and lone_name is not None else usual
    for candidate in wanted:
        if candidate in found:
            return candidate
    if lone and len(found) == 1 and (lone_name is None or "" in found):
        return found[0]
    which = "choose one with --input NAME" if lone else f"name the arrays after the model's inputs, {name!r} among them"
    has = ", ".join(map(repr, found[:12])) or "nothing"
    raise _unfit(f"{path} has no array for input {name!r} (looked for {', '.join(wanted)}); it has {has}", which)


def _fit(path: str | Path, spec: Mapping[str, Any], array: NDArray[Any], whole: bool) -> NDArray[Any]:
    """One input as (samples, *rest) in the model's dtype; (samples, *shape) where samples are whole."""
    name, shape = spec["name"], ((1,) if whole else ()) + tuple(spec["shape"])
    if not shape:
        raise _unfit(f"input {name!r} is a scalar: it has no first axis that could count samples")
    rest = shape[1:]
    if array.ndim == len(shape) and array.shape[1:] == rest:
        pass
    elif array.ndim == len(shape) + 1 and array.shape[1] in (1, shape[0]) and array.shape[2:] == rest:
        array = array.reshape(-1, *rest)
    elif array.shape == rest and rest:
        array = array[None]
    else:
        raise _unfit(
            f"input {name!r} in {path} has the wrong shape: got {_show(array.shape)}, expected {_show(('S', *rest))} "
            f"with S samples on the first axis (the model takes {_show(spec['shape'])})"
        )
    return _convert(path, name, array, spec["dtype"])


def _convert(path: str | Path, name: str, array: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "str":
        if array.dtype.kind not in "US":
            raise _unfit(f"input {name!r} in {path} is {array.dtype}, and the model takes text", "x.astype(str)")
        return _text(path, name, array)
    if dtype not in _DTYPES:
        raise _unfit(f"input {name!r} is of type {dtype}, which a plan cannot take")
    target = np.dtype(_DTYPES[dtype])
    problem = f"input {name!r} in {path} has the wrong type: got {array.dtype}, expected {target}"
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and target.kind != "f"):
        raise _unfit(problem, f"convert it first, for example x.astype('{target}')")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape)
        raise _unfit(f"input {name!r} in {path} holds NaN or infinity, first in sample {at[0]} at {list(map(int, at))}")
    with np.errstate(over="ignore"):
        out = array.astype(target)
    if target.kind == "f" and not np.isfinite(out).all():
        raise _unfit(f"{problem}, and a value of {np.abs(array).max():.3g} is too large for it")
    if target.kind != "f" and not np.array_equal(out, array):
        raise _unfit(f"{problem}, and some of its values, {array.min()} to {array.max()}, do not fit")
    return out


def _text(path: str | Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Text as numpy's own; only the client ever holds it."""
    if array.dtype.kind == "U":
        return array
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError:
        raise _unfit(f"input {name!r} in {path} holds bytes that are not UTF-8 text") from None


def _show(shape: Sequence[object]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _unfit(message: str, help: str | None = None) -> PartyError:
    return PartyError("PPC6005", message, help=help)
