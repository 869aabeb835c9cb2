"""Runs as they are in life: the dealer was there before, and computes nowhere while a pass runs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ppc.compiler.measure.cores import core_of
from ppc.runtime.net.address import Address
from ppc.runtime.phases import needs_dealer
from ppc.runtime.plan import Plan
from ppc.runtime.secure import SecureRun, deal_here, run_secure


def dealt(plan: Path, passes: int, timeout: float) -> dict[str, Any]:
    """Deal material for so many passes into a folder beside the plan: what each party reports, nothing where the plan
    needs no dealer."""
    if not needs_dealer(Plan.load(plan)[0].manifest):
        return {}
    return deal_here(plan, _folder(plan), passes, timeout=timeout)


def run_dealt(
    plan: Path, feed: Mapping[str, NDArray[Any]], timeout: float, link: Callable[[Address], Address] | None = None
) -> SecureRun:
    """A run on what was dealt, the computing parties on a core each."""
    return run_secure(plan, feed, timeout=timeout, material=_folder(plan), link=link, core_of=core_of)


def _folder(plan: Path) -> Path:
    return plan.with_suffix(".dealt")
