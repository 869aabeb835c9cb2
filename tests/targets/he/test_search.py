"""The layout search finds what was once worked out by hand for known networks, at the same ring degree."""

import numpy as np
import pytest

from ppc.targets.he.graph import build
from ppc.targets.he.levels import plan_levels
from ppc.targets.he.merge import merge
from ppc.targets.he.packing import Batching
from ppc.targets.he.primitives import ciphertext_bytes
from ppc.targets.he.sample import Samples
from ppc.targets.he.select import TRANSFER, Search, upload
from ppc.targets.prices import Prices

RNG = np.random.default_rng(17)


def conv(b, out, weight, **attrs):
    b.op("Conv", [b.last, b.weight(RNG.normal(size=weight)), b.weight(RNG.normal(size=out[1]))], out, attrs)


def dense(b, rows, columns):
    b.op("Gemm", [b.last, b.weight(RNG.normal(size=(rows, columns)))], (1, rows), {"transB": 1})


def square(b):
    b.op("Mul", [b.last, b.last], b.values[b.last].type.shape)


def pool(b):
    _, c, h, w = b.values[b.last].type.shape
    b.op("AveragePool", [b.last], (1, c, h // 2, w // 2), {"kernel_shape": (2, 2), "strides": (2, 2)})


def flatten(b):
    size = int(np.prod(b.values[b.last].type.shape))
    b.op("Reshape", [b.last], (1, size), {"shape": (1, size)})


def logistic(builder):
    b = builder((1, 30))
    dense(b, 1, 30)
    return b


def perceptron(builder):
    b = builder((1, 64))
    dense(b, 32, 64)
    square(b)
    dense(b, 10, 32)
    return b


def cryptonets(builder):
    b = builder((1, 1, 28, 28))
    conv(b, (1, 5, 13, 13), (5, 1, 5, 5), strides=(2, 2), pads=(1, 1, 1, 1))
    square(b)
    flatten(b)
    dense(b, 100, 845)
    square(b)
    dense(b, 10, 100)
    return b


def lenet(builder):
    b = builder((1, 1, 28, 28))
    conv(b, (1, 6, 28, 28), (6, 1, 5, 5), pads=(2, 2, 2, 2))
    square(b)
    pool(b)
    conv(b, (1, 16, 10, 10), (16, 6, 5, 5))
    square(b)
    pool(b)
    flatten(b)
    for rows, columns in ((120, 400), (84, 120)):
        dense(b, rows, columns)
        square(b)
    dense(b, 10, 84)
    return b


#: degree, ciphertexts up, and rotations and products of each layer, worked out by hand.
NETS = {
    "logistic": (logistic, 4096, 1, ((5, 1),)),
    "perceptron": (perceptron, 8192, 1, ((6, 1), (5, 1))),
    "CryptoNets": (cryptonets, 8192, 4, ((8, 25), (15, 32), (7, 1))),
    "LeNet": (lenet, 16384, 1, ((10, 36), (21, 100), (27, 128), (7, 2), (12, 10))),
}


TABLE = Prices.shipped().he


def searched(b, degree):
    module = b.module()
    samples = Samples(module)
    nodes = merge(build(module, samples), frozenset(module.outputs))
    plan = plan_levels(nodes, lambda _: 0)
    level_of = {n.result: level for n, level in zip(nodes, plan.run, strict=True) if n.kind != "leave"}
    level_of[nodes[0].result] = plan.top
    sizes = {n.result: (1.0, 1.0) for n in nodes}  # they matter to scales alone
    batching = Batching.choose(degree // 2, 1, max(samples.size(n.like) for n in nodes))
    return Search(samples, batching, degree, level_of, sizes, frozenset(), TABLE).best(nodes)


@pytest.mark.parametrize("net", NETS)
def test_as_good_as_by_hand(builder, net):
    make, degree, uploads, layers = NETS[net]
    found = searched(make(builder), degree)
    top = len(layers) - 1
    by_hand = uploads * upload(TABLE, degree, top)
    for i, (rotations, products) in enumerate(layers):
        by_hand += TABLE.linear(rotations, products, 1, degree, top - i)
        by_hand += TABLE.square(degree, top - i) if i < top else 0.0
    by_hand += TABLE.exit(10, 1, degree, 1, masked=True) + TRANSFER * ciphertext_bytes(degree, 1)
    counts = [(s.lowered.rotations, s.lowered.products) for s in found.steps if s.lowered is not None]
    assert len(counts) == len(layers)
    assert found.cost <= 1.2 * by_hand, f"{counts}: {found.cost:.4f} s, by hand {by_hand:.4f} s"


def test_the_search_is_the_same_every_time(builder):
    once, again = (searched(cryptonets(builder), 8192) for _ in range(2))
    assert [s.packing for s in once.steps] == [s.packing for s in again.steps]
    terms = [[s.lowered.terms.tolist() for s in found.steps if s.lowered is not None] for found in (once, again)]
    assert terms[0] == terms[1]


def residual(builder):
    """Two convolutions of 8 channels, one of 16 with stride 2 and its shortcut: a ResNet's block."""
    b = builder((1, 8, 16, 16))
    conv(b, (1, 8, 16, 16), (8, 8, 3, 3), pads=(1, 1, 1, 1))
    square(b)
    x = b.last
    conv(b, (1, 16, 8, 8), (16, 8, 3, 3), pads=(1, 1, 1, 1), strides=(2, 2))
    left = b.last
    short = b.op("Conv", [x, b.weight(RNG.normal(size=(16, 8, 1, 1)))], (1, 16, 8, 8), {"strides": (2, 2)})
    b.op("Add", [left, short], (1, 16, 8, 8))
    square(b)
    return b


def test_a_residual_block_stays_multiplexed_and_aligned(builder):
    found = searched(residual(builder), 8192)
    linear = [s for s in found.steps if s.lowered is not None]
    assert len(linear) == 3, "the shortcut should meet the other branch at the same places"
    assert all(s.packing.ciphertexts == 1 for s in linear)
    assert sum(s.lowered.products for s in linear) <= 9 * 8 + 9 * 16 + 16
    assert sum(s.lowered.rotations for s in linear) <= 60


@pytest.mark.parametrize("shape", [(1, 2, 2, 4, 4), (1, 4, 16), (1, 64)])
def test_a_view_may_lie_between_the_entry_and_a_strided_convolution(builder, shape):
    """A shuffle of channels and a signal in rows: the convolution's phases are no phases of what enters."""
    b = builder(shape)
    b.op("Reshape", [b.last], (1, 4, 4, 4), {"shape": (1, 4, 4, 4)})
    conv(b, (1, 3, 2, 2), (3, 4, 3, 3), pads=(1, 1, 1, 1), strides=(2, 2))
    found = searched(b, 4096)
    assert [s.lowered is not None for s in found.steps].count(True) == 1


def test_a_depthwise_convolution_takes_one_product_a_tap(builder):
    b = builder((1, 16, 8, 8))
    conv(b, (1, 16, 8, 8), (16, 1, 3, 3), pads=(1, 1, 1, 1), group=16)
    (step,) = (s for s in searched(b, 8192).steps if s.lowered is not None)
    assert (step.lowered.products, step.lowered.rotations) == (9, 4)


@pytest.mark.parametrize(("size", "dilation"), [(8, 1), (10, 2)])
def test_padding_and_dilation_cost_nothing(builder, size, dilation):
    b = builder((1, 4, size, size))
    pad = (dilation,) * 4
    conv(b, (1, 4, size, size), (4, 4, 3, 3), pads=pad, dilations=(dilation,) * 2)
    (step,) = (s for s in searched(b, 8192).steps if s.lowered is not None)
    assert step.lowered.products <= 9 * 4


def test_an_upload_more_for_a_rotation_less(builder):
    """The server's time counts most: a dense layer's input comes in two ciphertexts, which saves a rotation."""
    found = searched(perceptron(builder), 8192)
    assert [s.packing.ciphertexts for s in found.steps if s.kind == "enter"] == [2]
    assert sum(s.lowered.rotations for s in found.steps if s.lowered is not None) == 10
