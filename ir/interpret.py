"""The reference interpreter: runs a module in clear with the numpy kernels, in float64."""

from collections.abc import Callable, Collection, Mapping
from typing import Literal

import numpy as np

from ppc.ir.approximation import without_polynomial
from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Array, Module, Op, Stage
from ppc.runtime import kernels


def interpret(
    module: Module,
    inputs: Mapping[str, Array],
    *,
    keep: Collection[str] | Literal["all"] = (),
    change: Mapping[str, Callable[[Array], Array]] | None = None,
) -> dict[str, Array]:
    """Outputs of the module, and the values named in `keep` ("all": every value, inputs too). A result named in
    `change` is replaced by what the function makes of it, for all that read it.

    Takes modules of stages IMPORTED to ASSIGNED. A value that is not kept is freed after its last use. Shapes are
    checked against the module's types, op by op. Raises InternalError for a lowered module, an absent or misshapen
    input, a constant without data, or a kernel that breaks its shape rule.
    """
    if module.stage > Stage.ASSIGNED:
        raise InternalError(f"the interpreter takes modules up to stage assigned, not {module.stage.word}")
    kept = set(module.values) if keep == "all" else {*keep, *module.outputs}
    live: dict[str, Array] = {name: _input(module, name, inputs) for name in module.inputs}
    last = _last_uses(module)
    for position, op in enumerate(module.ops):
        operands = [_operand(module, live, name) for name in op.operands]
        for name, result in zip(op.results, _run(module, op, operands), strict=True):
            if name:
                live[name] = change[name](result) if change and name in change else result
        for name in {*op.operands, *op.results}:
            if name in live and name not in kept and last.get(name, position) <= position:
                del live[name]
    return {name: _operand(module, live, name) for name in dict.fromkeys((*module.outputs, *live)) if name in kept}


def _last_uses(module: Module) -> dict[str, int]:
    """Position of the last op that reads each value."""
    return {name: i for i, op in enumerate(module.ops) for name in op.operands}


def _input(module: Module, name: str, inputs: Mapping[str, Array]) -> Array:
    if name not in inputs:
        raise InternalError(f"no array was given for input {name!r} (given: {', '.join(inputs) or 'none'})")
    x = np.asarray(inputs[name])
    wanted = module.values[name].type
    if x.shape != wanted.shape:
        raise InternalError(f"input {name!r} has shape {x.shape}; the module says {wanted}")
    return x.astype(np.float64) if x.dtype.kind == "f" else x


def _operand(module: Module, live: Mapping[str, Array], name: str) -> Array:
    """A value or constant by name; an absent optional operand ("") is None for the kernel."""
    if name == "":
        return None  # type: ignore[return-value]  # `kernels.run` takes None
    if not name.startswith("@"):
        if name not in live:
            raise InternalError(f"value {name!r} is read before it is defined")
        return live[name]
    data = module.constants[name].data
    if data is None:
        raise InternalError(f"constant {name!r} has no data: the module was read from text without its weights")
    return data


def _run(module: Module, op: Op, operands: list[Array]) -> tuple[Array, ...]:
    """Results that the op names, checked against their types."""
    try:
        results = kernels.run(op.name, operands, without_polynomial(op).attrs)
    except KeyError as e:
        if op.name in kernels.KERNELS:
            raise
        raise InternalError(f"no kernel for operator {op.name!r} (node {op.loc!r})") from e
    if len(results) < len(op.results):
        raise InternalError(f"{op.name} (node {op.loc!r}) names {len(op.results)} results; it has {len(results)}")
    for name, result in zip(op.results, results, strict=False):
        if name and result.shape != module.values[name].type.shape:
            wanted = module.values[name].type
            raise InternalError(f"{op.name} (node {op.loc!r}) gave {result.shape} for {name!r}: {wanted}")
    return results[: len(op.results)]
