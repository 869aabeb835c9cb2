"""`ppc network --party NAME`"""

from pathlib import Path

import typer


def command(
    party: str = typer.Option(..., help="Which party this machine is.", show_default=False),
    keys: Path = typer.Option(..., help="Folder made by `ppc keys`; only this party's own part of it is read."),
    listen: str | None = typer.Option(None, help="HOST:PORT where this party listens, as in a run."),
    connect: list[str] = typer.Option([], help="PARTY=HOST:PORT of every party that this one connects to."),
    parties: str = typer.Option("client,server", help="All that take part, comma-separated."),
    output: Path | None = typer.Option(None, "-o", "--output", help="Write the `network` line for --network here."),
    timeout: float = typer.Option(60.0, help="Seconds that another party may be silent."),
) -> int:
    """Measure the network between the parties, for `ppc compile --network`; start it on the machine of every party."""
    from ppc.compiler.artefacts import write_file
    from ppc.compiler.measure.network import between, slowest
    from ppc.compiler.network import network_line
    from ppc.compiler.price_table import choose
    from ppc.runtime.keys import load
    from ppc.runtime.net.address import parse_address, parse_peer

    names = sorted({name.strip() for name in parties.split(",") if name.strip()})
    if party not in names or len(names) < 2:
        raise typer.BadParameter(f"--parties names all that take part, {party} among them; not {parties!r}")
    found = between(
        party,
        dict(parse_peer(peer) for peer in connect),
        names,
        load(keys, party),
        timeout,
        choose().prices.link,
        parse_address(listen) if listen is not None else None,
    )
    for peer, network in found.items():
        typer.echo(f"{party} - {peer}: {network.bandwidth / 1e6:.3g} Mbit/s, round trip {network.rtt * 1e3:.3g} ms")
    line = network_line(slowest(found.values()))
    typer.echo(line)
    if output is not None:
        write_file(output, f"{line}\n".encode(), secret=False)
        typer.echo(f"wrote {output}", err=True)
    return 0
