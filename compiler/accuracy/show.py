"""Tables of accuracy for a terminal."""

from rich.console import Group, RenderableType

from ppc.compiler.accuracy.trial import CLEAR, MODEL, SIMULATE, Trial
from ppc.compiler.report.terminal import safe, titled

WORDS = {MODEL: "onnxruntime", CLEAR: "plan in clear", SIMULATE: "plan simulated"}


def render_trial(trial: Trial) -> RenderableType:
    first = trial.rows[0]
    table = titled(
        f"{safe(trial.plan)} on {trial.samples} samples, against: {WORDS[first.way]}",
        pad_edge=False,
        header_style="dim",
    )
    for column in ("", "max error", "mean", "of range", "agreement", "accuracy", "difference"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for row in trial.rows:
        d = row.distance
        errors = ("-",) * 4 if d is None else (
            f"{d.max_error:.3g}", f"{d.mean_error:.3g}", f"{100 * d.relative:.2g} %", f"{d.argmax_agreement:.2%}"
        )  # fmt: skip
        right = "-" if row.accuracy is None else f"{row.accuracy:.2%}"
        apart = row.accuracy is None or first.accuracy is None or row is first
        change = "-" if apart else f"{100 * (row.accuracy - first.accuracy):+.2f}"  # type: ignore[operator]
        table.add_row(WORDS[row.way], *errors, right, change)
    said = (
        "accuracy in percent, its difference in points; simulated: rounding and noise as predicted, nothing is secret"
    )
    return Group(table, f"[dim]{said}[/]")
