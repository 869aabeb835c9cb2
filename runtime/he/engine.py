"""Set-up of the HE engine."""

from ppc.runtime.he import prepare
from ppc.runtime.he.batch_readers import read_again
from ppc.runtime.he.context import Context, Parameters
from ppc.runtime.he.evaluator import describe
from ppc.runtime.he.keys import ClientKeys, ServerKeys, key_limits
from ppc.runtime.he.memory_limit import checked
from ppc.runtime.he.schedule import Workers
from ppc.runtime.he.state import ClientEngine, ServerEngine
from ppc.runtime.he.ways import Ways
from ppc.runtime.he.weight_cache import VARIABLE, WeightCache
from ppc.runtime.party import Session


def setup(session: Session) -> None:
    """Make the HE state of this party in `session.engines["he"]`: the client makes keys and sends the server its part.

    Runs once a session, at client and server at the same time; other parties do nothing. Meanwhile the server
    encodes the weights whose names the plan gives in attrs ("diagonals", "bias"), and the others when a step first
    meets them; it keeps them for later passes.
    """
    if session.role not in ("client", "server") or not session.manifest.get("he"):
        return
    context = Context(Parameters.from_json(session.manifest["he"]))
    if session.role == "client":
        keys = ClientKeys(context)
        for i, key in enumerate(keys.evaluation_blobs()):  # each goes out while the next is made
            session.channel("server").send_bytes(f"he.setup.{i}", key)
        session.engines["he"] = ClientEngine(context, keys)
        session.meter.notes["he"] = describe()
    else:
        workers = Workers.from_environment()
        ways = Ways(context, workers)
        session.meter.notes["he"] = describe(workers.threads)
        predicted = checked(session.manifest, workers.threads)
        session.meter.notes["he memory"] = f"predicted {predicted / 1e6:,.0f} MB beside the interpreter"
        cache = WeightCache.from_environment()
        encoded = prepare.all_linear(session, ways, cache)  # while the client makes its keys
        if cache:
            session.meter.notes["he weights"] = f"files in {VARIABLE}: {cache.report()}"
        channel = session.channel("client")
        blobs = (channel.receive_bytes(f"he.setup.{i}", limit) for i, limit in enumerate(key_limits(context)))
        session.engines["he"] = ServerEngine(context, ServerKeys.load(context, blobs), encoded, ways)
        session.engines["he"].read_again = read_again(session.manifest)
