"""`ppc doctor`"""

import json

import typer


def command(as_json: bool = typer.Option(False, "--json", help="Print one JSON object.")) -> int:
    """Say what each target needs on this machine, what is missing, and the line that installs it."""
    from ppc.compiler.doctor import findings

    rows = findings()
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        for row in rows:
            mark = "ok     " if row["ok"] else "missing"
            typer.echo(
                f"{mark}  {row['what']:<12} {row['found']}" + ("" if row["ok"] else f"\n         install: {row['fix']}")
            )
    return 0
