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

from ppc.runtime.errors import PartyError
from ppc.runtime.he import polynomial as recursion
from ppc.runtime.he.attrs import layout_of, level_of, linear_arrays, linear_terms, polynomial_attrs, scale_of
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
    """attrs: level, layout, scale."""
    layout, noise = layout_of(step.attrs, "layout"), slot_engine(session).noise
    slots = layout.pack(x.data)
    if noise is not None:
        slots = slots + noise.fresh(slots.shape, scale_of(step, noise.chain, level_of(step)))
    return Value("he", step.shape, slots, layout)


def he_to_client(session: Session, step: Step, x: Value) -> Value:
    """attrs: layout, level, privacy, flood_bits. No range check: this mode is there to look at ranges."""
    layout, noise = layout_of(step.attrs, "layout"), slot_engine(session).noise
    slots = x.data
    if noise is not None and step.attrs.get("privacy") == "flooding":
        scale = scale_of(step, noise.chain, level_of(step))
        slots = slots + noise.flood(slots.shape, scale, int(step.attrs["flood_bits"]))
    return Value("client", step.shape, layout.unpack(slots, step.shape))


def he_to_mpc(session: Session, step: Step, x: Value) -> Value:
    """attrs: layout. In these modes a shared value is one float array; simulated, it has FRACTION_BITS."""
    values = layout_of(step.attrs, "layout").unpack(x.data, step.shape)
    if slot_engine(session).noise is not None:
        values = np.floor(values * 2.0**FRACTION_BITS) / 2.0**FRACTION_BITS
    return Value("mpc", step.shape, values)


def mpc_to_he(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, layout."""
    return client_to_he(session, step, x)


def linear(session: Session, step: Step, x: Value, diagonals: Weight, bias: Weight | None = None) -> Value:
    """As `steps.linear`, by its definition."""
    noise, level, slots = slot_engine(session).noise, level_of(step), x.data.shape[1]
    terms, outputs = linear_terms(step, len(x.data))
    rows, offsets = linear_arrays(step, diagonals, bias, len(terms), outputs, slots)
    turned: dict[tuple[int, int], Slots] = {}
    sums: dict[tuple[int, int], Slots] = {}
    for (i, o, baby, giant), row in zip(terms, rows, strict=True):
        if (i, baby) not in turned:
            turned[i, baby] = np.roll(x.data[i], -baby)
            if noise is not None and baby % slots:
                turned[i, baby] = turned[i, baby] + noise.key_switch((slots,), level)
        if noise is not None:
            row = row + noise.encoding((slots,), level)
        product = turned[i, baby] * row
        sums[o, giant] = sums[o, giant] + product if (o, giant) in sums else product
    out = np.zeros((outputs, slots))
    for (o, giant), total in sums.items():
        out[o] += np.roll(total, -giant)
    for s in step.attrs.get("post", ()):
        out = out + np.roll(out, -int(s), axis=1)
    if noise is not None:
        out = out + noise.rescale(out.shape, level - 1)
    return Value("he", step.shape, out + offsets, layout_of(step.attrs, "out_layout"))


def polynomial(session: Session, step: Step, x: Value) -> Value:
    """As `steps.polynomial`: by numpy in the clear mode, by the engine's recursion with noise in the other."""
    noise = slot_engine(session).noise
    coefficients, lo, hi, out_level = polynomial_attrs(step)
    if noise is None:
        data = chebyshev.chebval((2 * x.data - lo - hi) / (hi - lo), coefficients)
    else:
        arithmetic, level, scales = SlotArithmetic(noise), level_of(step), noise.chain.scales
        start = Leveled(level, scales[level], x.data)
        try:
            done = recursion.evaluate(arithmetic, start, coefficients, lo, hi, out_level, scales[out_level])
        except ValueError as e:
            raise PartyError("PPC6006", f"step {step.id} ({step.name}): {e}") from None
        data = done.values
    return Value("he", step.shape, data, x.layout)


def add(session: Session, step: Step, x: Value, y: Value) -> Value:
    return Value("he", step.shape, x.data + y.data, x.layout)


def sub(session: Session, step: Step, x: Value, y: Value) -> Value:
    return Value("he", step.shape, x.data - y.data, x.layout)


def mul(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: level (of the operands) where the plan gives it; scales differ little between levels."""
    noise, data = slot_engine(session).noise, x.data * y.data
    if noise is not None:
        data = data + noise.product(data.shape, int(step.attrs.get("level", noise.chain.top)))
    return Value("he", step.shape, data, x.layout)


def drop(session: Session, step: Step, x: Value) -> Value:
    noise, data = slot_engine(session).noise, x.data
    if noise is not None:
        data = data + noise.rescale(data.shape, level_of(step))
    return Value("he", step.shape, data, x.layout)


def view(session: Session, step: Step, x: Value) -> Value:
    return Value("he", step.shape, x.data, layout_of(step.attrs, "out_layout"))


@dataclass(frozen=True, slots=True)
class Leveled:
    """Slot values with the level and scale that a ciphertext would have."""

    level: int
    scale: float
    values: Slots


class SlotArithmetic:
    """The arithmetic of `ppc.runtime.he.polynomial` on slot vectors with noise."""

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
