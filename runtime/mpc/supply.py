"""The material of one session: passes of a lot, each expanded when it begins, each chunk handed out once."""

from collections.abc import Mapping

from ppc.runtime.errors import PartyError
from ppc.runtime.mpc.dealer import step_stream
from ppc.runtime.mpc.lot import Lot
from ppc.runtime.mpc.material import Ahead, Chunk, expand


class Supply:
    """Passes first .. first+count-1 of a lot are the passes 0 .. count-1 of the session."""

    def __init__(self, rank: int, lot: Lot, first: int, count: int):
        self.lot = lot
        self.ahead: Mapping[int, Ahead] = {}  # by step: what is computed with its first array
        self._rank, self._first, self._count = rank, first, count
        self._next = 0  # the pass of the session that was not begun yet
        self._chunks: dict[int, Chunk] = {}

    def __repr__(self) -> str:
        return f"Supply({self.left} of {self._count} passes left)"

    @property
    def left(self) -> int:
        """Passes that were not begun."""
        return self._count - self._next

    def prepare(self, run: int) -> None:
        """Expand the material of a pass. It may be called ahead of the pass's first step, so that none has to wait.

        PPC6009 where the pass was begun before or is none of this session.
        """
        if run == self._next - 1:
            return
        if run < self._next:
            raise PartyError("PPC6009", f"the correlated randomness of pass {run} was used before")
        if run >= self._count:
            raise PartyError(
                "PPC6009",
                f"there is no correlated randomness for pass {run}: this session has {self._count}",
                help="let the dealer make more passes (`ppc deal --runs`)",
            )
        key, shipped = self.lot.load(self._first + run)
        self._next, self._chunks = run + 1, {}
        for step, rows in self.lot.outline.rows.items():
            stream = step_stream(key, step)
            arrays = expand(rows, self._rank, stream, shipped.get(step, ()))
            ready = self.ahead[step].of(rows, arrays) if step in self.ahead else None
            self._chunks[step] = Chunk(rows, arrays, f"step {step} in pass {run}", ready)

    def open(self, run: int, step: int) -> Chunk:
        """Take a chunk out for good. PPC6009 where it was used before, or never came."""
        self.prepare(run)
        if step not in self._chunks:
            raise PartyError(
                "PPC6009", f"the correlated randomness of step {step} in pass {run} was used before, or never made"
            )
        return self._chunks.pop(step)
