"""HE state of a party: the client holds `ClientEngine`, the server `ServerEngine`, in `session.engines["he"]`."""

from dataclasses import dataclass, field

from ppc.runtime.errors import PartyError
from ppc.runtime.he.batch_matrix import BlockMatrix
from ppc.runtime.he.batch_modular import Scratches
from ppc.runtime.he.context import Context
from ppc.runtime.he.exit_mask import ExitMasks
from ppc.runtime.he.keys import ClientKeys, ServerKeys
from ppc.runtime.he.prepare import Encoded
from ppc.runtime.he.schedule import Workers
from ppc.runtime.he.ways import Ways
from ppc.runtime.party import Session


@dataclass
class ClientEngine:
    context: Context
    keys: ClientKeys


@dataclass
class ServerEngine:
    context: Context
    keys: ServerKeys
    encoded: Encoded
    ways: Ways
    exits: ExitMasks = field(default_factory=ExitMasks)
    matrices: dict[int, tuple[BlockMatrix, tuple[int, ...]]] = field(default_factory=dict)  # by step, of batch packing
    scratches: Scratches = field(default_factory=Scratches)
    read_again: frozenset[int] = frozenset()  # linear steps of batch packing whose results are held (`batch_readers`)

    @property
    def workers(self) -> Workers:
        """Threads for what is no arithmetic of SEAL's."""
        return self.ways.workers


def client_engine(session: Session) -> ClientEngine:
    engine = session.engines["he"]
    if not isinstance(engine, ClientEngine):
        raise PartyError("PPC6006", f"the {session.role} has no HE secret key, and the plan encrypts or decrypts here")
    return engine


def server_engine(session: Session) -> ServerEngine:
    engine = session.engines["he"]
    if not isinstance(engine, ServerEngine):
        raise PartyError("PPC6006", f"the {session.role} has no HE evaluation keys, and the plan evaluates here")
    return engine
