"""`ppc inspect PLAN`"""

from pathlib import Path

import typer


def command(
    plan: Path = typer.Argument(..., help="A plan.py.", show_default=False),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    nodes: bool = typer.Option(False, "--nodes", help="List every node, also of a large plan."),
    html: Path | None = typer.Option(None, help="Write the report as one offline HTML file."),
) -> int:
    """Show a plan's report: who sees what, what runs where and why not elsewhere, cost, accuracy, trust."""
    from ppc.compiler.cli.show import show_report
    from ppc.runtime.plan import Plan

    manifest = Plan.load(plan)[0].manifest
    if html is not None:
        from ppc.compiler.report.html import render_html

        html.write_text(render_html(manifest), encoding="utf-8")
        typer.echo(f"wrote {html}", err=True)
        return 0
    show_report(manifest, as_json=as_json, every_node=nodes)
    return 0
