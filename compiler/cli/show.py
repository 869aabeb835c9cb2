"""What commands print."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from ppc.ir.diagnostic import Diagnostic


def show_warnings(diagnostics: Sequence[Diagnostic]) -> None:
    for d in diagnostics:
        typer.echo(f"{d}\n", err=True)


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> str:
    return json.dumps([asdict(d) for d in diagnostics], indent=1, default=str)


def show_report(manifest: Mapping[str, Any], *, as_json: bool, every_node: bool = False) -> None:
    """The report of a plan, for people (rich) or programs."""
    if as_json:
        typer.echo(json.dumps(inspection(manifest), indent=1))
        return
    from rich.console import Console

    from ppc.compiler.report.terminal import render

    Console(file=sys.stdout, highlight=False).print(render(manifest, every_node))


def inspection(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The object of `ppc inspect --json`."""
    report = manifest["report"]
    he = manifest["he"]
    return {
        "model": manifest["model"],
        "policy": {k: v for k, v in manifest["policy"].items() if k != "text"},
        "batch": manifest["batch"],
        "nodes": report["nodes"],
        "segments": report["segments"],
        "parties": report["parties"],
        "holds": report["holds"],
        "soundness": report["soundness"],
        "reveals": report["reveals"],
        "he": he
        and {
            "poly_modulus_degree": he["degree"],
            "coeff_modulus_bits": he["prime_bits"],
            "security_bits": he["security_bits"],
            "galois_keys": sum(len(s) for s in he["galois"].values()),
            "levels": report["levels"],
        },
        "optimality": report["optimality"],
        "without_pins": report["without_pins"],
        "predicted": report["predicted"],
        "approximations": report["approximations"],
        "accuracy": report.get("accuracy"),
        "trust": report["trust"],
        "leaks": report["leaks"],
        "simulated": report["simulated"],
    }
