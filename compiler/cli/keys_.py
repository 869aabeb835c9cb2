"""`ppc keys DIR`"""

from pathlib import Path

import typer


def command(
    folder: Path = typer.Argument(..., help="Where the keys go: one folder a party.", show_default=False),
    parties: str = typer.Option(
        "client,server,dealer,enclave", help="Parties, comma-separated; compute0 and compute1 where a policy has them."
    ),
    days: int = typer.Option(365, min=1, help="How long the certificates are valid."),
) -> int:
    """Make the deployment's authority and one key and certificate a party, for mutual TLS."""
    from ppc.runtime.keys import make_keys
    from ppc.runtime.tee.roots import write_roots

    names = [p.strip() for p in parties.split(",") if p.strip()]
    make_keys(folder, names, days=days)
    write_roots(folder, names)
    typer.echo(
        f"wrote {folder}/: give each of {', '.join(names)} its own folder and no other; keep {folder}/ca offline"
    )
    return 0
