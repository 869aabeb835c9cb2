"""Calibration data for the compiler, from the same files that `ppc run` reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ppc.ir.diagnostic import fail
from ppc.ir.module import Array, Module
from ppc.runtime.data import batches, load_inputs, read_arrays
from ppc.runtime.errors import PartyError

#: Samples that are enough to see the range of a value; more would only take longer.
MOST_SAMPLES = 512


def calibration(data: Path | Sequence[Mapping[str, Array]], module: Module) -> tuple[Mapping[str, Array], ...]:
    """Batches keyed by the module's input names, from a file of samples or from batches keyed by the model's.

    Raises UserError PPC5005 where the data does not fit the model.
    """
    shown = module.attrs.get("input_names", module.inputs)
    assert isinstance(shown, tuple)
    rename = dict(zip(map(str, shown), module.inputs, strict=True))
    if isinstance(data, Path):
        return _load(data, module, rename)
    for batch in data:
        for name, value in rename.items():
            if name not in batch or batch[name].shape != module.values[value].type.shape:
                found = batch[name].shape if name in batch else "nothing"
                raise fail(
                    "PPC5005", f"calibration data: {found} for an input of {module.values[value].type}", value=name
                )
            if batch[name].dtype.kind == "f" and not np.isfinite(batch[name]).all():
                raise fail("PPC5005", "calibration data holds NaN or infinity", value=name)
    return tuple({value: batch[name] for name, value in rename.items()} for batch in data)


def shapes(data: Path | Sequence[Mapping[str, Array]] | None) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays, by the names that inputs are looked for under. A file that cannot be read has none here:
    `calibration` says what is wrong with it."""
    if data is None:
        return {}
    try:
        arrays = read_arrays(data) if isinstance(data, Path) else dict(data[0]) if data else {}
    except PartyError:
        return {}
    return {name.removeprefix("in_"): a.shape for name, a in arrays.items()}


def labels_of(data: Path | Sequence[Mapping[str, Array]] | None, name: str | None) -> Array | None:
    """The array called `name` of the file of calibration data, one label a sample. Raises UserError PPC5005."""
    if name is None:
        return None
    if not isinstance(data, Path):
        raise fail("PPC5005", "labels are read from the file of calibration data", help="--calibrate data.npz")
    try:
        arrays = read_arrays(data)
    except PartyError as e:
        raise fail("PPC5005", f"{data.name} cannot be read for labels", help=str(e)) from e
    if name not in arrays:
        raise fail("PPC5005", f"{data.name} has no array {name!r}", help=f"it has {', '.join(map(repr, arrays))}")
    labels = arrays[name]
    if labels.size == 0 or labels.size != labels.shape[0]:
        shape = "x".join(map(str, labels.shape))
        raise fail("PPC5005", f"labels {name!r} have shape {shape}", help="give one label a sample")
    return labels.reshape(-1)


def _load(path: Path, module: Module, rename: Mapping[str, str]) -> tuple[dict[str, Array], ...]:
    inputs = [
        {"name": name, "dtype": module.values[value].type.dtype, "shape": list(module.values[value].type.shape)}
        for name, value in rename.items()
    ]
    try:
        data, _ = load_inputs(path, inputs)
    except PartyError as e:
        raise fail("PPC5005", f"{path.name} cannot serve as calibration data", help=str(e)) from e
    batch = module.attrs.get("batch", 1)
    assert isinstance(batch, int)
    data = {name: array[:MOST_SAMPLES] for name, array in data.items()}
    return tuple({rename[n]: a for n, a in one.items()} for one in batches(data, batch, inputs))
