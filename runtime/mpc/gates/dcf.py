"""A distributed comparison function (Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, EUROCRYPT 2021, figure 1):
two keys whose holders each compute, of any public x and without a message, a share of b · [x < a]. Neither key tells
anything of a or b.

A key is a walk down a binary tree. Each node has a seed; the children of both parties' nodes are the same off the path
to a, and the keys' correction words keep them random on it. Seeds have 256 bits, as all keys here, and not the 128 of
the paper; a child is BLAKE2b-512 of the seed and the side (docs/decisions/0012).
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.mpc.csprng import KEY_BYTES
from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import CLIENT, Party
from ppc.runtime.mpc.ring import Ring, word

Bits = NDArray[np.uint8]
_SEED = KEY_BYTES // 8  # words
#: Words of a hash: a child's seed, up to MOST_FACTORS words of its value, and one for its control bit.
_HASH = 8
MOST_FACTORS = _HASH - _SEED - 1


@dataclass(frozen=True, slots=True)
class Keys:
    """One party's keys of m comparisons of numbers below 2^bits, each with k factors b."""

    seed: Ring  # (m, _SEED), this party's
    seeds: Ring  # (bits, m, _SEED): corrections, the same at both parties
    controls: Bits  # (bits, 2, m)
    values: Ring  # (bits + 1, k, m)

    def __repr__(self) -> str:
        return f"Keys({len(self.seed)} of {len(self.seeds)} bits)"


def _child(seeds: Ring, side: Bits) -> NDArray[Any]:
    """(..., _SEED), (...) -> (..., _HASH): the children of nodes on one side each."""
    message = np.empty((side.size, KEY_BYTES + 1), np.uint8)
    message[:, :KEY_BYTES] = seeds.reshape(-1, _SEED).astype("<u8", copy=False).view(np.uint8)
    message[:, KEY_BYTES] = side.reshape(-1)
    flat, step = message.tobytes(), KEY_BYTES + 1
    hashed = b"".join([blake2b(flat[at : at + step]).digest() for at in range(0, len(flat), step)])
    return np.frombuffer(hashed, "<u8").astype(np.uint64, copy=False).reshape(*side.shape, _HASH)


def _seed(child: NDArray[Any]) -> Ring:
    return child[..., :_SEED]


def _value(child: NDArray[Any], factors: int) -> Ring:
    """(k, ...)"""
    return np.moveaxis(child[..., _SEED : _SEED + factors], -1, 0)


def _control(child: NDArray[Any]) -> Ring:
    returned: Ring = child[..., -1] & word(1)
    return returned


def deal(d: Dealer, bits: int, a: Ring, b: Ring) -> None:
    """Keys of [x < a] · b for a (m,) below 2^bits and b (k, m), k <= MOST_FACTORS."""
    k, m = b.shape
    assert k <= MOST_FACTORS
    seeds = [d.client((m, _SEED)), d.server((m, _SEED))]
    control = [np.zeros(m, np.uint64), np.ones(m, np.uint64)]
    sum_ = np.zeros((k, m), np.uint64)  # of both parties' values so far, on the path to a
    of_seeds, of_controls = np.empty((bits, m, _SEED), np.uint64), np.empty((bits, 2, m), np.uint8)
    of_values = np.empty((bits + 1, k, m), np.uint64)
    for i in range(bits):
        way = (a >> word(bits - 1 - i)) & word(1)
        keep = way.astype(np.uint8)
        kept, lost = ([_child(s, side) for s in seeds] for side in (keep, keep ^ np.uint8(1)))
        sign = word(1) - word(2) * control[1]
        of_seeds[i] = _seed(lost[0]) ^ _seed(lost[1])
        of_values[i] = sign * (_value(lost[1], k) - _value(lost[0], k) - sum_ + way * b)
        sum_ = sum_ + _value(kept[0], k) - _value(kept[1], k) + sign * of_values[i]
        # the control bits differ on the path and agree beside it
        same, other = (_control(pair[0]) ^ _control(pair[1]) for pair in (kept, lost))
        on_path = same ^ word(1)
        of_controls[i, 0] = np.where(keep, other, on_path)
        of_controls[i, 1] = np.where(keep, on_path, other)
        seeds = [_seed(c) ^ (t[:, None] * of_seeds[i]) for c, t in zip(kept, control, strict=True)]
        control = [_control(c) ^ (t & on_path) for c, t in zip(kept, control, strict=True)]
    of_values[bits] = (word(1) - word(2) * control[1]) * (seeds[1][:, :k].T - seeds[0][:, :k].T - sum_)
    d.tell(of_seeds)
    d.tell(of_controls, "bit")
    d.tell(of_values)


def take(p: Party, bits: int, m: int, k: int) -> Keys:
    """What `deal` made, at one party."""
    seed = p.own((m, _SEED))
    return Keys(seed, p.told((bits, m, _SEED)), p.told((bits, 2, m), "bit"), p.told((bits + 1, k, m)))


def evaluate(p: Party, keys: Keys, x: Ring) -> Ring:
    """Shares (k, points, m) of [x < a] · b for x (points, m): local. Only the low bits of x count."""
    bits, k = len(keys.seeds), keys.values.shape[1]
    seeds: Ring = np.broadcast_to(keys.seed, (*x.shape, _SEED))
    control = np.full(x.shape, 0 if p.rank == CLIENT else 1, np.uint64)
    found = np.zeros((k, *x.shape), np.uint64)
    for i in range(bits):
        side = (x >> word(bits - 1 - i)).astype(np.uint8) & np.uint8(1)
        child = _child(seeds, side)
        found += _value(child, k) + control * keys.values[i][:, None]
        seeds = _seed(child) ^ (control[..., None] * keys.seeds[i])
        control = _control(child) ^ (control & np.where(side, keys.controls[i, 1], keys.controls[i, 0]))
    found += np.moveaxis(seeds[..., :k], -1, 0) + control * keys.values[bits][:, None]
    return found if p.rank == CLIENT else word(0) - found
