"""Steps in clear: at the client, at the server, inside the enclave."""

from typing import Any

import numpy as np

from ppc.runtime import kernels
from ppc.runtime.errors import PartyError
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight


def take_input(session: Session, step: Step) -> Value:
    """The client's own input of this pass. Raises PPC6005 where it is absent or of another shape."""
    name = step.attrs["name"]
    if name not in session.inputs:
        raise PartyError("PPC6005", f"there is no input {name!r}; given: {sorted(session.inputs)}")
    data = np.asarray(session.inputs[name])
    if data.shape != step.shape:
        raise PartyError("PPC6005", f"input {name!r} has shape {data.shape}, the plan takes {step.shape}")
    return Value("client", step.shape, data)


def give_output(session: Session, step: Step, value: Value) -> None:
    """Hand a value to its owner: the result of the run."""
    session.outputs[step.attrs["name"]] = value.data


def run_kernel(session: Session, step: Step, *operands: Value | Weight | None) -> Any:
    """One operator on values that this party holds in clear."""
    domain, _, op = step.name.partition(".")
    arrays = [None if o is None else np.asarray(o.data) for o in operands]
    results = kernels.run(op, arrays, step.attrs)
    values = tuple(Value(domain, shape, r) for shape, r in zip(step.shapes, results, strict=False))
    for value in values:
        if value.data.shape != value.shape:
            raise AssertionError(f"step {step.id} {step.name}: kernel gave {value.data.shape}, plan says {value.shape}")
    return values if len(step.shapes) > 1 else values[0]
