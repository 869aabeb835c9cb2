"""The vocabulary of a plan: every step a plan may take, who takes part in it, and what it makes of a value.

This table is the contract between the compiler (which emits steps), the verifier (which checks them) and the
running parties (which take them). A step is `domain.name`; families such as `mpc.*` take any ONNX operator name
that the engine has a protocol for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from math import inf, nan
from typing import Any

from ppc.runtime.errors import PartyError

#: Semantic version of plan files. Major: the runtime refuses another one. Minor: unknown fields are ignored.
PLAN_FORMAT = "1.0"

#: Fractional bits of fixed-point shares, and the ring they live in.
FRACTION_BITS = 16
RING_BITS = 64

#: JSON has no infinity and no NaN: an attribute that is one stands as {"float": its name} in plan.json.
NOT_FINITE: dict[str, float] = {"inf": inf, "-inf": -inf, "nan": nan}


def attribute(x: Any) -> Any:
    """The value of an attribute of a step, from what plan.json has. Raises PPC6006."""
    if isinstance(x, list):
        return [attribute(i) for i in x]
    if not isinstance(x, dict) or x.keys() != {"float"}:
        return x
    if x["float"] not in NOT_FINITE:
        raise PartyError("PPC6006", f"plan.json has a number that is none: {str(x)[:60]}")
    return NOT_FINITE[x["float"]]


#: Attributes of MPC steps beside those of the operator: fractional bits of the operands and of the result where they
#: are not FRACTION_BITS, which of a gate's tables the dealer makes, and what the logits of a Softmax lie below.
MPC_ATTRIBUTES = ("operand_bits", "fraction_bits", "tables", "below")

#: MPC steps that stand for several operators, the first with the step's attributes.
FUSED = {"mpc.ReluMaxPool": ("mpc.MaxPool", "mpc.Relu")}


class Tables(StrEnum):
    """What the dealer makes of an MPC step's comparisons and functions: its attribute `tables`."""

    LARGE = "large"  # the default, which stands in no attribute
    SMALL = "small"  # fewer bytes of the dealer, more rounds
    DCF = "dcf"  # keys of comparison functions in place of digit tables: the fewest rounds, and the most work

    @staticmethod
    def of(attrs: Mapping[str, Any]) -> "Tables":
        """Of a step's attributes. Raises PPC6006."""
        try:
            return Tables(attrs.get("tables", Tables.LARGE))
        except ValueError:
            raise PartyError("PPC6006", f"this version knows no tables {attrs['tables']!r:.60}") from None


@dataclass(frozen=True, slots=True)
class StepSpec:
    """One kind of step."""

    name: str  # "he.linear", "mpc.*", "convert.he_to_mpc", "reveal.mpc_to_client"
    reads: str | None  # representation of its value operands; None: it has none
    writes: str | None  # representation of its result; None: it has none
    places: frozenset[str]  # who takes part (`ppc.runtime.places`); the others only follow the shapes
    run: str  # "module:function", called as function(session, step, *operands)
    reveals: bool = False  # True where a party learns a value in clear that it may not derive itself


def _steps() -> list[StepSpec]:
    def spec(name: str, reads: str | None, writes: str | None, places: str, run: str) -> StepSpec:
        return StepSpec(
            name, reads, writes, frozenset(places.split()), "ppc.runtime." + run, name.startswith("reveal.")
        )

    rows = [
        spec("client.input", None, "client", "client", "clear:take_input"),
        spec("client.output", "client", None, "client", "clear:give_output"),
        spec("server.output", "server", None, "server", "clear:give_output"),
        # in clear at their owner, or inside the enclave
        spec("client.*", "client", "client", "client", "clear:run_kernel"),
        spec("server.*", "server", "server", "server", "clear:run_kernel"),
        spec("tee.*", "tee", "tee", "enclave", "clear:run_kernel"),
        # homomorphic evaluation at the server
        spec("he.linear", "he", "he", "server", "he.steps:linear"),
        spec("he.polynomial", "he", "he", "server", "he.steps:polynomial"),
        spec("he.add", "he", "he", "server", "he.steps:add"),
        spec("he.sub", "he", "he", "server", "he.steps:sub"),
        spec("he.mul", "he", "he", "server", "he.steps:mul"),
        spec("he.square", "he", "he", "server", "he.steps:square"),
        spec("he.upscale", "he", "he", "server", "he.steps:upscale"),
        spec("he.drop", "he", "he", "server", "he.steps:drop"),
        spec("he.view", "he", "he", "server", "he.steps:view"),
        # the same with one sample a slot: nothing rotates, and linear steps are integer matrix products
        spec("he.batch_linear", "he", "he", "server", "he.batch_steps:linear"),
        spec("he.batch_square", "he", "he", "server", "he.batch_steps:square"),
        spec("he.batch_mul", "he", "he", "server", "he.batch_steps:mul"),
        spec("he.batch_add", "he", "he", "server", "he.batch_steps:add"),
        spec("he.batch_sub", "he", "he", "server", "he.batch_steps:sub"),
        spec("he.batch_drop", "he", "he", "server", "he.batch_steps:drop"),
        spec("he.batch_rescale", "he", "he", "server", "he.batch_steps:rescale"),
        # computation on shares by the two that hold them
        spec("mpc.*", "mpc", "mpc", "share0 share1 dealer", "mpc.steps:run"),
        # the same value; party `to` learns whether one of the nodes `of` was given a value outside its range
        spec("mpc.checked", "mpc", "mpc", "client server share0 share1 dealer", "mpc.steps:run"),
        # conversions: no party learns anything. HE and the enclave meet shares only where client and server hold them
        spec("convert.client_to_he", "client", "he", "client server", "convert.he:client_to_he"),
        spec("convert.client_to_mpc", "client", "mpc", "client share0 share1", "convert.mpc:client_to_mpc"),
        spec("convert.client_to_tee", "client", "tee", "client enclave", "convert.tee:client_to_tee"),
        spec("convert.server_to_mpc", "server", "mpc", "server share0 share1", "convert.mpc:server_to_mpc"),
        spec("convert.server_to_tee", "server", "tee", "server enclave", "convert.tee:server_to_tee"),
        spec("convert.he_to_mpc", "he", "mpc", "client server", "convert.he_mpc:he_to_mpc"),
        spec("convert.mpc_to_he", "mpc", "he", "client server", "convert.he_mpc:mpc_to_he"),
        spec("convert.mpc_to_tee", "mpc", "tee", "client server enclave", "convert.tee:mpc_to_tee"),
        spec("convert.tee_to_mpc", "tee", "mpc", "client server enclave", "convert.tee:tee_to_mpc"),
        # reveals: a party learns a value; each carries `because`
        spec("reveal.he_to_client", "he", "client", "client server", "convert.he:he_to_client"),
        spec("reveal.mpc_to_client", "mpc", "client", "client share0 share1", "convert.mpc:mpc_to_client"),
        spec("reveal.mpc_to_server", "mpc", "server", "server share0 share1", "convert.mpc:mpc_to_server"),
        spec("reveal.tee_to_client", "tee", "client", "client enclave", "convert.tee:tee_to_client"),
        spec("reveal.tee_to_server", "tee", "server", "server enclave", "convert.tee:tee_to_server"),
        spec("reveal.client_to_server", "client", "server", "client server", "convert.mpc:client_to_server"),
    ]
    return rows


@cache
def steps() -> dict[str, StepSpec]:
    return {row.name: row for row in _steps()}


def step_spec(name: str) -> StepSpec:
    """The row of a step; a family row (`mpc.*`) where there is none of its own. Raises KeyError."""
    table = steps()
    return table[name] if name in table else table[name.split(".")[0] + ".*"]
