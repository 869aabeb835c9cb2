"""The Python interface: `ppc.compile`, `ppc.check`. Never prints; raises `CompileError` carrying every diagnostic."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ppc.compiler.artefacts import Compiled
from ppc.compiler.driver import Request, compile_model
from ppc.compiler.frontend.load import ModelSource
from ppc.compiler.price_table import choose
from ppc.ir.diagnostic import Diagnostic, UserError
from ppc.ir.policy import Policy

CompileError = UserError

__all__ = ["CompileError", "Compiled", "check", "compile"]

_ALL = ("he", "mpc", "tee", "client", "server")


def compile(
    model: ModelSource,
    policy: Path | str | Policy | None = None,
    *,
    targets: Sequence[str] = _ALL,
    calibrate: Path | str | None = None,
    network: str | None = None,
    objective: str | None = None,
    batch: int = 1,
    dims: Mapping[str, int] | None = None,
    calibration: Path | str | None = None,
) -> Compiled:
    """Compile a model (path, bytes or ModelProto) under a policy (path, text or Policy). Raises CompileError.

    `objective`: as for `ppc compile --objective`.
    `calibrate`: data for the ranges of values. `calibration`: a table of prices (None: the stored or the shipped one).
    """
    data = None if calibrate is None else Path(calibrate)
    table = choose(None if calibration is None else Path(calibration))
    return compile_model(
        Request(model, policy, tuple(targets), data, network, objective, batch, dict(dims or {}), table=table)
    )


def check(
    model: ModelSource, policy: Path | str | Policy | None = None, *, targets: Sequence[str] = _ALL, batch: int = 1
) -> Sequence[Diagnostic]:
    """Every finding about a model under a policy; no error among them means that a plan exists. Never raises for
    findings."""
    try:
        return compile_model(Request(model, policy, tuple(targets), batch=batch, table=choose())).diagnostics
    except UserError as e:
        return e.diagnostics
