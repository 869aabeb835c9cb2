"""`ppc fmt POLICY...`"""

import difflib
from pathlib import Path

import typer


def command(
    files: list[Path] = typer.Argument(..., help="Policy files.", show_default=False),
    check: bool = typer.Option(False, "--check", help="Write nothing; show what would change, and exit 1 if anything."),
) -> int:
    """Format policies in place. Comments, order, names and units stay; what a policy says does not change."""
    from ppc.compiler.artefacts import write_file
    from ppc.compiler.policy_file import policy_text
    from ppc.ir.policy import format_policy

    changed = 0
    for file in files:
        text = policy_text(file)
        formatted = format_policy(text, file.name)
        if formatted == text:
            continue
        changed += 1
        if check:
            lines = text.splitlines(), formatted.splitlines()
            typer.echo("\n".join(difflib.unified_diff(*lines, str(file), f"{file} (formatted)", lineterm="")))
        else:
            write_file(file, formatted.encode(), secret=False)
            typer.echo(f"formatted {file}", err=True)
    return 1 if check and changed else 0
