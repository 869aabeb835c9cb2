"""The same network through TenSEAL's own interface: one `CKKSVector`, `mm` for every linear layer, `square` between.

That is how TenSEAL's tutorials write a network. Layers that are linear are taken as one matrix, convolutions and pools
included, which is the shortest such program.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import tenseal as ts
from numpy.typing import NDArray

from ppc.compiler.frontend.onnx_import import import_model
from ppc.ir.interpret import interpret
from ppc.ir.module import Module, Op
from ppc.passes.fold import Fold
from ppc.runtime.levels import MAX_MODULUS_BITS
from ppc.targets.prices import Prices

#: Bits of the scale and of the primes between the outer two, which have some more: those of TenSEAL's tutorials.
SCALE, OUTER = 30, 40


@dataclass(frozen=True)
class Layer:
    """y = x @ matrix + bias; then squared, but for the last."""

    matrix: NDArray[np.float64]
    bias: NDArray[np.float64]


def measure(model: Path, sample: NDArray[np.float32], seconds: float) -> dict[str, Any]:
    """CPU times of one sample and the error; what it would take where that is more than `seconds`."""
    layers = chain(model)
    levels = 2 * len(layers) - 1
    bits = [OUTER, *[SCALE] * levels, OUTER]
    degree = next(d for d, most in MAX_MODULUS_BITS.items() if sum(bits) <= most and d >= 2 * _slots(layers))
    found = {"degree": degree, "levels": levels, "estimated_s": _estimate(layers, degree)}
    if found["estimated_s"] > seconds:
        return {**found, "skipped": f"estimated at more than {seconds:.0f} s"}
    start = process_time()
    context = ts.context(ts.SCHEME_TYPE.CKKS, degree, coeff_mod_bit_sizes=bits, n_threads=1)
    context.global_scale = 2.0**SCALE
    context.generate_galois_keys()
    setup = process_time() - start
    start = process_time()
    x = ts.ckks_vector(context, sample.reshape(-1).astype(float).tolist())
    encrypted = process_time() - start
    start = process_time()
    y = x
    for i, layer in enumerate(layers):
        y = y.mm(layer.matrix.tolist()) + layer.bias.tolist()
        if i + 1 < len(layers):
            y = y.square()
    server = process_time() - start
    start = process_time()
    result = np.array(y.decrypt())
    client = encrypted + process_time() - start
    want = reference(layers, sample.reshape(-1).astype(np.float64))
    error = float(np.abs(result - want).max())
    return {**found, "server_s": server, "client_s": client, "setup_s": setup, "max_err": error}


def reference(layers: list[Layer], x: NDArray[np.float64]) -> NDArray[np.float64]:
    for i, layer in enumerate(layers):
        x = x @ layer.matrix + layer.bias
        x = x if i + 1 == len(layers) else x**2
    return x


def chain(model: Path) -> list[Layer]:
    """The layers of a network of linear operators and squares. Raises ValueError for any other."""
    module = Fold()(import_model(model))
    layers, start, pending = list[Layer](), module.inputs[0], list[Op]()
    for op in module.ops:
        if _square(op):
            layers.append(_layer(module, start, op.operands[0], pending))
            start, pending = op.results[0], []
        else:
            pending.append(op)
    return [*layers, _layer(module, start, module.outputs[0], pending)]


def _square(op: Op) -> bool:
    return (op.name == "Mul" and op.operands[0] == op.operands[1]) or (
        op.name == "Pow" and op.attrs.get("exponent") == 2
    )


def _layer(module: Module, start: str, end: str, ops: list[Op]) -> Layer:
    """The matrix of some operators: their answers to the unit vectors."""
    part = replace(module, inputs=(start,), outputs=(end,), ops=tuple(ops))
    shape = module.type_of(start).shape
    size = int(np.prod(shape))

    def at(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(interpret(part, {start: x.reshape(shape)})[end], np.float64).reshape(-1)

    bias = at(np.zeros(size))
    matrix = np.array([at(row) - bias for row in np.eye(size)])
    probe = np.random.default_rng(1).normal(size=size)
    if not np.allclose(at(probe), probe @ matrix + bias, atol=1e-6):
        raise ValueError(f"what leads to {end!r} is not linear: TenSEAL's mm cannot run it")
    return Layer(matrix, bias)


def _slots(layers: list[Layer]) -> int:
    return max(max(layer.matrix.shape) for layer in layers)


def _estimate(layers: list[Layer], degree: int) -> float:
    """`mm` rotates once for each row of the matrix, and encodes and multiplies a diagonal."""
    he, level, total = Prices.shipped().he, 2 * len(layers) - 1, 0.0
    for layer in layers:
        each = (he.at(name, degree, level) for name in ("rotate", "multiply_plain", "encode"))
        total += layer.matrix.shape[0] * sum(each)
        level -= 2
    return total
