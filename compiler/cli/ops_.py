"""`ppc ops`"""

import json
from dataclasses import asdict

import typer


def command(
    name: str = typer.Argument("", help="Only operators whose name contains this.", show_default=False),
    as_json: bool = typer.Option(False, "--json", help="Print the table as JSON."),
    as_markdown: bool = typer.Option(False, "--markdown", help="Print docs/ops.md."),
) -> int:
    """List the operators, and what each target can run of them."""
    from ppc.compiler.ops_table import markdown, rows

    if as_markdown:
        typer.echo(markdown(), nl=False)
        return 0
    found = [row for row in rows() if name.lower() in row.name.lower()]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in found], indent=1))
        return 0
    for row in found:
        typer.echo(f"{row.name} ({row.kind})\n  clear, tee: {row.clear}\n  mpc: {row.mpc}\n  he: {row.he}")
        if row.note:
            typer.echo(f"  {row.note}")
    return 0 if found else 1
