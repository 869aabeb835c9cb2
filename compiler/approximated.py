"""Polynomials as deep as the error budget wants them, and as shallow as there are levels for."""

from collections.abc import Mapping
from dataclasses import replace

from ppc.compiler.stages import Placed, Placing, verified
from ppc.ir.approximation import degrees, described
from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.module import Array, Module
from ppc.ir.types import Domain
from ppc.passes.approximate import Approximate
from ppc.passes.degrees import ChooseDegrees, output_error
from ppc.passes.upgrade import is_deep

#: No parameters, no assignment: what fewer levels may mend.
TOO_DEEP = ("PPC4101", "PPC3003")


def place_approximated(
    placing: Placing, module: Module, samples: tuple[Mapping[str, Array], ...]
) -> tuple[Module, Placed]:
    """The labelled module with its polynomials, and placed. Where nothing fits those that meet the error budget,
    shallower ones are taken, and PPC4005 (a note) says what that costs.

    Raises UserError as `Placing.placed`.
    """
    fitted = Approximate().run(module)
    choose = ChooseDegrees(samples, placing.error_budget)
    chosen = verified(choose(fitted))
    try:
        return chosen, placing.placed(chosen)
    except UserError as error:
        if error.diagnostics[0].code not in TOO_DEEP or not any(map(is_deep, chosen.ops)):
            raise
    shallow = verified(replace(choose, deeper=False)(fitted))
    placed = placing.placed(shallow)
    note = _too_deep(chosen, output_error(shallow, samples), placing.error_budget)
    return shallow, replace(placed, notes=(*placed.notes, note))


def composed(module: Module) -> list[Diagnostic]:
    """A note for each composition under HE: what lies outside its range spoils everything."""
    return [
        Diagnostic(
            "PPC4006",
            f"{op.name} runs under HE as a {described(op)}: an input outside [{op.attrs['he_lo']:.3g}, "
            f"{op.attrs['he_hi']:.3g}] makes the whole result wrong",
            severity="note",
            node=op.loc,
        )
        for op in module.ops
        if op.domain is Domain.HE and len(degrees(op)) > 1
    ]


def _too_deep(deep: Module, error: float, budget: float) -> Diagnostic:
    told = "; ".join(f"{op.loc}: {described(op)}" for op in deep.ops if is_deep(op))
    message = (
        f"polynomials change the outputs by up to {error:.2%} of their range, where {budget:.2%} are allowed: nothing "
        f"has the levels for those that are near enough ({told})"
    )
    return Diagnostic("PPC4005", message, severity="note", facts={"error": error, "budget": budget})
