"""A plan judged from its own files, by nothing that had a part in making it.

The steps of plan.json are read back into the IR; the rules of the IR, the levels and scales of HE and the policy are
checked on that, and plan.py must be the text of exactly these steps.
"""

from collections.abc import Mapping
from typing import Any

from ppc.compiler.codegen.emit import emit
from ppc.compiler.codegen.header import header
from ppc.compiler.codegen.manifest import sha256
from ppc.ir.check import check
from ppc.ir.diagnostic import InternalError, fail
from ppc.ir.label import PUBLIC, Label, join
from ppc.ir.module import Array, Attr, Constant, Module, Op, Stage, Value, digest
from ppc.ir.policy import ResolvedPolicy
from ppc.ir.types import Domain, TensorType
from ppc.ir.verify import verify
from ppc.ir.views import Views
from ppc.runtime.places import holders
from ppc.runtime.schema import step_spec
from ppc.targets.he.verify import verify_he

#: Stands for the hash of a weight whose data is not at hand; the check then takes it for a secret one.
UNKNOWN = "0" * 64


def judge(manifest: Mapping[str, Any], arrays: Mapping[str, Array], policy: ResolvedPolicy) -> Views:
    """Who sees what in a plan. `arrays`: of the weights those at hand. Raises UserError: a code of the policy chapter
    where the plan breaks the policy, PPC2019 where its steps do not fit together."""
    module = read_back(manifest, arrays, policy)
    try:
        verify(module)
        views = check(module, policy)
        verify_he(module)
    except InternalError as e:
        raise fail("PPC2019", str(e).replace("\n", "; ")) from None
    except (KeyError, TypeError, ValueError) as e:  # an attribute that is not what its step takes
        raise fail("PPC2019", f"plan.json has a step with wrong attributes ({type(e).__name__}: {e})") from None
    return views


def read_back(manifest: Mapping[str, Any], arrays: Mapping[str, Array], policy: ResolvedPolicy) -> Module:
    """The LOWERED module that plan.json describes. Labels are worked out anew from the policy. Raises UserError
    PPC2019."""
    try:
        return _module(manifest, arrays, policy)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
        raise fail("PPC2019", f"plan.json does not describe a program ({type(e).__name__}: {e})") from None


def same_text(manifest: Mapping[str, Any], module: Module, plan: str) -> bool:
    """Is plan.py the text of these steps, under this manifest?"""
    errors = {a["node"]: a["error"] for a in manifest["report"]["approximations"]}
    title = f"Plan for {manifest['model']['name']}, made by ppc."
    made = emit(module, manifest["steps"], title, header(manifest), "", errors, holders(manifest))
    return sha256(made.encode()) == manifest["program_file"] and _without_hash(plan) == made


def _without_hash(plan: str) -> str:
    start = plan.find('manifest="sha256:')
    end = plan.find('"', start + 10)
    return plan if start < 0 else plan[: start + 10] + plan[end:]


def _module(manifest: Mapping[str, Any], arrays: Mapping[str, Array], policy: ResolvedPolicy) -> Module:
    steps = manifest["steps"]
    constants = {name: _constant(name, row, arrays, policy) for name, row in manifest["weights"].items()}
    labels: dict[str, Label] = {}
    values: dict[str, Value] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    ops: list[Op] = []
    for step in steps:
        name, operands, results = str(step["step"]), tuple(map(str, step["operands"])), tuple(map(str, step["results"]))
        spec = step_spec(name)
        label = join(constants[o].label if o.startswith("@") else labels[o] for o in operands if o)
        if name == "client.input":
            inputs += results
            label = policy.inputs.get(results[0], label)
        if name.endswith(".output"):
            outputs += operands
        for result, shape in zip(results, step["shapes"] if results else (), strict=True):
            labels[result] = label
            type = TensorType(str(step["dtype"]), tuple(map(int, shape)))
            values[result] = Value(type, label, Domain(spec.writes) if spec.writes else None)
        ops.append(Op(name, operands, results, {k: _attr(v) for k, v in step["attrs"].items()}, str(step["node"])))
    shared = any(v.domain is Domain.MPC for v in values.values())
    if shared and tuple(manifest["mpc"]["parties"]) != policy.share_holders:
        raise ValueError(f"the holders of shares are not {' and '.join(policy.share_holders)}, as the policy has it")
    return Module(
        str(manifest["model"]["name"]),
        Stage.LOWERED,
        tuple(inputs),
        tuple(outputs),
        tuple(ops),
        values,
        constants,
        _attrs(manifest),
    )


def _constant(name: str, row: Mapping[str, Any], arrays: Mapping[str, Array], policy: ResolvedPolicy) -> Constant:
    found = arrays.get(name)
    sha256 = UNKNOWN if found is None else digest(found)
    shape = tuple(map(int, row["shape"]))
    label = PUBLIC if row["public"] is True else policy.any_weight
    return Constant(TensorType("f32", shape), label, sha256)


def _attrs(manifest: Mapping[str, Any]) -> dict[str, Attr]:
    found: dict[str, Attr] = {"batch": int(manifest["batch"])}
    he = manifest["he"]
    if he is not None:
        found |= {f"he.{k}": _attr(v) for k, v in he.items() if k != "galois"}
        found["he.galois"] = tuple((int(level), _attr(steps)) for level, steps in he["galois"].items())
    if manifest["tee"].get("allow_simulated"):
        found["tee"] = "simulated"
    return found


def _attr(x: Any) -> Attr:
    if isinstance(x, list):
        return tuple(map(_attr, x))
    if not isinstance(x, int | float | str):
        raise TypeError(f"an attribute is {type(x).__name__}")
    return x
