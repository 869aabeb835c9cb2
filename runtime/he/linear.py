"""`he.linear` on ciphertexts: diagonals by baby-step giant-step (Halevi and Shoup, 2014), with post-sums."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tenseal.sealapi as seal

from ppc.runtime.errors import PartyError
from ppc.runtime.he import vector
from ppc.runtime.he.attrs import Term
from ppc.runtime.he.context import Context, pin_scale
from ppc.runtime.he.keys import ServerKeys
from ppc.runtime.he.linear_order import (
    Baby,
    Finish,
    Merge,
    Multiply,
    Operation,
    Sum,
    Turn,
    TurnSum,
    once_ordered,
)
from ppc.runtime.he.schedule import Task, Workers


def evaluate(
    context: Context,
    keys: ServerKeys,
    inputs: Sequence[Any],
    terms: Sequence[Term],
    diagonals: Sequence[Any],
    bias: Sequence[Any],
    pre: Sequence[int],
    post: Sequence[int],
    weight_scale: float,
    result: tuple[int, float],
    workers: Workers,
) -> list[Any]:
    """Ciphertexts at the level and scale `result`: rescaled once where that level is the next one, else not at all.
    `pre` and `post`: rotate-and-adds before and after the terms. The same residues whatever the number of threads.

    Rotations of an input are made once for all terms; a giant rotation once for each output. Giants of one output
    share key steps from the leaves of their tree to the root.
    """
    inputs = workers.map(lambda c: rotate_and_add(context, keys, c, pre), inputs)
    layer = _Layer(context, keys, inputs, diagonals, bias, post, weight_scale, result)
    operations, readers = once_ordered(tuple(terms), len(bias), layer.steps, context.slots, workers.threads)
    layer.readers = dict(readers)
    workers.run([Task(layer.work(op), op.after) for op in operations])
    return layer.results


def rotate_and_add(context: Context, keys: ServerKeys, a: Any, steps: Sequence[int]) -> Any:
    """a += rot(a, s) for each step in turn; a new ciphertext where there is a step."""
    have = keys.steps(context.level(a))
    for step in (s % context.slots for s in steps):
        if step not in have:
            raise PartyError(
                "PPC6006", f"plan.json lists no Galois key for rotation by {step} at level {context.level(a)}"
            )
        turned = vector.rotate(context, keys, a, step)
        context.arithmetic.add(turned, a)
        a = turned
    return a


class _Layer:
    """What the tasks of one step share. A sum has one writer at a time; the order sees to it."""

    def __init__(
        self,
        context: Context,
        keys: ServerKeys,
        inputs: Sequence[Any],
        diagonals: Sequence[Any],
        bias: Sequence[Any],
        post: Sequence[int],
        weight_scale: float,
        result: tuple[int, float],
    ):
        self.context, self.keys, self.diagonals, self.bias, self.post = context, keys, diagonals, bias, post
        self.level, self.result = context.level(inputs[0]), result
        self.product_scale = inputs[0].scale * weight_scale
        self.steps = keys.steps(self.level)
        self.turned: dict[Baby, Any] = {(i, 0): c for i, c in enumerate(inputs)}
        self.readers: dict[Baby, int] = {}
        self.lock = threading.Lock()
        self.sums: dict[Sum, Any] = {}
        self.results: list[Any] = [None] * len(bias)

    def work(self, op: Operation) -> Callable[[], None]:
        actions: dict[type, Callable[[Any], None]] = {
            Turn: self._turn,
            Multiply: self._multiply,
            TurnSum: self._turn_sum,
            Merge: self._merge,
            Finish: self._finish,
        }
        return partial(actions[type(op)], op)

    def _rotate(self, a: Any, key: int) -> Any:
        return vector.rotate(self.context, self.keys, a, key)

    def _turn(self, op: Turn) -> None:
        self.turned[op.made] = self._rotate(self.turned[op.of], op.key)
        self._read({op.of})

    def _multiply(self, op: Multiply) -> None:
        pairs = [(self.turned[b], self.diagonals[t]) for b, t in op.pairs]
        total = self.sums.get(op.sum)
        self.sums[op.sum] = self.context.arithmetic.sum_of_products(pairs, self.product_scale, total)
        del pairs
        self._read({b for b, _ in op.pairs})

    def _turn_sum(self, op: TurnSum) -> None:
        self.sums[op.sum] = self._rotate(self.sums[op.sum], op.key)

    def _merge(self, op: Merge) -> None:
        self.sums[op.into] = vector.accumulate(self.context, self.sums.get(op.into), self.sums.pop(op.sum))

    def _finish(self, op: Finish) -> None:
        total = self.sums.pop((op.output, 0), None)
        if total is None:  # no term at all: an encryption of zero stands for the sum
            total = seal.Ciphertext()
            self.keys.encryptor.encrypt_zero(self.context.parms_ids[self.level], total)
            total.scale = self.product_scale
        total = rotate_and_add(self.context, self.keys, total, self.post)
        if self.result[0] < self.level:
            vector.rescale(self.context, total, self.result[1])
        else:
            pin_scale(total, self.result[1])
        self.context.arithmetic.add_plain(total, self.bias[op.output])
        self.results[op.output] = total

    def _read(self, babies: set[Baby]) -> None:
        """Let rotated inputs go after their last reader. The inputs themselves are the caller's."""
        with self.lock:
            for b in babies:
                self.readers[b] -= 1
                if not self.readers[b] and b[1]:
                    del self.turned[b]
