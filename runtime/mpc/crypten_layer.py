"""CrypTen's operators on our shares, as a gate: our channel, our dealer's triples, our truncation.

`CrypTen(program, shapes)` is a gate (`ppc.runtime.mpc.engine.Gate`). `program` takes and returns CrypTen's
`MPCTensor`s, and runs at all three roles: at the dealer on zeros, where it makes every triple the parties will ask
for.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ppc.runtime.mpc.crypten_import import load
from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.truncate import Truncate
from ppc.runtime.mpc.ring import Ring, Shape
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.schema import FRACTION_BITS

_context = threading.local()  # CrypTen has one party a process; tests and a dealer's rehearsal have more


def _tensor(ring: NDArray[Any]) -> Any:
    return torch.from_numpy(np.ascontiguousarray(ring).view(np.int64).copy())


def _ring(tensor: Any) -> Ring:
    return np.ascontiguousarray(tensor.numpy()).view(np.uint64)


def _shape(size: Any) -> Shape:
    return (size,) if isinstance(size, int) else tuple(size)


def from_share(share: NDArray[Any], bits: int = FRACTION_BITS) -> Any:
    """An MPCTensor of this party's share (int64 or uint64)."""
    package = load()
    return package.mpc.MPCTensor.from_shares(_tensor(share), precision=bits, ptype=package.mpc.arithmetic)


def own_share(value: Any) -> Ring:
    """This party's share of an arithmetic MPCTensor at 16 fractional bits."""
    scale = value._tensor.encoder._scale
    if value.ptype != load().mpc.arithmetic or scale != 1 << FRACTION_BITS:
        raise ValueError(f"a share at scale {scale} is not one at 2^{FRACTION_BITS}")
    return _ring(value._tensor.share)


class _Communicator:
    """CrypTen's view of the network: two parties, one exchange a round. At the dealer the peer is all zeros."""

    def __init__(self, party: Party | None):
        self._party, self.rank = party, party.rank if party else 0

    def get_world_size(self) -> int:
        return 2

    def get_rank(self) -> int:
        return self.rank

    def _peer(self, tensors: Sequence[Any]) -> list[Any]:
        if self._party is None:
            return [torch.zeros_like(t) for t in tensors]
        theirs = self._party.alone(self._party.swap(*(_ring(t) for t in tensors)))  # CrypTen calls, and waits
        return [_tensor(a) for a in theirs]

    def all_reduce(self, data: Any, op: Any = torch.distributed.ReduceOp.SUM, batched: bool = False) -> Any:
        mine = list(data) if batched else [data]
        combine = torch.add if op == torch.distributed.ReduceOp.SUM else torch.bitwise_xor
        out = [combine(a, b) for a, b in zip(mine, self._peer(mine), strict=True)]
        return out if batched else out[0]

    def gather(self, tensor: Any, dst: int) -> list[Any]:
        """To both: what is gathered is masked, and one message each way is one round."""
        theirs = self._peer([tensor])[0]
        return [tensor, theirs] if self.rank == 0 else [theirs, tensor]


class _Provider:
    """Beaver triples and their kin. `half` gives this role's half of a value that the dealer computes."""

    NAME = "ppc"

    def __init__(self, role: Dealer | Party):
        self._role = role
        self._dealing = isinstance(role, Dealer)

    def random(self, size: Any, xor: bool = False) -> tuple[Ring, Any]:
        """(the value at the dealer, this role's share as a tensor)."""
        if isinstance(self._role, Dealer):
            shape = _shape(size)
            value = self._role.random_xor(shape, "uint64") if xor else self._role.random(shape)
            return value, torch.zeros(shape, dtype=torch.long)
        share = self._role.random(_shape(size))
        return share, _tensor(share)

    def share(self, value: Ring | None, shape: Shape, xor: bool = False) -> Any:
        if isinstance(self._role, Dealer):
            assert value is not None
            (self._role.share_xor if xor else self._role.share)(np.ascontiguousarray(value))
            return torch.zeros(shape, dtype=torch.long)
        return _tensor(self._role.share(shape))

    def _arithmetic(self, share: Any) -> Any:
        return load().mpc.primitives.ArithmeticSharedTensor.from_shares(share, precision=0)

    def _binary(self, share: Any) -> Any:
        return load().mpc.primitives.BinarySharedTensor.from_shares(share)

    def generate_additive_triple(
        self, size0: Any, size1: Any, op: str, device: Any = None, *args: Any, **kw: Any
    ) -> Any:
        a, a_share = self.random(size0)
        b, b_share = self.random(size1)
        f = getattr(torch, op)
        if self._dealing:
            c = _ring(f(_tensor(a), _tensor(b), *args, **kw))
            shape: Shape = c.shape
        else:
            c, shape = None, tuple(f(a_share.to("meta"), b_share.to("meta"), *args, **kw).shape)
        return self._arithmetic(a_share), self._arithmetic(b_share), self._arithmetic(self.share(c, shape))

    def square(self, size: Any, device: Any = None) -> Any:
        r, r_share = self.random(size)
        return self._arithmetic(r_share), self._arithmetic(self.share(r * r if self._dealing else None, _shape(size)))

    def generate_binary_triple(self, size0: Any, size1: Any, device: Any = None) -> Any:
        a, a_share = self.random(size0, xor=True)
        b, b_share = self.random(size1, xor=True)
        shape = tuple(np.broadcast_shapes(_shape(size0), _shape(size1)))
        c = a & b if self._dealing else None
        return self._binary(a_share), self._binary(b_share), self._binary(self.share(c, shape, xor=True))

    def B2A_rng(self, size: Any, device: Any = None) -> Any:
        """A random bit, shared by addition and by XOR."""
        r, share = self.random(size, xor=True)
        bit = r & np.uint64(1)
        return self._arithmetic(self.share(bit if self._dealing else None, _shape(size))), self._binary(share & 1)

    def wrap_rng(self, size: Any, device: Any = None) -> Any:
        raise RuntimeError("CrypTen's wrap counting is not used with two parties: truncation has its own gate")


def is_running() -> bool:
    return hasattr(_context, "communicator")


def _current(name: str) -> Any:
    if not is_running():
        raise RuntimeError("CrypTen runs inside a gate of an MPC step only")
    return getattr(_context, name)


def communicator() -> Any:
    return _current("communicator")


def provider() -> Any:
    return _current("provider")


def zero_arithmetic(*size: Any, device: Any = None) -> Any:
    """A fresh additive sharing of zero, from the dealer: CrypTen's own is known whole to both of two parties."""
    shape = _shape(size[0] if len(size) == 1 else size)
    tensor = load().mpc.primitives.ArithmeticSharedTensor.from_shares(
        provider().share(np.zeros(shape, np.uint64), shape), precision=0
    )
    return tensor


def zero_binary(*size: Any, device: Any = None) -> Any:
    """A fresh XOR sharing of zero."""
    shape = _shape(size[0] if len(size) == 1 else size)
    share = provider().share(np.zeros(shape, np.uint64), shape, xor=True)
    return load().mpc.primitives.BinarySharedTensor.from_shares(share)


def divide(tensor: Any, y: Any, own: Callable[[Any, Any], Any]) -> Any:
    """CrypTen's `div_`; division by a power of two, which every product needs, is the dealer-assisted truncation."""
    whole = int(y) if isinstance(y, int | float) and int(y) == y else 0
    if whole < 2 or whole & (whole - 1):
        if whole > 1:
            raise RuntimeError(f"division of shares by {whole} is not safe; multiply by its inverse")
        return own(tensor, y)
    gate = Truncate(tuple(tensor.share.shape), whole.bit_length() - 1)
    role = _current("role")
    done = gate.deal(role) if isinstance(role, Dealer) else role.alone(gate.online(role, _ring(tensor.share)))
    tensor.share = _tensor(done)
    return tensor


@dataclass(frozen=True, slots=True)
class CrypTen:
    """A program of CrypTen's operators on shares at 16 fractional bits, as one gate."""

    program: Callable[..., Any]
    shapes: tuple[Shape, ...]

    def _run(self, role: Dealer | Party, shares: Sequence[Ring]) -> Ring:
        load()
        party = role if isinstance(role, Party) else None
        values = SimpleNamespace(communicator=_Communicator(party), provider=_Provider(role), role=role)
        _context.__dict__.update(values.__dict__)
        try:
            return own_share(self.program(*map(from_share, shares)))
        finally:
            _context.__dict__.clear()

    def deal(self, d: Dealer) -> Ring:
        return self._run(d, [np.zeros(shape, np.uint64) for shape in self.shapes])

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        yield from ()  # it talks by itself
        return self._run(p, shares)
