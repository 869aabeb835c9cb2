"""The `he.batch_*` steps on slot vectors: the clear mode (exact float64) and the simulate mode (with a noise model).

Same names and attributes as `ppc.runtime.he.batch_steps`; `Value.data` is a float array of shape (elements, slots).
Beside the noise of rescaling, the simulate mode has the error of the integer weights.
"""

from math import sqrt

import numpy as np

from ppc.runtime.he.attrs import level_of, scale_of
from ppc.runtime.he.batch_attrs import batch_layout, blocks_of, linear_weights
from ppc.runtime.he.simulate import Slots, slot_engine
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight


def linear(session: Session, step: Step, x: Value, weights: Weight, bias: Weight | None = None) -> Value:
    """As `batch_steps.linear`, block by block."""
    slots, blocks = x.data.shape[1], blocks_of(step)
    layout = batch_layout(step, slots, "out_layout")
    entries, offsets = linear_weights(step, weights, bias, blocks, layout.elements)
    if slot_engine(session).noise is not None:
        factor = scale_of(step, "weight_scale")
        entries = np.rint(entries * factor) / factor
    groups, at = x.data.reshape(layout.groups, -1, slots), 0
    out = np.zeros((layout.groups, layout.elements, slots))
    for rows, cols in blocks:
        size = len(rows) * len(cols)
        out[:, list(rows)] = entries[at : at + size].reshape(len(rows), len(cols)) @ groups[:, list(cols)]
        at += size
    out += offsets[:, None]
    return Value("he", step.shape, out.reshape(-1, slots), layout.layout)


def square(session: Session, step: Step, x: Value) -> Value:
    return Value("he", step.shape, x.data**2, x.layout)


def mul(session: Session, step: Step, x: Value, y: Value) -> Value:
    return Value("he", step.shape, x.data * y.data, x.layout)


def add(session: Session, step: Step, x: Value, y: Value) -> Value:
    return Value("he", step.shape, x.data + y.data, x.layout)


def sub(session: Session, step: Step, x: Value, y: Value) -> Value:
    return Value("he", step.shape, x.data - y.data, x.layout)


def drop(session: Session, step: Step, x: Value) -> Value:
    return Value("he", step.shape, x.data, x.layout)


def rescale(session: Session, step: Step, x: Value) -> Value:
    """The key switch's error in units of the operand's scale, and the rounding of the last division."""
    noise, data = slot_engine(session).noise, x.data
    if noise is not None:
        level, out_level, scale = level_of(step), level_of(step, "out_level"), scale_of(step)
        divided = float(np.prod([float(q) for q in noise.chain.primes[out_level + 1 : level + 1]]))
        rounding = noise.rounding_std if level > out_level else 0.0
        std = sqrt((noise.key_switch_std(level) / divided) ** 2 + rounding**2)
        error: Slots = noise.coefficients(data.shape, std, scale)
        data = data + error
    return Value("he", step.shape, data, x.layout)
