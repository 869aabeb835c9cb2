"""`python plan.py`: run one party of a plan on its own machine, or all of it in clear.

python plan.py --party server --listen 0.0.0.0:7001 --connect dealer=h:7002 --keys keys
python plan.py --party client --connect server=h:7001 --connect dealer=h:7002 --keys keys --data x.npz -o y.npz

With --deal the dealer makes material ahead (--runs passes) and the holders of shares store it in their --material
folders; a run with --material at every party uses it, without a dealer.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ppc.runtime.data import batches, load_inputs, save_atomic, unbatch
from ppc.runtime.errors import PartyError
from ppc.runtime.phases import needs_dealer, new_session, pairs, roles, run_party, summary
from ppc.runtime.places import holders
from ppc.runtime.plan import Plan, Program

if TYPE_CHECKING:
    from ppc.runtime.keys import PartyKeys
    from ppc.runtime.mpc.stock import Stock
    from ppc.runtime.status import Status


def main(plan: Plan, program: Program, argv: list[str] | None = None) -> int:
    """Exit code 0 done, 1 the run failed (one error on stderr), 2 the command line is wrong."""
    options = _parser(plan).parse_args(argv)
    try:
        if options.party is None:
            return _local(plan, program, options)
        return _party(plan, program, options)
    except PartyError as e:
        print(e, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        return 130


def _parser(plan: Plan) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=plan.path.name, description=f"A ppc plan of {plan.manifest['model']['name']!r}."
    )
    parser.add_argument(
        "--party", choices=roles(plan.manifest), help="run this party; without it the plan runs in clear"
    )
    parser.add_argument("--listen", type=_address, metavar="HOST:PORT")
    parser.add_argument("--connect", type=_peer, action="append", default=[], metavar="PARTY=HOST:PORT")
    parser.add_argument("--keys", type=Path, help="folder made by `ppc keys`; only this party's own part of it is read")
    parser.add_argument("--data", type=Path, help="the client's inputs: .npz, first axis = samples")
    parser.add_argument("--input", help="which array of --data is the lone input")
    parser.add_argument("-o", "--output", type=Path, help="where the results of this party go (.npz)")
    parser.add_argument("--weights", type=Path, help="the server's weights (default: plan.server.npz beside the plan)")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds that another party may be silent")
    parser.add_argument("--deal", action="store_true", help="make (dealer) or store (others) material, and run nothing")
    parser.add_argument("--runs", type=int, help="passes that a dealer with --deal makes material for")
    parser.add_argument(
        "--material",
        type=Path,
        help="folder of stored material: --deal fills it, a run uses it up; who holds no shares says with it that no "
        "dealer takes part",
    )
    parser.add_argument(
        "--when-empty", choices=("fail", "wait"), default="fail", help="where --material has too little for a run"
    )
    parser.add_argument("--mode", choices=("clear", "simulate"), default="clear", help="without --party only")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"HOST:PORT, not {text!r}")
    return host, int(port)


def _peer(text: str) -> tuple[str, tuple[str, int]]:
    name, sep, address = text.partition("=")
    if not sep:
        raise argparse.ArgumentTypeError(f"PARTY=HOST:PORT, not {text!r}")
    return name, _address(address)


def _party(plan: Plan, program: Program, options: Any) -> int:
    from ppc.runtime.status import Status

    status = Status.from_environment()
    try:
        _take_part(plan, program, options, status)
    except BaseException as e:
        status.error(e)
        raise
    return 0


def _take_part(plan: Plan, program: Program, options: Any, status: "Status") -> None:
    from ppc.runtime import dealing
    from ppc.runtime.keys import load
    from ppc.runtime.net.connect import abort_all, close_all, connect_all
    from ppc.runtime.tee.roots import read_root

    role: str = options.party
    if options.keys is None:
        raise PartyError("PPC6011", f"{role} needs its keys", help="make them with `ppc keys DIR` and give --keys DIR")
    keys = load(options.keys, role)
    stock, runs = _stock(plan, options, keys), dealing.wanted(plan, role, options.runs) if options.deal else 0
    stocked = options.material is not None and needs_dealer(plan.manifest)
    if role not in roles(plan.manifest, stocked=stocked) and not options.deal:
        raise PartyError("PPC6009", f"{role} has no part in a run on stored material: start the others without it")
    data, samples = _data(plan, options) if role == "client" and not options.deal else ([], 0)
    status.phase("connect")
    channels = connect_all(
        role,
        dict(options.connect),
        roles(plan.manifest),
        keys,
        plan.hash,
        options.timeout,
        pairs=dealing.pairs(plan.manifest) if options.deal else pairs(plan.manifest, stocked=stocked),
        listen=options.listen,
    )
    session = new_session(plan, role, channels, options.weights, dealing=options.deal)
    try:
        if options.deal:
            found = dealing.take_part(session, program, runs, stock, status)
        else:
            root = read_root(options.keys, role)
            found = run_party(
                session, program, data, root=root, status=status, stock=stock, when_empty=options.when_empty
            )
        close_all(channels)
    except PartyError as e:
        abort_all(channels, e)
        raise
    except BaseException:
        abort_all(channels, PartyError("PPC6001", f"{role} stopped because of a fault of its own"))
        raise
    if any(found):  # the client does not tell how many samples fill the last pass up
        outputs = unbatch(found, samples or len(found) * plan.manifest["batch"], plan.manifest["model"]["inputs"])
        _deliver(outputs, options.output)
    status.result(**summary(session))


def _stock(plan: Plan, options: Any, keys: "PartyKeys") -> "Stock | None":
    """This party's stored material, if it has any part in that and was told where it is."""
    pair = holders(plan.manifest)
    if options.party not in pair or not needs_dealer(plan.manifest):
        return None
    if options.material is None:
        if options.deal:
            raise PartyError("PPC6012", f"{options.party} needs a folder for what is dealt", help="give --material DIR")
        return None
    from ppc.runtime.keys import storage_key
    from ppc.runtime.mpc.stock import Stock

    return Stock(options.material / options.party, options.party, plan.hash, storage_key(keys), pair)


def _data(plan: Plan, options: Any) -> tuple[list[dict[str, Any]], int]:
    """The client's samples, one dict a pass, and how many there are."""
    if options.data is None:
        raise PartyError("PPC6005", "the client needs --data", help="an .npz whose arrays are named after the inputs")
    inputs = plan.manifest["model"]["inputs"]
    feed, samples = load_inputs(options.data, inputs, options.input)
    return list(batches(feed, plan.manifest["batch"], inputs)), samples


def _deliver(outputs: dict[str, Any], path: Path | None) -> None:
    if path is not None:
        save_atomic(path, outputs)
        return
    for name, array in outputs.items():
        print(f"{name}:\n{array}")  # noqa: T201 - a party's own result on its own terminal


def _local(plan: Plan, program: Program, options: Any) -> int:
    from ppc.runtime.session import run_local

    if options.data is None:
        raise PartyError("PPC6005", "nothing to run on", help="give --data x.npz, or --party NAME to run one party")
    print(f"mode {options.mode}: no cryptography, this process sees everything", file=sys.stderr)  # noqa: T201
    feed, _ = load_inputs(options.data, plan.manifest["model"]["inputs"], options.input)
    _deliver(run_local(plan, program, feed, noise=options.mode == "simulate"), options.output)
    return 0
