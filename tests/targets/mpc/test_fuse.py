"""Which steps are merged, and which values keep the fractional bits of a product."""

from dataclasses import replace

import numpy as np
import pytest

from ppc.ir.label import PUBLIC
from ppc.ir.module import Attr, Constant, Module, Op, Stage, Value
from ppc.ir.target import LAN, WAN, HeRung, Network
from ppc.ir.types import Domain, TensorType
from ppc.passes.lower import Lower
from ppc.targets.mpc.fuse import fuse, of_mpc, product_bits
from ppc.targets.mpc.rules import count
from ppc.targets.mpc.schedule import in_lockstep
from ppc.targets.mpc.target import MpcTarget
from ppc.targets.prices import Prices

T = TensorType("f32", (1, 4, 8, 8))
POOL: dict[str, Attr] = {"kernel_shape": (2, 2), "strides": (2, 2)}


def module(*lines: str, outputs: str = "y") -> Module:
    """One line an op: "y = Conv x @w"; a line that ends in "!" is not placed in MPC."""
    ops = []
    for i, line in enumerate(lines):
        result, _, rest = line.rstrip("!").partition(" = ")
        name, *operands = rest.split()
        attrs = POOL if name == "MaxPool" else {}
        ops.append(Op(name, tuple(operands), (result,), attrs, f"n{i}", Domain.CLIENT if "!" in line else Domain.MPC))
    names = {n for op in ops for n in (*op.operands, *op.results)}
    constants = {n: Constant.of(np.ones(T.shape), T, PUBLIC) for n in names if n.startswith("@")}
    values = {n: Value(T) for n in names if not n.startswith("@")}
    return Module("m", Stage.CONVERTED, ("x",), tuple(outputs.split()), tuple(ops), values, constants)


def shown(m: Module) -> list[str]:
    """Each step, with what it reads and gives where that is not 16 bits."""
    found = []
    for op in fuse(m, of_mpc).ops:
        read, gives = op.attrs.get("operand_bits"), op.attrs.get("fraction_bits", 16)
        found.append(f"{op.name}{'' if read is None else list(read)} {gives}".removesuffix(" 16"))  # type: ignore[call-overload]
    return found


def test_convolution_relu_and_pool_are_two_steps() -> None:
    m = module("a = Conv x @w", "b = Relu a", "c = MaxPool b", "y = Gemm c @v")
    assert shown(m) == ["Conv 36", "ReluMaxPool[36]", "Gemm"]
    merged = fuse(m, of_mpc)
    assert merged.ops[1].loc == "n2" and merged.ops[1].attrs["kernel_shape"] == (2, 2)
    assert "b" not in merged.values and set(merged.values) == {"x", "a", "c", "y"}


@pytest.mark.parametrize("order", [("MaxPool", "Relu"), ("Relu", "MaxPool"), ("Relu", "MaxPool", "Relu")])
def test_the_order_of_relu_and_pool_does_not_matter(order: tuple[str, ...]) -> None:
    lines = [f"{'abcy'[i if i < len(order) - 1 else 3]} = {name} {'xab'[i]}" for i, name in enumerate(order)]
    assert shown(module(*lines)) == ["ReluMaxPool"]


@pytest.mark.parametrize(
    "m",
    [
        module("a = Relu x", "y = MaxPool a", "z = Neg a", outputs="y z"),
        module("a = Relu x", "y = MaxPool a", outputs="y a"),
        module("a = Relu x!", "y = MaxPool a"),
    ],
)
def test_a_value_that_somebody_else_reads_stays(m: Module) -> None:
    assert "ReluMaxPool" not in [op.name for op in fuse(m, of_mpc).ops]


def test_views_and_sums_pass_the_bits_on() -> None:
    m = module("a = Conv x @w", "b = Reshape a", "c = MatMul x x", "d = Add c b", "e = Add d @b", "y = Relu e")
    assert shown(m)[:4] == ["Conv 36", "Reshape[36] 36", "MatMul 32", "Add[32, 36] 36"]
    assert shown(m)[4:] == ["Add[36, 16] 36", "Relu[36]"]


def test_a_root_reads_sums_of_products_with_all_their_bits() -> None:
    m = module("a = Mul x x", "b = ReduceSum a", "c = ReduceSumSquare x", "d = Add b c", "y = Sqrt d")
    assert shown(m) == ["Mul 32", "ReduceSum[32] 32", "ReduceSumSquare 32", "Add[32, 32] 32", "Sqrt[32]"]
    m = module("a = Conv x @w", "b = ReduceSum a", "y = Sqrt b")
    assert shown(m) == ["Conv", "ReduceSum", "Sqrt"], "a sum of such bits may leave the ring"


@pytest.mark.parametrize(
    "m",
    [
        module("y = Conv x @w"),  # an output is revealed at 16 bits
        module("a = Conv x @w", "y = Gemm a @v"),  # a product would have too many
        module("a = Conv x @w", "b = Relu a", "c = Gemm a @v", "y = Add b c"),  # one of its readers
        module("a = Conv x @w", "b = Relu a!", "y = Neg b"),  # another domain
        module("a = Conv x @w", "y = Add a x"),
    ],
)
def test_what_needs_its_value_at_once_is_truncated_at_once(m: Module) -> None:
    assert all("fraction_bits" not in op.attrs and "operand_bits" not in op.attrs for op in fuse(m, of_mpc).ops)


def test_only_the_first_operand_is_truncated_in_an_opening() -> None:
    assert shown(module("a = Conv x @w", "y = PRelu x a"))[0] == "Conv"


NORM = "LayerNormalization"


def test_norms_truncate_what_they_read_and_the_check_truncates_them() -> None:
    m = module("a = MatMul x @w", "b = Add a x", f"c = {NORM} b @w", "y = mpc.checked c!")
    assert shown(m) == ["MatMul 36", "Add[36, 16] 36", f"{NORM}[36, 16] 48", "mpc.checked[48]"]
    m = module(f"a = {NORM} x @w", "b = Relu a", "y = Neg b")
    assert shown(m) == [f"{NORM} 48", "Relu[48]", "Neg"]


@pytest.mark.parametrize(
    "m",
    [
        module(f"a = {NORM} x @w", f"y = {NORM} a @w"),  # too many bits
        module(f"a = {NORM} x @w", "b = Add a x", "y = Relu b"),  # too many to be added to others
        module("a = ReduceMean x", f"y = {NORM} a @w"),
    ],
)
def test_a_norm_has_no_room_for_every_number_of_bits(m: Module) -> None:
    assert all("fraction_bits" not in op.attrs for op in fuse(m, of_mpc).ops)


def test_a_reader_that_truncates_at_once_leaves_room_for_the_others() -> None:
    m = module(f"a = {NORM} x @w", "b = MatMul a @w", "c = Add a b", f"y = {NORM} c @w")
    assert shown(m) == [NORM, "MatMul 36", "Add[16, 36] 36", f"{NORM}[36, 16]"]


def test_a_bias_that_is_scaled_forbids_it() -> None:
    gemm = module("y = Gemm x @w @b").ops[0]
    assert product_bits(gemm) == 36
    assert product_bits(Op("Gemm", gemm.operands, ("y",), {"beta": 2.0})) is None
    assert product_bits(Op("Gemm", ("x", "x"), ("y",))) is None


def test_tables_follow_the_objective() -> None:
    """Where bytes of the dealer count in full, a comparison takes small tables and a round more; views have none."""
    m = module("a = Relu x", "y = Neg a")
    online, total = (MpcTarget(judge=lambda c, w=w: LAN.seconds(c) + w * c.offline_bytes) for w in (0.0, 1e-6))  # type: ignore[misc]
    assert [op.attrs.get("tables") for op in online.lower(m).ops] == [None, None]
    assert [op.attrs.get("tables") for op in total.lower(m).ops] == ["small", None]
    dear, cheap = (target.cost(m.ops[0], m, HeRung(8192, 3)) for target in (online, total))
    assert cheap.rounds == dear.rounds + 1 and cheap.offline_bytes < 0.6 * dear.offline_bytes


def test_keys_where_rounds_bind() -> None:
    """On a WAN, where a round is 20 ms, few elements are compared by keys in one round; many are not, nor any on a LAN:
    a node of a key's tree is hashed in half a microsecond."""

    def chosen(elements: int, network: Network) -> Module:
        made = module("y = Relu x")
        types = {name: Value(TensorType("f32", (elements,))) for name in made.values}
        return MpcTarget(judge=network.seconds).lower(replace(made, values=types))

    assert [chosen(n, WAN).ops[0].attrs.get("tables") for n in (1, 100, 1000, 4000)] == ["dcf", "dcf", "dcf", None]
    assert [chosen(n, LAN).ops[0].attrs.get("tables") for n in (1, 100, 4000)] == [None, None, None]
    few = chosen(100, WAN)
    assert count(few.ops[0], few).rounds == 1 and count(replace(few.ops[0], attrs={}), few).rounds == 3


def test_independent_steps_share_rounds_in_the_prediction() -> None:
    m = module("a = Relu x", "b = Abs x", "c = Add a b", "d = Relu c", "e = Relu x", "y = Add d e")
    lowered = Lower().run(MpcTarget().lower(m))
    ((_, found),) = in_lockstep(lowered, Prices.shipped().mpc)
    alone = [count(op, m) for op in m.ops]
    assert found.rounds == 6 and sum(c.rounds for c in alone) == 12
    assert found.bytes == sum(c.bytes for c in alone) and found.offline_bytes == sum(c.offline for c in alone)


def test_costs_are_those_of_the_fused_steps() -> None:
    """Relu costs nothing beside the pool that takes it in; as a whole, four rounds."""
    m = module("a = Conv x @w", "b = Relu a", "y = MaxPool b")
    target, rung = MpcTarget(), HeRung(8192, 3)
    conv, relu, pool = (target.cost(op, m, rung) for op in m.ops)
    assert conv.rounds == 1 and relu.rounds == relu.seconds == 0 and pool.rounds == 3
