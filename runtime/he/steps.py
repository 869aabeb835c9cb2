"""The `he.*` steps of a plan, at the server. Each is `function(session, step, *operands) -> Value`.

At other parties, which take no part, `Session.step` does not call these. Ciphertexts are immutable by convention: a
step makes new ones, so a value may be read by several steps; memory goes when the plan's variable does.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import tenseal.sealapi as seal

from ppc.runtime import chebyshev
from ppc.runtime.errors import PartyError
from ppc.runtime.he import linear as bsgs
from ppc.runtime.he import vector
from ppc.runtime.he.attrs import layout_of, level_of, linear_levels, linear_terms, polynomial_attrs, scale_of, sums_of
from ppc.runtime.he.cipher import CipherArithmetic
from ppc.runtime.he.state import ServerEngine, server_engine
from ppc.runtime.party import Session, Step
from ppc.runtime.value import Value, Weight

StepFunction = Callable[..., Value]


def refusals_are_plan_errors(function: StepFunction) -> StepFunction:
    """What SEAL refuses (a scale beyond the modulus, say) is a plan that cannot run: PPC6006 with the step."""

    @wraps(function)
    def run(session: Session, step: Step, *operands: Any) -> Value:
        try:
            return function(session, step, *operands)
        except (ValueError, RuntimeError) as e:
            raise PartyError("PPC6006", f"step {step.id} ({step.name}) cannot be evaluated: {e}") from None

    return run


@refusals_are_plan_errors
def linear(session: Session, step: Step, x: Value, diagonals: Weight, bias: Weight | None = None) -> Value:
    """attrs: level, out_level (one less: it rescales), weight_scale, scale, terms, pre, post, in_layout, out_layout."""
    engine = server_engine(session)
    _at_level(engine, step, x)
    terms, _ = linear_terms(step, len(x.data))
    way = engine.ways.linear(step)
    rows, offsets = engine.encoded.of(way.context, step, diagonals, bias)
    pre, post = sums_of(step, "pre"), sums_of(step, "post")
    weight_scale, result = scale_of(step, "weight_scale"), (linear_levels(step)[1], scale_of(step))
    exact = weight_scale, result
    data = bsgs.evaluate(way.context, engine.keys, x.data, terms, rows, offsets, pre, post, *exact, way.workers)
    return Value("he", step.shape, data, layout_of(step.attrs, "out_layout"))


@refusals_are_plan_errors
def polynomial(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, out_level, scale, coefficients (Chebyshev), lo, hi."""
    engine = server_engine(session)
    _at_level(engine, step, x)
    coefficients, lo, hi, out_level = polynomial_attrs(step)
    way = engine.ways.across(len(x.data))
    arithmetic, scale = CipherArithmetic(way.context, engine.keys), scale_of(step)
    data = way.workers.map(lambda c: chebyshev.evaluate(arithmetic, c, coefficients, lo, hi, out_level, scale), x.data)
    return Value("he", step.shape, data, x.layout)


@refusals_are_plan_errors
def add(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: scale. Same level on both sides."""
    return _slotwise(session, step, x, y, "add")


@refusals_are_plan_errors
def sub(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: scale. Same level on both sides."""
    return _slotwise(session, step, x, y, "sub")


@refusals_are_plan_errors
def mul(session: Session, step: Step, x: Value, y: Value) -> Value:
    """attrs: scale. Ciphertext times ciphertext: relinearised and rescaled, one level down."""
    engine = server_engine(session)
    _above_last(step, _same_level(engine, step, x, y))
    way = engine.ways.across(len(x.data))
    arithmetic, scale = CipherArithmetic(way.context, engine.keys), scale_of(step)
    pairs = zip(x.data, y.data, strict=True)
    data = way.workers.map(lambda pair: arithmetic.finish(arithmetic.product(*pair), scale), pairs)
    return Value("he", step.shape, data, x.layout)


@refusals_are_plan_errors
def square(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale, negate, plus. x² + plus, or plus - x²: relinearised and rescaled, one level down."""
    engine = server_engine(session)
    _above_last(step, _at_level(engine, step, x))
    way = engine.ways.across(len(x.data))
    arithmetic, scale = CipherArithmetic(way.context, engine.keys), scale_of(step)
    data = way.workers.map(lambda a: arithmetic.finish(arithmetic.product(a, a), scale), x.data)
    for c in data:
        if step.attrs.get("negate", False):
            engine.context.evaluator.negate_inplace(c)
        arithmetic.add_number(c, float(step.attrs.get("plus", 0.0)))
    return Value("he", step.shape, data, x.layout)


@refusals_are_plan_errors
def upscale(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, scale. The same value at a larger scale, for an operand that another one is to meet."""
    engine, scale = server_engine(session), scale_of(step)
    _at_level(engine, step, x)
    way = engine.ways.across(len(x.data))
    data = way.workers.map(lambda c: vector.upscaled(way.context, c, scale), x.data)
    return Value("he", step.shape, data, x.layout)


@refusals_are_plan_errors
def drop(session: Session, step: Step, x: Value) -> Value:
    """attrs: level, that of the result. Fewer primes, the same scale."""
    context, level = server_engine(session).context, level_of(step)
    if any(context.level(c) < level for c in x.data):
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) drops a ciphertext to a level above its own")
    return Value("he", step.shape, [vector.lower(context, c, level) for c in x.data], x.layout)


def view(session: Session, step: Step, x: Value) -> Value:
    """attrs: out_layout. The same ciphertexts, read through another layout."""
    return Value("he", step.shape, x.data, layout_of(step.attrs, "out_layout"))


def _slotwise(session: Session, step: Step, x: Value, y: Value, operation: str) -> Value:
    engine = server_engine(session)
    level, scale = _same_level(engine, step, x, y), scale_of(step)
    run = getattr(engine.context.evaluator, operation)
    data = []
    for a, b in zip(x.data, y.data, strict=True):
        out = seal.Ciphertext()
        if a.scale != scale or b.scale != scale:  # never changed in place: other steps may read the operands
            a, b = (vector.taken_as(engine.context, c, scale) for c in (a, b))
        if x.data is y.data and operation == "sub":  # SEAL refuses a ciphertext whose every residue is zero
            out = CipherArithmetic(engine.context, engine.keys).zero(level, a.scale)
        else:
            run(a, b, out)
        data.append(out)
    return Value("he", step.shape, data, x.layout)


def _above_last(step: Step, level: int) -> None:
    if level < 1:
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) consumes a level, and level {level} is the last")


def _at_level(engine: ServerEngine, step: Step, x: Value) -> int:
    """The level of x, which must be the one that the plan has for this step."""
    planned = level_of(step)
    for c in x.data:
        if engine.context.level(c) != planned:
            found = engine.context.level(c)
            raise PartyError("PPC6006", f"step {step.id} ({step.name}) is planned at level {planned}, not {found}")
    return planned


def _same_level(engine: ServerEngine, step: Step, x: Value, y: Value) -> int:
    levels = {engine.context.level(c) for c in (*x.data, *y.data)}
    if len(levels) != 1 or len(x.data) != len(y.data):
        raise PartyError("PPC6006", f"step {step.id} ({step.name}) reads operands of levels {sorted(levels)}")
    return levels.pop()
