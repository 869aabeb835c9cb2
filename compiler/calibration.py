"""Calibration data for the compiler, from the same files that `ppc run` reads."""

from pathlib import Path

from ppc.ir.diagnostic import fail
from ppc.ir.module import Array, Module
from ppc.runtime.data import batches, load_inputs
from ppc.runtime.errors import PartyError

#: Samples that are enough to see the range of a value; more would only take longer.
MOST_SAMPLES = 512


def load_calibration(path: Path, module: Module) -> tuple[dict[str, Array], ...]:
    """Batches keyed by the module's input names. Raises UserError PPC5005 where the data does not fit the model."""
    shown = module.attrs.get("input_names", module.inputs)
    assert isinstance(shown, tuple)
    inputs = [
        {"name": str(name), "dtype": module.values[value].type.dtype, "shape": list(module.values[value].type.shape)}
        for value, name in zip(module.inputs, shown, strict=True)
    ]
    try:
        data, _ = load_inputs(path, inputs)
    except PartyError as e:
        raise fail("PPC5005", f"{path.name} cannot serve as calibration data", help=str(e)) from e
    batch = module.attrs.get("batch", 1)
    assert isinstance(batch, int)
    rename = dict(zip(map(str, shown), module.inputs, strict=True))
    data = {name: array[:MOST_SAMPLES] for name, array in data.items()}
    return tuple({rename[n]: a for n, a in one.items()} for one in batches(data, batch))
