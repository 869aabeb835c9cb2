"""A sparse integer matrix times residues, as dense blocks that BLAS multiplies exactly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppc.runtime.he.batch_modular import Floats, Modulus, Parts, Residues, Scratch
from ppc.runtime.levels import MOST_ROW_SUM

Ints = NDArray[np.int64]

#: Outputs and inputs of a dense block: every such output depends on every such input.
Block = tuple[Sequence[int], Sequence[int]]

#: Elements of the arrays that one product of blocks works in, small enough for the second-level cache.
_CACHED = 1 << 16


@dataclass(frozen=True)
class Blocks:
    """Blocks of one shape: `values[g]` maps inputs `cols[g]` to outputs `rows[g]`."""

    rows: Ints  # (count, outputs)
    cols: Ints  # (count, inputs)
    values: Floats  # (count, outputs, inputs), integers

    def together(self, width: int) -> int:
        """How many blocks are multiplied at a time."""
        widest = max(int(self.rows.shape[1]), int(self.cols.shape[1]))
        return max(1, _CACHED // (width * widest))


@dataclass(frozen=True)
class BlockMatrix:
    """y = W x over the integers, and later modulo a prime. Each output is in exactly one block."""

    outputs: int
    inputs: int
    groups: tuple[Blocks, ...]
    row_sum: float  # largest sum of absolute values of a row

    @staticmethod
    def of(blocks: Sequence[Block], values: Floats, outputs: int, inputs: int) -> "BlockMatrix":
        """`values`: the integers of all blocks one after another, each in row-major order.

        A row of zeros would give a ciphertext that hides nothing (SEAL calls it transparent) and tells that its
        weights are zero: its first entry is 1 instead, one unit of the weights' rounding. Raises ValueError where the
        blocks do not cover every output once.
        """
        _check(blocks, len(values), outputs, inputs)
        by_shape: dict[tuple[int, int], list[tuple[Block, Floats]]] = {}
        at = 0
        for rows, cols in blocks:
            size = len(rows) * len(cols)
            entries = values[at : at + size].reshape(len(rows), len(cols)).copy()
            entries[~entries.any(axis=1), 0] = 1.0
            by_shape.setdefault(entries.shape, []).append(((rows, cols), entries))
            at += size
        groups = tuple(
            Blocks(
                np.array([rows for (rows, _), _ in found], np.int64),
                np.array([cols for (_, cols), _ in found], np.int64),
                np.stack([entries for _, entries in found]),
            )
            for found in by_shape.values()
        )
        row_sum = max((float(np.abs(g.values).sum(axis=2).max()) for g in groups), default=0.0)
        if row_sum > MOST_ROW_SUM:
            raise ValueError(f"the weights of a row sum to {row_sum:g}, exact products take {MOST_ROW_SUM:g}")
        return BlockMatrix(outputs, inputs, groups, row_sum)

    def parts(self, modulus: Modulus) -> Parts:
        """How residues are cut for this matrix."""
        return Parts.of(modulus.bits, self.row_sum)

    def times(self, x: Residues, bias: Floats | None, modulus: Modulus, out: Residues, scratch: Scratch) -> None:
        """out = W x + bias mod q. `x`: (inputs, n), any strides; `out`: (outputs, n).

        `bias`: cut into parts, (parts, outputs).
        """
        parts = self.parts(modulus)
        cut = scratch.floats(parts.count, *x.shape)
        parts.split(x, cut)
        for group in self.groups:
            step = group.together(x.shape[1])
            for at in range(0, len(group.rows), step):
                self._blocks(group, slice(at, at + step), cut, bias, modulus, parts, out, scratch)
        scratch.give(cut)

    def _blocks(
        self,
        group: Blocks,
        some: slice,
        cut: Floats,
        bias: Floats | None,
        modulus: Modulus,
        parts: Parts,
        out: Residues,
        scratch: Scratch,
    ) -> None:
        rows, cols, values = group.rows[some], group.cols[some], group.values[some]
        (count, outputs), n = rows.shape, out.shape[1]
        sums = [scratch.floats(count, outputs, n) for _ in range(parts.count)]
        whole = count == 1 and len(cols[0]) == self.inputs and _consecutive(cols[0])
        gathered = None if whole else scratch.floats(*cols.shape, n)
        for k, (part, sum_) in enumerate(zip(cut, sums, strict=True)):
            if gathered is None:
                np.matmul(values, part[None], out=sum_)
            else:
                np.take(part, cols, axis=0, out=gathered, mode="clip")
                np.matmul(values, gathered, out=sum_)
            if bias is not None:
                sum_ += bias[k][rows][:, :, None]
        if count == 1 and _consecutive(rows[0]):
            modulus.join(sums, parts.bits, out[rows[0, 0] : rows[0, 0] + outputs][None], scratch)
        else:
            joined = scratch.words(count, outputs, n)
            modulus.join(sums, parts.bits, joined, scratch)
            out[rows] = joined
            scratch.give(joined)
        scratch.give(*sums, *([] if gathered is None else [gathered]))


def _check(blocks: Sequence[Block], entries: int, outputs: int, inputs: int) -> None:
    """Raises ValueError unless every output is in one block, every block reads something, and all within bounds."""
    rows = np.array([r for block, _ in blocks for r in block], np.int64)
    cols = np.array([c for _, block in blocks for c in block], np.int64)
    if not all(r and c for r, c in ((len(r), len(c)) for r, c in blocks)):
        raise ValueError("a block is empty")
    if not np.array_equal(np.sort(rows), np.arange(outputs)):
        raise ValueError(f"the blocks do not write each of {outputs} outputs once")
    if cols.min(initial=0) < 0 or cols.max(initial=0) >= inputs:
        raise ValueError(f"a block reads past {inputs} inputs")
    size = sum(len(r) * len(c) for r, c in blocks)
    if size != entries:
        raise ValueError(f"blocks of {size} entries with {entries} weights")


def _consecutive(rows: Ints) -> bool:
    return bool(np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))))
