"""The MPC engine's state at one role, and its set-up."""

from dataclasses import dataclass, field
from itertools import pairwise

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.csprng import KEY_BYTES, new_key
from ppc.runtime.mpc.dealer import PassKeys
from ppc.runtime.mpc.lockstep import Task
from ppc.runtime.mpc.ring import Ring
from ppc.runtime.mpc.supply import Supply
from ppc.runtime.party import Session
from ppc.runtime.places import OWNERS, holders, other_holder, rank_of


@dataclass(repr=False)
class MpcState:
    """Keys, material and masked weights; `repr` is the default object's, which shows nothing."""

    own_input_key: bytes = b""  # masks this party's inputs; one holder of shares expands it into its share
    input_keys: dict[str, bytes] = field(default_factory=dict)  # of the owners whose masks are this party's shares
    supply: Supply | None = None  # holders of shares: the material of this session
    masked: dict[int, dict[int, Ring]] = field(default_factory=dict)  # step -> index -> W - B, at whoever is sent it
    own: dict[int, dict[int, Ring]] = field(default_factory=dict)  # server: W; where it holds no share: a half of B
    keys: PassKeys | None = None  # the dealer: of the pass that it deals
    dealt: set[int] = field(default_factory=set)  # the dealer: steps of this pass that were shipped
    followed: frozenset[int] = frozenset()  # steps of the plan after which another MPC step comes
    due: list[Task] = field(default_factory=list)  # holders of shares: steps that wait for the last MPC step in a row
    counts: dict[str, Ring] = field(default_factory=dict)  # of this pass: node -> share of how many left their range
    counts_of: int = -1  # which pass that is

    def counts_in(self, run: int) -> dict[str, Ring]:
        """The counts of a pass; those of another one are dropped."""
        if run != self.counts_of:
            self.counts, self.counts_of = {}, run
        return self.counts


def state_of(session: Session) -> MpcState:
    state = session.engines.get("mpc")
    if not isinstance(state, MpcState):
        raise PartyError(
            "PPC6006", f"party {session.role!r} takes an MPC step, but MPC was not set up for this session"
        )
    return state


def supply_of(session: Session) -> Supply:
    supply = state_of(session).supply
    if supply is None:
        raise PartyError("PPC6009", f"party {session.role!r} takes an MPC step without correlated randomness")
    return supply


def setup(session: Session) -> None:
    """Each owner of secrets gives a key of 256 bits, from the operating system, to the holder whose shares are its
    masks."""
    steps = session.manifest.get("steps", [])
    followed = (a["id"] for a, b in pairwise(steps) if b["step"].startswith("mpc."))
    state = session.engines["mpc"] = MpcState(followed=frozenset(followed))
    if session.role in OWNERS:
        state.own_input_key = new_key()
        session.channel(mask_holder(session, session.role)).send_bytes("mpc.key.input", state.own_input_key)
    for owner in OWNERS:  # those that take part: a model owner may have given its weights before
        if owner in session.channels and session.role == mask_holder(session, owner):
            state.input_keys[owner] = receive_key(session, owner, "mpc.key.input")


def mask_holder(session: Session, owner: str) -> str:
    """Whose share of a secret is the owner's mask: the other holder where the owner holds a share itself."""
    if rank_of(session.manifest, owner) is None:
        return holders(session.manifest)[1]
    return other_holder(session.manifest, owner)


def receive_key(session: Session, peer: str, tag: str) -> bytes:
    """A key of 256 bits. Raises PPC6003 for one of another length."""
    key = session.channel(peer).receive_bytes(tag, KEY_BYTES)
    if len(key) != KEY_BYTES:
        raise PartyError("PPC6003", f"{peer} sent a key of {8 * len(key)} bits where {8 * KEY_BYTES} were due ({tag})")
    return key
