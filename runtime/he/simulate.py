"""The `he.*` steps on slot vectors: the clear mode (exact float64) and the simulate mode (with a noise model).

Same names and attributes as `ppc.runtime.he.steps`; `Value.data` is a float array of shape (ciphertexts, slots), and
`session.engines["he"]` a `SlotEngine`. These functions share no code with the ciphertext steps but the reading of
attributes, so that each can be the other's test; the polynomial with noise runs the engine's own recursion.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ppc.runtime import chebyshev as recursion
from ppc.runtime.errors import PartyError
from ppc.runtime.he.attrs import (
    hidden_bits,
    layout_of,
    level_of,
    linear_arrays,
    linear_levels,
    linear_terms,
    polynomial_attrs,
    scale_of,
    sums_of,
)
from ppc.runtime.he.noise import NoiseModel
from ppc.runtime.party import Session, Step
from ppc.runtime.schema import FRACTION_BITS
from ppc.runtime.value import Value, Weight

Slots = NDArray[np.float64]


@dataclass
class SlotEngine:
    """`noise` is None in the clear mode."""

    noise: NoiseModel | None = None


def slot_engine(session: Session) -> SlotEngine:
    engine = session.engines.setdefault("he", SlotEngine())
    if not isinstance(engine, SlotEngine):
        raise PartyError("PPC6006", "a session holds HE keys where it should only simulate")
    return engine


def client_to_he(session: Session, step: Step, x: Value) -> Value:
    """attrs: scale, layout."""
    layout, noise, scale = layout_of(step.attrs, "layout"), slot_engine(session).noise, scale_of(step)
    slots = layout.pack(x.data)
    if noise is not None:
        slots = slots + noise.fresh(slots.shape, scale)
    return Value("he", step.shape, slots, layout, scale)


def he_to_client(session: Session, step: Step, x: Value) -> Value:
    """attrs: layout, scale, sums, privacy, flood_bits. No range check: this mode is there to look at ranges."""
    layout, noise = layout_of(step.attrs, "layout"), slot_engine(session).noise
    slots = _summed(x.data, sums_of(step, "sums"))
    if noise is not None and step.attrs.get("privacy") == "masking":
        hidden = 2.0 ** (hidden_bits(step) - FRACTION_BITS)
        slots = slots + noise.rng.uniform(-hidden / 2, hidden / 2, slots.shape)
    if noise is not None and step.attrs.get("privacy") == "flooding":
        slots = slots + noise.flood(slots.shape, int(step.attrs["flood_bits"]), scale_of(step))
    return Value("client", step.shape, layout.unpack(slots, step.shape))


def he_to_mpc(session: Session, step: Step, x: Value) -> Value:
    """attrs: layout, sums. In these modes a shared value is one float array; simulated, it has FRACTION_BITS: the two
    floors, of M + R and of R, are as often apart by one more as M is above its own floor."""
    values = layout_of(step.attrs, "layout").unpack(_summed(x.data, sums_of(step, "sums")), step.shape)
    noise = slot_engine(session).noise
    if noise is not None:
        values = np.floor(values * 2.0**FRACTION_BITS + noise.rng.random(values.shape)) / 2.0**FRACTION_BITS
    return Value("mpc", step.shape, values)


def mpc_to_he(session: Session, step: Step, x: Value) -> Value:
    """attrs: scale, layout."""
    return client_to_he(session, step, x)


def linear(session: Session, step: Step, x: Value, diagonals: Weight, bias: Weight | None = None) -> Value:
    """As `steps.linear`, by its definition."""
    noise, (level, out_level), slots = slot_engine(session).noise, linear_levels(step), x.data.shape[1]
    weight_scale, scale = scale_of(step, "weight_scale"), scale_of(step)
    terms, outputs = linear_terms(step, len(x.data))
    rows, offsets = linear_arrays(step, diagonals, bias, len(terms), outputs, slots)
    data = _rotate_and_add(x.data, sums_of(step, "pre"), noise, level, x.scale)
    turned: dict[tuple[int, int], Slots] = {}
    sums: dict[tuple[int, int], Slots] = {}
    for (i, o, baby, giant), row in zip(terms, rows, strict=True):
        if (i, baby) not in turned:
            turned[i, baby] = np.roll(data[i], -baby)
            if noise is not None and baby % slots:
                turned[i, baby] = turned[i, baby] + noise.key_switch((slots,), level, x.scale)
        if noise is not None:
            row = row + noise.encoding((slots,), weight_scale)
        product = turned[i, baby] * row
        sums[o, giant] = sums[o, giant] + product if (o, giant) in sums else product
    out = np.zeros((outputs, slots))
    for (o, giant), total in sums.items():
        out[o] += np.roll(total, -giant)
    out = _rotate_and_add(out, sums_of(step, "post"), noise, level, x.scale * weight_scale)
    if noise is not None and out_level < level:
        out = out + noise.rescale(out.shape, scale)
    return Value("he", step.shape, out + offsets, layout_of(step.attrs, "out_layout"), scale)


def _rotate_and_add(data: Slots, steps: list[int], noise: NoiseModel | None, level: int, scale: float) -> Slots:
    """data += rot(data, s) for each step in turn."""
    for s in steps:
        data = _summed(data, [s])
        if noise is not None:
            data = data + noise.key_switch(data.shape, level, scale)
    return data


def _summed(data: Slots, steps: list[int]) -> Slots:
    """The same without a key switch."""
    for s in steps:
        data = data + np.roll(data, -s, axis=1)
    return data


def polynomial(session: Session, step: Step, x: Value) -> Value:
    """As `steps.polynomial`: by numpy in the clear mode, by the engine's recursion with noise in the other."""
    noise = slot_engine(session).noise
    coefficients, lo, hi, out_level = polynomial_attrs(step)
    if noise is None:
        data = chebyshev.chebval((2 * x.data - lo - hi) / (hi - lo), coefficients)
    else:
        start = Leveled(level_of(step), x.scale, x.data)
        try:
            done = recursion.evaluate(SlotArithmetic(noise), start, coefficients, lo, hi, out_level, scale_of(step))
        except ValueError as e:
            raise PartyError("PPC6006", f"step {step.id} ({step.name}): {e}") from None
        data = done.values
    return Value("he", step.shape, data, x.layout, scale_of(step))


def add(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: scale."""
    return Value("he", step.shape, _taken_as(session, step, x) + _taken_as(session, step, y), x.layout, scale_of(step))


def sub(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: scale."""
    return Value("he", step.shape, _taken_as(session, step, x) - _taken_as(session, step, y), x.layout, scale_of(step))


def mul(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: level (of the operands), scale."""
    return Value("he", step.shape, _product(session, step, x.data * y.data), x.layout, scale_of(step))


def square(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale, negate, plus."""
    data = _product(session, step, x.data**2)
    data = (-data if step.attrs.get("negate", False) else data) + float(step.attrs.get("plus", 0.0))
    return Value("he", step.shape, data, x.layout, scale_of(step))


def upscale(session: Session, step: Step, x: Value) -> Value:
    """attrs: scale."""
    return Value("he", step.shape, x.data, x.layout, scale_of(step))


def drop(session: Session, step: Step, x: Value) -> Value:
    """A value of its own: what `x` holds is let go after its last step, which may be before that of the result."""
    return Value("he", step.shape, x.data, x.layout, x.scale)


def view(session: Session, step: Step, x: Value) -> Value:
    return Value("he", step.shape, x.data, layout_of(step.attrs, "out_layout"), x.scale)


def _product(session: Session, step: Step, data: Slots) -> Slots:
    noise = slot_engine(session).noise
    return data if noise is None else data + noise.product(data.shape, level_of(step), scale_of(step))


def _taken_as(session: Session, step: Step, x: Value) -> Slots:
    """What an operand of a sum becomes where its scale is not quite the result's (`vector.taken_as`)."""
    data: Slots = x.data
    return data if slot_engine(session).noise is None else data * (x.scale / scale_of(step))


@dataclass(frozen=True, slots=True)
class Leveled:
    """Slot values with the level and scale that a ciphertext would have."""

    level: int
    scale: float
    values: Slots


class SlotArithmetic:
    """The arithmetic of `ppc.runtime.chebyshev` on slot vectors with noise."""

    def __init__(self, noise: NoiseModel):
        self._noise = noise

    def level(self, a: Leveled) -> int:
        return a.level

    def scale(self, a: Leveled) -> float:
        return a.scale

    def prime(self, level: int) -> float:
        return float(self._noise.chain.primes[level])

    def times(self, a: Leveled, number: float, level: int, scale: float) -> Leveled | None:
        ratio = scale / a.scale
        if abs(number * ratio) < 0.5:
            return None
        return Leveled(level, scale, a.values * (round(number * ratio) / ratio))

    def product(self, a: Leveled, b: Leveled) -> Leveled:
        return Leveled(min(a.level, b.level), a.scale * b.scale, a.values * b.values)

    def add(self, a: Leveled, b: Leveled) -> Leveled:
        return Leveled(a.level, a.scale, a.values + b.values)

    def add_number(self, a: Leveled, number: float) -> Leveled:
        return Leveled(a.level, a.scale, a.values + number)

    def finish(self, raw: Leveled, scale: float) -> Leveled:
        error: Any = self._noise.coefficients(raw.values.shape, self._noise.finish_std(raw.level), scale)
        return Leveled(raw.level - 1, scale, raw.values + error)

    def zero(self, level: int, scale: float) -> Leveled:
        return Leveled(level, scale, np.zeros((1, self._noise.slots)))
