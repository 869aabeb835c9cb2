"""Lowered operators give what the operator gives, on slot vectors, to 1e-9."""

from dataclasses import replace

import numpy as np
import onnx.helper as oh
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from ppc.targets.he.lower import lower_he

RNG = np.random.default_rng(7)


def reference(name, x, weights, attrs, out_rank):
    """onnx's own reference evaluator in float64."""
    names = ["x", *(f"w{i}" for i in range(len(weights)))]
    node = oh.make_node(name, names, ["y"], **attrs)
    inputs = [oh.make_tensor_value_info(n, TensorProto.DOUBLE, None) for n in names]
    outputs = [oh.make_tensor_value_info("y", TensorProto.DOUBLE, None)]
    model = oh.make_model(oh.make_graph([node], "g", inputs, outputs), opset_imports=[oh.make_opsetid("", 21)])
    return ReferenceEvaluator(model).run(None, dict(zip(names, [x, *weights], strict=True)))[0]


def one_op(builder, check, name, shape, weights, attrs, batch=1):
    x = RNG.normal(size=shape)
    weights = [RNG.normal(size=w) for w in weights]
    expected = reference(name, x, weights, attrs, None)
    b = builder(shape, batch)
    b.op(name, [b.last, *map(b.weight, weights)], expected.shape, attrs)
    return check(b.module(), x, expected)


CONVS = {
    "plain": ((1, 1, 8, 8), [(2, 1, 3, 3), (2,)], {}),
    "strides": ((1, 2, 9, 7), [(3, 2, 3, 3), (3,)], {"strides": (2, 1)}),
    "pads": ((1, 2, 6, 6), [(3, 2, 3, 3)], {"pads": (1, 0, 2, 1)}),
    "dilations": ((1, 2, 9, 9), [(2, 2, 3, 3)], {"dilations": (2, 2), "pads": (2, 2, 2, 2)}),
    "groups": ((1, 4, 6, 6), [(6, 2, 3, 3), (6,)], {"group": 2, "pads": (1, 1, 1, 1)}),
    "depthwise": ((1, 3, 6, 6), [(3, 1, 3, 3)], {"group": 3, "strides": (2, 2)}),
    "one dimension": ((1, 2, 20), [(4, 2, 5), (4,)], {"strides": (2,), "pads": (2, 2)}),
    "pointwise": ((1, 5, 4, 4), [(3, 5, 1, 1)], {}),
    "many ciphertexts": ((1, 4, 64, 64), [(5, 4, 3, 3), (5,)], {"pads": (1, 1, 1, 1)}),
}


@pytest.mark.parametrize("case", CONVS)
def test_conv(builder, check, case):
    shape, weights, attrs = CONVS[case]
    one_op(builder, check, "Conv", shape, weights, attrs)


def test_conv_many_ciphertexts_really_takes_many(builder, check):
    shape, weights, attrs = CONVS["many ciphertexts"]
    lowered = one_op(builder, check, "Conv", shape, weights, attrs)
    step = next(op for op in lowered.ops if op.name == "he.linear")
    assert len({t[0] for t in step.attrs["terms"]}) > 1
    assert len({t[1] for t in step.attrs["terms"]}) > 1


@pytest.mark.parametrize("batch", [2, 3, 8])
def test_conv_batch(builder, check, batch):
    one_op(builder, check, "Conv", (batch, 2, 6, 6), [(3, 2, 3, 3), (3,)], {"pads": (1, 1, 1, 1)}, batch)


def test_batch_in_groups(builder, check):
    lowered = one_op(builder, check, "Conv", (6, 1, 40, 40), [(2, 1, 3, 3)], {}, 6)
    enter = lowered.ops[0]
    assert enter.attrs["layout_digits"][0][0] > 1, "the batch should need several groups of ciphertexts"


@pytest.mark.parametrize(
    ("shape", "weights", "attrs"),
    [
        ((1, 12), [(12, 5), (5,)], {}),
        ((4, 12), [(5, 12), (5,)], {"transB": 1, "alpha": 0.5, "beta": 2.0}),
        ((1, 200), [(10, 200), (1, 10)], {"transB": 1}),
        ((1, 6), [(64, 6)], {"transB": 1}),
        ((6, 4), [(6, 5)], {"transA": 1}),
    ],
)
def test_gemm(builder, check, shape, weights, attrs):
    batch = 1 if attrs.get("transA") else shape[0]
    one_op(builder, check, "Gemm", shape, weights, attrs, batch)


@pytest.mark.parametrize(
    ("shape", "weight"), [((1, 20), (20, 7)), ((3, 5, 4), (4, 6)), ((2, 3, 5, 4), (3, 4, 2)), ((3, 8), (8,))]
)
@pytest.mark.parametrize("batched", [False, True])
def test_matmul(builder, check, shape, weight, batched):
    one_op(builder, check, "MatMul", shape, [weight], {}, shape[0] if batched else 1)


def test_matmul_constant_on_the_left(builder, check):
    x, w = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(5, 4))
    b = builder((2, 4, 3), 2)
    b.op("MatMul", [b.weight(w), b.last], (2, 5, 3))
    check(b.module(), x, w @ x)


@pytest.mark.parametrize(
    "attrs",
    [
        {"kernel_shape": (2, 2), "strides": (2, 2)},
        {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (1, 1, 1, 1)},
        {"kernel_shape": (3, 3), "pads": (1, 1, 1, 1), "count_include_pad": 1},
        {"kernel_shape": (3, 2), "strides": (2, 3), "ceil_mode": 1},
    ],
)
def test_average_pool(builder, check, attrs):
    one_op(builder, check, "AveragePool", (1, 3, 8, 8), [], attrs)


def test_global_average_pool(builder, check):
    one_op(builder, check, "GlobalAveragePool", (2, 3, 5, 5), [], {}, 2)


@pytest.mark.parametrize("name", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("shape", [(), (3, 1, 1), (1, 3, 4, 4)])
def test_elementwise_with_constant(builder, check, name, shape):
    one_op(builder, check, name, (2, 3, 4, 4), [shape], {}, 2)


@pytest.mark.parametrize("name", ["ReduceMean", "ReduceSum"])
def test_reduce(builder, check, name):
    x = RNG.normal(size=(2, 3, 4, 5))
    b = builder(x.shape, 2)
    b.op(name, [b.last], (2, 3, 1), {"axes": (2, 3), "keepdims": 0})
    f = np.mean if name == "ReduceMean" else np.sum
    check(b.module(), x, f(x, axis=(2, 3))[..., None])


def test_constant_minus_value(builder, check):
    x, c = RNG.normal(size=(1, 6)), RNG.normal(size=(6,))
    b = builder(x.shape)
    b.op("Sub", [b.weight(c), b.last], x.shape)
    check(b.module(), x, c - x)


def test_residual(builder, check):
    x = RNG.normal(size=(1, 4, 6, 6))
    w = [RNG.normal(size=(4, 4, 3, 3)) for _ in range(2)]
    attrs = {"pads": (1, 1, 1, 1)}
    b = builder(x.shape)
    h0 = b.op("Conv", [b.last, b.weight(w[0])], x.shape, attrs)
    h1 = b.op("Mul", [h0, h0], x.shape)
    h2 = b.op("Conv", [h1, b.weight(w[1])], x.shape, attrs)
    b.op("Add", [h2, h0], x.shape)
    r0 = reference("Conv", x, [w[0]], attrs, None)
    lowered = check(b.module(), x, reference("Conv", r0 * r0, [w[1]], attrs, None) + r0)
    assert [op.name for op in lowered.ops].count("he.linear") == 2, "the branches should meet at the same places"
    assert "he.drop" in [op.name for op in lowered.ops]


def test_operands_at_different_places_are_realigned(builder, check):
    x, w = RNG.normal(size=(1, 4, 4)), RNG.normal(size=(16, 16))
    b = builder(x.shape)
    x0 = b.last
    t = b.op("Transpose", [x0], (1, 4, 4), {"perm": (0, 2, 1)})
    b.op("Mul", [x0, t], (1, 4, 4))
    flat = b.op("Reshape", [b.last], (1, 16), {"shape": (1, 16)})
    b.op("MatMul", [flat, b.weight(w)], (1, 16))
    check(b.module(), x, (x * x.transpose(0, 2, 1)).reshape(1, 16) @ w)


def test_broadcast_of_two_secrets(builder, check):
    x = RNG.normal(size=(2, 3, 4))
    b = builder(x.shape, 2)
    x0 = b.last
    m = b.op("ReduceMean", [x0], (2, 3, 1), {"axes": (2,), "keepdims": 1})
    b.op("Sub", [x0, m], x.shape)
    check(b.module(), x, x - x.mean(axis=2, keepdims=True))


@pytest.mark.parametrize("domain", [(-1.0, 1.0), (-3.0, 5.0)])
def test_polynomial(builder, check, domain):
    lo, hi = domain
    x = RNG.uniform(lo, hi, size=(2, 10))
    coefficients = (0.1, -0.4, 0.3, 0.2, 0.05)
    b = builder(x.shape, 2)
    b.op("Polynomial", [b.last], x.shape, {"coefficients": coefficients, "lo": lo, "hi": hi})
    expected = np.polynomial.chebyshev.chebval((2 * x - lo - hi) / (hi - lo), coefficients)
    lowered = check(b.module(), x, expected)
    assert lowered.attrs["he.top_level"] == 1 + 3 + (domain != (-1.0, 1.0))


@pytest.mark.parametrize(
    ("coefficients", "step", "levels"),
    [((0.5, 1.0, 0.25), "he.square", 1), ((0.5, 1.0, 0.25, 0.1), "he.polynomial", 2)],
)
def test_polynomial_range_goes_into_the_layer_before(builder, check, coefficients, step, levels):
    """Of degree 2, the polynomial becomes a square, which takes one level and not two."""
    x, w, c = RNG.normal(size=(1, 10)), RNG.normal(size=(10, 6)), RNG.normal(size=(6,))
    b = builder(x.shape)
    b.op("Gemm", [b.last, b.weight(w), b.weight(c)], (1, 6))
    b.op("Polynomial", [b.last], (1, 6), {"coefficients": coefficients, "lo": -9.0, "hi": 11.0})
    expected = np.polynomial.chebyshev.chebval((2 * (x @ w + c) - 2) / 20, coefficients)
    module = b.module()
    coarse = replace(module, attrs={**module.attrs, "he.error": 2.0**-4})  # a finer result takes more levels
    lowered = check(coarse, x, expected)
    assert [op.name for op in lowered.ops[1:-1]] == ["he.linear", step]
    assert lowered.attrs["he.top_level"] == lowered.ops[-1].attrs["level"] + levels


MOVES = {
    "transpose": ("Transpose", {"perm": (0, 3, 1, 2)}, lambda x: x.transpose(0, 3, 1, 2)),
    "slice": (
        "Slice",
        {"starts": (1, 0), "ends": (9, 3), "axes": (1, 3), "steps": (2, 1)},
        lambda x: x[:, 1:9:2, :, :3],
    ),
    "backwards": ("Slice", {"starts": (-1,), "ends": (-99,), "axes": (2,), "steps": (-1,)}, lambda x: x[:, :, ::-1]),
    "pad": (
        "Pad",
        {"pads": (0, 1, 0, 0, 0, 0, 2, 1), "value": 0.5},
        lambda x: np.pad(x, ((0, 0), (1, 0), (0, 2), (0, 1)), constant_values=0.5),
    ),
    "reflect": (
        "Pad",
        {"pads": (0, 0, 1, 1, 0, 0, 1, 1), "mode": "reflect"},
        lambda x: np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect"),
    ),
    "flatten": ("Reshape", {"shape": (2, 60)}, lambda x: x.reshape(2, -1)),
}


@pytest.mark.parametrize("case", MOVES)
@pytest.mark.parametrize("dense_after", [False, True])
def test_movement(builder, check, case, dense_after):
    name, attrs, f = MOVES[case]
    x = RNG.normal(size=(2, 3, 4, 5))
    b = builder(x.shape, 2)
    expected = f(x)
    b.op(name, [b.last], expected.shape, attrs)
    if dense_after:
        w = RNG.normal(size=(expected[0].size, 3))
        b.op("Reshape", [b.last], (2, expected[0].size), {"shape": (2, -1)})
        b.op("MatMul", [b.last, b.weight(w)], (2, 3))
        expected = expected.reshape(2, -1) @ w
    check(b.module(), x, expected)


def test_movement_is_free_where_the_layout_can_say_it(builder, check):
    x = RNG.normal(size=(1, 3, 4, 5))
    b = builder(x.shape)
    b.op("Transpose", [b.last], (1, 5, 3, 4), {"perm": (0, 3, 1, 2)})
    b.op("Slice", [b.last], (1, 2, 3, 4), {"starts": (1,), "ends": (5,), "axes": (1,), "steps": (2,)})
    b.op("Reshape", [b.last], (1, 24), {"shape": (1, 24)})
    lowered = check(b.module(), x, x.transpose(0, 3, 1, 2)[:, 1:5:2].reshape(1, 24))
    assert {op.name for op in lowered.ops} == {"convert.client_to_he", "he.view", "convert.he_to_mpc"}


def test_concat(builder, check):
    x, c = RNG.normal(size=(2, 3, 4)), RNG.normal(size=(1, 2, 4))
    b = builder(x.shape, 2)
    x0 = b.last
    y = b.op("Mul", [x0, x0], x.shape)
    b.op("Concat", [x0, b.weight(np.repeat(c, 1, 0)), y], (2, 8, 4), {"axis": 1})
    expected = np.concatenate([x, np.repeat(c, 2, 0), x * x], axis=1)
    check(b.module(), x, expected)


def test_batch_normalization(builder, check):
    x = RNG.normal(size=(1, 3, 4, 4))
    s, m, d = RNG.normal(size=(3, 3))
    v = RNG.uniform(0.5, 2, size=3)
    b = builder(x.shape)
    b.op("BatchNormalization", [b.last, *map(b.weight, (s, m, d, v))], x.shape, {"epsilon": 1e-3})
    c = (slice(None), None, None)
    check(b.module(), x, (x - d[c]) / np.sqrt(v + 1e-3)[c] * s[c] + m[c])


def test_linear_chains_merge(builder, check):
    """Conv, pool, flatten, dense, scale and shift without anything between them take one level."""
    x = RNG.normal(size=(1, 1, 8, 8))
    w, d = RNG.normal(size=(2, 1, 3, 3)), RNG.normal(size=(18, 4))
    b = builder(x.shape)
    b.op("Conv", [b.last, b.weight(w)], (1, 2, 6, 6))
    b.op("AveragePool", [b.last], (1, 2, 3, 3), {"kernel_shape": (2, 2), "strides": (2, 2)})
    b.op("Reshape", [b.last], (1, 18), {"shape": (1, 18)})
    b.op("MatMul", [b.last, b.weight(d)], (1, 4))
    b.op("Add", [b.last, b.weight([1.0, 2.0, 3.0, 4.0])], (1, 4))
    h = reference("Conv", x, [w], {}, None)
    h = h.reshape(1, 2, 3, 2, 3, 2).mean(axis=(3, 5)).reshape(1, 18) @ d + [1, 2, 3, 4]
    lowered = check(b.module(), x, h)
    assert [op.name for op in lowered.ops] == ["convert.client_to_he", "he.linear", "convert.he_to_mpc"]
    assert set(lowered.values) == {"x", "v0", "v5", "v6"}


def conv_square_dense(builder, w, d):
    b = builder((1, 1, 8, 8))
    b.op("Conv", [b.last, b.weight(w)], (1, 2, 6, 6))
    b.op("Mul", [b.last, b.last], (1, 2, 6, 6))
    b.op("Reshape", [b.last], (1, 72), {"shape": (1, 72)})
    b.op("MatMul", [b.last, b.weight(d)], (1, 5))
    return lower_he(b.module())


def test_plan_does_not_depend_on_weights_of_equal_norm(builder):
    """Which weights are zero is not to be seen; the norm of a layer is (it decides how precise the scales must be)."""
    rng = np.random.default_rng(1)
    w, d = rng.normal(size=(2, 1, 3, 3)), rng.normal(size=(72, 5))
    w[1], d[:, 4] = 3 * w[1], 3 * d[:, 4]  # the rows of the largest norm and weight
    sparse_w, sparse_d = w.copy(), d.copy()
    sparse_w[0], sparse_d[:, :4], sparse_w[1, 0] = 0.0, 0.0, -w[1, 0, ::-1]
    one, two = conv_square_dense(builder, w, d), conv_square_dense(builder, sparse_w, sparse_d)
    assert one.ops == two.ops
    assert one.attrs == two.attrs


def test_structure_does_not_depend_on_weights_at_all(builder):
    rng = np.random.default_rng(1)
    w, d = rng.normal(size=(2, 1, 3, 3)), rng.normal(size=(72, 5))
    one = conv_square_dense(builder, w, d)
    sparse_w, sparse_d = w.copy(), d.copy()
    sparse_w[0], sparse_d[::2] = 0.0, 0.0
    two = conv_square_dense(builder, sparse_w, sparse_d)
    precision = {"level", "out_level", "scale", "weight_scale"}

    def structure(module):
        steps = [(op.name, {k: v for k, v in op.attrs.items() if k not in precision}) for op in module.ops]
        return [s for s in steps if s[0] not in ("he.drop", "he.upscale")]

    assert structure(one) == structure(two)


def test_other_domains_stay(builder):
    from ppc.ir.types import Domain

    b = builder((1, 4))
    b.op("Neg", [b.last], (1, 4))
    b.op("convert.he_to_mpc", [b.last], (1, 4), {}, Domain.MPC)
    relu = b.op("Relu", [b.last], (1, 4), {}, Domain.MPC)
    b.op("convert.mpc_to_he", [relu], (1, 4))
    b.op("MatMul", [b.last, b.weight(np.eye(4))], (1, 4))
    lowered = lower_he(b.module())
    names = [op.name for op in lowered.ops]
    assert names[2:5] == ["convert.he_to_mpc", "Relu", "convert.mpc_to_he"]
    assert lowered.outputs == ("v6",)
    # both maps are the last before shares, which leave at level 1: neither takes a prime
    assert all(op.attrs["level"] == 1 for op in lowered.ops if op.name.endswith("to_he"))


def test_labels_of_emitted_constants(builder):
    from ppc.ir.label import Label

    b = builder((1, 4))
    b.op("MatMul", [b.last, b.weight(np.eye(4))], (1, 4))
    lowered = lower_he(b.module())
    assert set(lowered.constants) == {"@node1.diagonals", "@node1.bias"}
    assert {c.label for c in lowered.constants.values()} == {Label.secret("server")}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("size", "window", "stride", "pad"), [(8, 2, 1, 0), (12, 4, 1, 1), (9, 2, 2, 1)])
def test_pool_before_convolution_takes_no_level_and_few_products(builder, check, batch, size, window, stride, pad):
    x = RNG.normal(size=(batch, 2, size, size))
    w = RNG.normal(size=(3, 2, 3, 3))
    pool = {"kernel_shape": (window, window), "strides": (window, window)}
    attrs = {"strides": (stride, stride), "pads": (pad,) * 4}
    pooled = reference("AveragePool", x * x, [], pool, None)
    expected = reference("Conv", pooled, [w], attrs, None)
    b = builder(x.shape, batch)
    b.op("Mul", [b.last, b.last], x.shape)
    b.op("AveragePool", [b.last], pooled.shape, pool)
    b.op("Conv", [b.last, b.weight(w)], expected.shape, attrs)
    lowered = check(b.module(), x, expected)
    (step,) = (op for op in lowered.ops if op.name == "he.linear")
    assert len(step.attrs["terms"]) <= 9 * 4 * 2


def test_a_mask_belongs_to_the_owner_of_its_nodes_weights(builder):
    """It stands at the node's place in the plan, where nobody tells it from the weights (PPC2020)."""
    b = builder((1, 64))
    curve = {"coefficients": (0.1,) * 16, "lo": -1.0, "hi": 1.0}
    for rows, columns in ((64, 12), (12, 40)):
        b.op("MatMul", [b.last, b.weight(RNG.normal(size=(rows, columns)))], (1, columns))
        b.op("Polynomial", [b.last], (1, columns), curve)
    b.op("MatMul", [b.last, b.weight(RNG.normal(size=(40, 10)))], (1, 10))
    module = b.module()
    lowered = lower_he(replace(module, attrs={**module.attrs, "he.error": 2.0}))
    assert any(op.results[0].endswith(".unmasked") for op in lowered.ops if op.results), "a mask is the case at hand"
    made = {str(c.label) for name, c in lowered.constants.items() if name not in module.constants}
    assert made == {"secret[server]"}
