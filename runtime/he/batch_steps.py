"""The `he.batch_*` steps, at the server. A batch-packed value has one sample a slot and one ciphertext an element.

Linear steps, sums and products compute nothing yet: a value is a `Pending` (`batch_value`) until a rescale or a
conversion needs it, and the time of the whole chain is that step's. Each step carries `level` (of its operands) and
`scale` (of its result); the engine follows both and stops where the plan says otherwise.
"""

from ppc.runtime.errors import PartyError
from ppc.runtime.he.attrs import level_of, scale_of
from ppc.runtime.he.batch_attrs import batch_layout, blocks_of, linear_weights
from ppc.runtime.he.batch_border import as_held, finish
from ppc.runtime.he.batch_matrix import BlockMatrix
from ppc.runtime.he.batch_value import Affine, Lowered, Pending, Product, Square, Sum
from ppc.runtime.he.context import SCALE_DRIFT
from ppc.runtime.he.state import server_engine
from ppc.runtime.he.steps import refusals_are_plan_errors
from ppc.runtime.layout import Layout
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight


@refusals_are_plan_errors
def linear(session: Session, step: Step, x: Value, weights: Weight, bias: Weight | None = None) -> Value:
    """attrs: level, scale, weight_scale, blocks, out_layout. W x + b, with W·weight_scale rounded to integers."""
    engine, operand = server_engine(session), _operand(step, x)
    out = batch_layout(step, engine.context.slots, "out_layout")
    if out.groups != operand.groups:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) makes {out.groups} groups of {operand.groups}")
    scale = operand.scale * scale_of(step, "weight_scale")
    if step.id not in engine.matrices:
        engine.matrices[step.id] = _affine(step, weights, bias, out.elements, operand.elements, scale)
    matrix, offsets = engine.matrices[step.id]
    affine = Affine((operand,), matrix.outputs, operand.polynomials, scale, matrix, offsets)
    return _value(step, as_held(engine, affine) if step.id in engine.read_again else affine, out.layout)


def _affine(
    step: Step, weights: Weight, bias: Weight | None, outputs: int, inputs: int, scale: float
) -> tuple[BlockMatrix, tuple[int, ...]]:
    """Integer weights, and the bias in units of the result's scale."""
    blocks = blocks_of(step)
    entries, offsets = linear_weights(step, weights, bias, blocks, outputs)
    rounded = (entries * scale_of(step, "weight_scale")).round()
    return BlockMatrix.of(blocks, rounded, outputs, inputs), tuple(round(b * scale) for b in offsets.tolist())


@refusals_are_plan_errors
def square(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale. Not relinearised."""
    operand = _relinearised(step, _operand(step, x))
    return _value(step, Square((operand,), operand.elements, 3, operand.scale**2), x.layout)


@refusals_are_plan_errors
def mul(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: level, scale. Not relinearised."""
    a, b = _relinearised(step, _operand(step, x)), _relinearised(step, _operand(step, y))
    _alike(step, x, y)
    return _value(step, Product((a, b), a.elements, 3, a.scale * b.scale), x.layout)


@refusals_are_plan_errors
def add(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: level, scale. Both operands have that scale."""
    return _sum(step, x, y, negative=False)


@refusals_are_plan_errors
def sub(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: level, scale. Both operands have that scale."""
    return _sum(step, x, y, negative=True)


@refusals_are_plan_errors
def drop(session: Session, step: Step, x: Value) -> Value:
    """attrs: level (of the result), scale. Primes are left out: same value, same scale."""
    level, operand = level_of(step), _pending(step, x)
    if not 0 <= level < operand.level:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) drops from level {operand.level} to {level}")
    return _value(step, Lowered((operand,), operand.elements, operand.polynomials, operand.scale, level), x.layout)


@refusals_are_plan_errors
def rescale(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, out_level, scale. Relinearises products, then divides by the primes above out_level."""
    engine, operand = server_engine(session), _operand(step, x)
    held = finish(engine, as_held(engine, operand), level_of(step, "out_level"))
    return _value(step, held, x.layout)


def _pending(step: Step, x: Value) -> Pending:
    if isinstance(x.data, list) or x.data is None:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) reads a value that is not packed by batch")
    found: Pending = x.data
    return found


def _operand(step: Step, x: Value) -> Pending:
    """The operand, which must be at the level that the plan has for this step."""
    operand, planned = _pending(step, x), level_of(step)
    if operand.level != planned:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) is planned at level {planned}, not {operand.level}")
    return operand


def _relinearised(step: Step, x: Pending) -> Pending:
    if x.polynomials != 2:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) multiplies a product that is not relinearised")
    return x


def _alike(step: Step, x: Value, y: Value) -> None:
    if x.layout != y.layout:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) meets operands in different layouts")


def _sum(step: Step, x: Value, y: Value, negative: bool) -> Value:
    a, b = _operand(step, x), _operand(step, y)
    _alike(step, x, y)
    if abs(a.scale / b.scale - 1) >= SCALE_DRIFT:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) meets operands of scales {a.scale:g}, {b.scale:g}")
    polynomials = max(a.polynomials, b.polynomials)
    return _value(step, Sum((a, b), a.elements, polynomials, a.scale, negative), x.layout)


def _value(step: Step, data: Pending, layout: Layout | None) -> Value:
    planned = scale_of(step)
    if abs(data.scale / planned - 1) >= SCALE_DRIFT:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) has scale {data.scale:g}, planned is {planned:g}")
    return Value("he", step.shape, data, layout)
