"""In which order a linear step does its work, and what it holds meanwhile: integers only, no ciphertext.

Rotated inputs (babies) and sums of products that wait for their own rotation (giants) are what takes memory. Where
there are more babies than sums, babies come in blocks while all sums grow; else all babies stay and the sums come one
after another, each added to the next of its tree as soon as it is there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ppc.runtime.errors import PartyError
from ppc.runtime.he.attrs import Term

#: Work of an operation in products with a plaintext, as measured: a rotation is 10 of them at one prime, 15 at three.
ROTATION, RESCALING, ADDITION = 12.0, 4.0, 0.25

#: Most products that one task adds up for each output that it reads: long enough to keep a sum in the cache.
BLOCK = 4

Baby = tuple[int, int]  # input ciphertext, rotation; (i, 0) is the input itself
Sum = tuple[int, int]  # output ciphertext, rotation that it still needs


@dataclass(frozen=True, slots=True)
class Turn:
    """Make a rotated input from one that is there, by a step that has a key."""

    made: Baby
    of: Baby
    key: int
    after: frozenset[int]


@dataclass(frozen=True, slots=True)
class Multiply:
    """Add products of rotated inputs with diagonals (their numbers) to a sum."""

    sum: Sum
    pairs: tuple[tuple[Baby, int], ...]
    after: frozenset[int]


@dataclass(frozen=True, slots=True)
class TurnSum:
    """Rotate a sum in its place."""

    sum: Sum
    key: int
    after: frozenset[int]


@dataclass(frozen=True, slots=True)
class Merge:
    """Add a rotated sum to the one that is next on the way to the output."""

    sum: Sum
    into: Sum
    after: frozenset[int]


@dataclass(frozen=True, slots=True)
class Finish:
    """Post-sums, rescaling and bias of an output."""

    output: int
    after: frozenset[int]


Operation = Turn | Multiply | TurnSum | Merge | Finish


@lru_cache(maxsize=256)
def once_ordered(
    terms: tuple[Term, ...], outputs: int, keys: frozenset[int], slots: int, threads: int
) -> tuple[Sequence[Operation], Mapping[Baby, int]]:
    """`order` and `reads_of`, remembered from pass to pass."""
    operations = order(terms, outputs, keys, slots, threads)
    return operations, reads_of(operations)


def order(terms: Sequence[Term], outputs: int, keys: frozenset[int], slots: int, threads: int = 1) -> list[Operation]:
    """Every operation after those that it waits for, as one thread does them.

    `threads` is how far several may run ahead: it bounds the memory, and changes nothing else. Raises PartyError
    PPC6006 where a rotation cannot be reached by the keys.
    """
    reads: dict[Sum, dict[Baby, list[int]]] = {}
    for t, (i, o, baby, giant) in enumerate(terms):
        reads.setdefault((o, giant % slots), {}).setdefault((i, baby % slots), []).append(t)
    trees = [rotation_tree((g for at, g in reads if at == o), keys, slots) for o in range(outputs)]
    moves = {(o, s): ((o, parent), key) for o, tree in enumerate(trees) for s, parent, key in tree}
    sums = [(o, s) for o, tree in enumerate(trees) for s in [*(s for s, _, _ in reversed(tree)), 0]]
    made: dict[Baby, tuple[Baby, int]] = {}
    for i in sorted({t[0] for t in terms}):
        tree = rotation_tree((t[2] for t in terms if t[0] == i), keys, slots)
        made |= {(i, s): ((i, parent), key) for s, parent, key in tree}
    read = {b for found in reads.values() for b in found}
    babies = [b for i in sorted({t[0] for t in terms}) for b in [(i, 0), *(m for m in made if m[0] == i)] if b in read]
    whole = len(made) <= len(sums)
    blocks = [babies] if whole else [babies[i : i + BLOCK] for i in range(0, len(babies), BLOCK)]

    out: list[Operation] = []
    turned: dict[Baby, int] = {}
    writer: dict[Sum, int] = {}
    ended: list[list[int]] = []  # operations that end a block

    def put(operation: Operation) -> int:
        out.append(operation)
        return len(out) - 1

    def wrote(s: Sum) -> frozenset[int]:
        return frozenset({writer[s]} if s in writer else ())

    for n, block in enumerate(blocks):
        early = frozenset(ended[n - 1 - threads] if n > threads else ())  # a thread more may be turning
        for b in block:
            if b in made:
                parent, key = made[b]
                needs = frozenset({turned[parent]} if parent in turned else ())
                turned[b] = put(Turn(b, parent, key, needs | early))
        last, closed = n == len(blocks) - 1, list[int]()
        for s in sums:
            here = [b for b in block if b in reads.get(s, {})]
            # where all babies stay, only some sums may be begun before earlier ones are merged
            early = frozenset(closed[-2 * threads :][:1] if whole and len(closed) >= 2 * threads else ())
            for at in range(0, len(here), BLOCK):
                pairs = tuple((b, t) for b in here[at : at + BLOCK] for t in reads[s][b])
                needs = frozenset(turned[b] for b, _ in pairs if b in turned)
                writer[s] = put(Multiply(s, pairs, needs | wrote(s) | early))
            if last and s in moves:
                into, key = moves[s]
                turn = put(TurnSum(s, key, wrote(s)))
                writer[into] = put(Merge(s, into, wrote(into) | {turn}))
            elif last:
                put(Finish(s[0], wrote(s)))
            closed.append(len(out) - 1)
        ended.append([writer[s] for s in sums if s in writer])
    return out


def parallelism(operations: Sequence[Operation], inputs: int, pre: int, post: int) -> float:
    """Work of a linear step over that of the longest chain in it: how many threads it can keep busy.

    `inputs`: the ciphertexts that `pre` rotate-and-adds come before; each output has `post` of them in its `Finish`.
    """
    turn = ROTATION + ADDITION

    def work(op: Operation) -> float:
        match op:
            case Turn() | TurnSum():
                return ROTATION
            case Multiply():
                return len(op.pairs) * (1 + ADDITION)
            case Merge():
                return ADDITION
            case Finish():
                return post * turn + RESCALING

    ends: list[float] = []
    for op in operations:
        ends.append(work(op) + max((ends[i] for i in op.after), default=pre * turn))
    return (inputs * pre * turn + sum(map(work, operations))) / max(ends, default=1.0)


def most_alive(operations: Sequence[Operation]) -> int:
    """Ciphertexts that one thread holds at a time: rotated inputs, sums, one in the making; not inputs and results."""
    readers = reads_of(operations)
    babies, sums, most = set[Baby](), set[Sum](), 0
    for op in operations:
        if isinstance(op, Turn):
            babies.add(op.made)
            used = [op.of]
        elif isinstance(op, Multiply):
            sums.add(op.sum)
            used = [b for b, _ in op.pairs]
        elif isinstance(op, Merge):
            sums.add(op.into)
        most = max(most, len(babies) + len(sums) + 1)
        if isinstance(op, Turn | Multiply):
            for b in set(used):
                readers[b] -= 1
                if not readers[b]:
                    babies.discard(b)
        elif isinstance(op, Merge):
            sums.discard(op.sum)
        elif isinstance(op, Finish):
            sums.discard((op.output, 0))
    return most


def reads_of(operations: Iterable[Operation]) -> Counter[Baby]:
    """How many operations read each rotated input: it goes after the last."""
    readers: Counter[Baby] = Counter()
    for op in operations:
        if isinstance(op, Turn):
            readers[op.of] += 1
        elif isinstance(op, Multiply):
            readers.update({b for b, _ in op.pairs})
    return readers


def rotation_tree(needed: Iterable[int], keys: frozenset[int], slots: int) -> list[tuple[int, int, int]]:
    """How to reach every needed rotation from 0: (step, from, key step), parents first.

    A step that has a key is one rotation of the input; one without goes over other needed steps, so that a few keys
    serve many rotations at the same number of rotations. Raises PartyError PPC6006 where that is not enough.
    """
    todo = {s % slots for s in needed} - {0}
    tree = [(s, 0, s) for s in sorted(todo & keys)]
    reached = [0, *(s for s, _, _ in tree)]
    todo -= set(reached)
    at = 0
    while todo and at < len(reached):
        for key in sorted(keys):
            step = (reached[at] + key) % slots
            if step in todo:
                tree.append((step, reached[at], key))
                reached.append(step)
                todo.remove(step)
        at += 1
    if todo:
        raise PartyError("PPC6006", f"plan.json lists no Galois key that reaches rotation by {min(todo)}")
    return tree
