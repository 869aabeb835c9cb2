"""plan.json: what every line of a plan means, for machines."""

import hashlib
import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from ppc.ir.module import Array, Module, Op
from ppc.runtime.places import OWNERS, Holders
from ppc.runtime.schema import FRACTION_BITS, PLAN_FORMAT, RING_BITS, step_spec


def jsonable(x: Any) -> Any:
    """Tuples become lists, mappings plain dicts; floats stay exact (repr), and those that are no numbers get a name."""
    if isinstance(x, Mapping):
        return {str(k): jsonable(v) for k, v in x.items()}
    if isinstance(x, (tuple, list)):
        return [jsonable(i) for i in x]
    if isinstance(x, float) and not isfinite(x):
        return {"float": repr(x)}
    return x


def dump(manifest: Mapping[str, Any]) -> bytes:
    """The bytes of plan.json: sorted keys, one step a line."""
    steps = manifest["steps"]
    head = json.dumps({k: v for k, v in manifest.items() if k != "steps"}, indent=1, sort_keys=True, allow_nan=False)
    lines = ",\n".join("  " + json.dumps(s, sort_keys=True, allow_nan=False) for s in steps)
    return (head[:-2] + ',\n "steps": [\n' + lines + "\n ]\n}\n").encode()


def steps(module: Module, sources: Mapping[str, str]) -> list[dict[str, Any]]:
    """One record a step. `sources` gives the ONNX operator behind each step's ONNX node name."""
    return [_step(i, op, module, sources) for i, op in enumerate(module.ops, start=1)]


def _step(i: int, op: Op, module: Module, sources: Mapping[str, str]) -> dict[str, Any]:
    step_spec(op.name)  # a step that no party knows is our bug: KeyError
    types = [module.values[r].type for r in op.results]
    moves = op.name.split(".")[0] in ("convert", "reveal") or op.name.endswith((".input", ".output"))
    return {
        "id": i,
        "step": op.name,
        "op": "" if moves else sources.get(op.loc, op.name.partition(".")[2]),
        "node": op.loc,
        "operands": list(op.operands),
        "results": list(op.results),
        "shapes": [list(t.shape) for t in types] or [list(module.type_of(op.operands[0]).shape)],
        "dtype": types[0].dtype if types else module.type_of(op.operands[0]).dtype,
        "attrs": jsonable(op.attrs),
    }


def he_parameters(module: Module) -> dict[str, Any] | None:
    """CKKS parameters that the HE lowering left on the module, or None where the plan has no HE step."""
    found = {k.removeprefix("he."): jsonable(v) for k, v in module.attrs.items() if k.startswith("he.")}
    if not found:
        return None
    found["galois"] = {str(level): list(steps) for level, steps in found.get("galois", [])}
    return found


def used_constants(module: Module) -> list[str]:
    return sorted({o for op in module.ops for o in op.operands if o.startswith("@")}, key=str)


def arrays(module: Module, public: bool) -> dict[str, Array]:
    """The constants that steps read: the server's (`public=False`) or those that everybody may hold."""
    out = {}
    for name in used_constants(module):
        constant = module.constants[name]
        if (not constant.label.owners) is public:
            if constant.data is None:
                raise AssertionError(f"constant {name} has no data")
            out[name] = constant.data
    return out


def weights(module: Module) -> dict[str, Any]:
    """Public facts of the constants: shape and whether everybody may hold it. No hash of a single tensor: a small one
    could be found by trying."""
    return {
        name: {"shape": list(c.type.shape), "public": not c.label.owners}
        for name, c in ((n, module.constants[n]) for n in used_constants(module))
    }


def base(module: Module, model: Mapping[str, Any], policy: Mapping[str, Any], pair: Holders = OWNERS) -> dict[str, Any]:
    """The fields that do not depend on files or the report. `pair`: the holders of shares."""
    domains = {op.name.split(".")[0] for op in module.ops}
    moved = {d for op in module.ops if "." in op.name for d in (step_spec(op.name).reads, step_spec(op.name).writes)}
    uses = [d for d in ("he", "mpc", "tee") if d in domains | moved]
    return {
        "format": PLAN_FORMAT,
        "model": jsonable(model),
        "policy": jsonable(policy),
        "batch": module.attrs.get("batch", 1),
        "uses": uses,
        "he": he_parameters(module),
        "mpc": {"ring_bits": RING_BITS, "fraction_bits": FRACTION_BITS, "parties": list(pair)}
        if "mpc" in uses
        else None,
        "weights": weights(module),
    }


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
