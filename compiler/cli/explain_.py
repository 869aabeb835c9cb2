"""`ppc explain CODE`"""

import typer


def command(code: str = typer.Argument(..., help="A code such as PPC2003.")) -> int:
    """Print what a diagnostic's code means and what to do."""
    from ppc.ir.codes import Code, all_codes
    from ppc.runtime.errors import CODES, RuntimeCode

    table: dict[str, Code | RuntimeCode] = {**all_codes(), **{row.code: row for row in CODES}}
    row = table.get(code.upper())
    if row is None:
        raise typer.BadParameter(f"there is no code {code!r}; known: {', '.join(sorted(table))}")
    typer.echo(f"{row.code}: {row.title}\n\n{row.explanation}\n\nWhat to do: {row.fix}")
    return 0
