"""Kernels on text and words."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ppc.runtime.errors import PartyError
from ppc.runtime.kernels import Array

Gram = tuple[int | str, ...]

#: Expressions that are one class of characters, once or more: matched in linear time, whoever wrote them.
_LINEAR = re.compile(r"(\[\^?(?:[^\\\[\]^]|\\[wds.\]\\-])+\]|\\[wdWDS])\+")


def words_of(expression: str) -> "re.Pattern[str] | None":
    """What finds words, for an expression such as `[a-z]+` or `\\w+`; None for one of another form."""
    if not _LINEAR.fullmatch(expression):
        return None
    try:
        return re.compile(expression, re.ASCII)
    except re.error:
        return None


def tokenizer(x: Array, *, expression: str, pad: str, least: int, most: int) -> Array:
    """Words of at least `least` characters, filled up with `pad` to `most` of them on a new last axis."""
    words = words_of(expression)
    if words is None:
        raise PartyError("PPC6006", "a plan splits text by an expression that is not one class of characters")
    rows = [[word for word in words.findall(text) if len(word) >= least] for text in x.reshape(-1).tolist()]
    longest = max(map(len, rows), default=0)
    if longest > most:
        raise PartyError(
            "PPC6005",
            f"a text has {longest} words, and the plan was compiled for at most {most}",
            help="compile with a larger --dim for the words, or shorten the text",
        )
    return np.array([[*row, *[pad] * (most - len(row))] for row in rows], np.str_).reshape(*x.shape, most)


def string_normalizer(x: Array, *, case_change_action: str) -> Array:
    change = np.strings.lower if case_change_action == "LOWER" else np.strings.upper
    changed: Array = change(x)
    return changed


def tf_idf_vectorizer(
    x: Array,
    *,
    min_gram_length: int,
    max_gram_length: int,
    max_skip_count: int = 0,
    ngram_counts: Sequence[int],
    ngram_indexes: Sequence[int],
    pool: Sequence[int | str],
) -> Array:
    """Counts of n-grams in each row of words. `pool` has the n-grams one after the other, those of n words from
    ngram_counts[n - 1] on; number i of all adds to result ngram_indexes[i]. Words of an n-gram are `skip` + 1 apart,
    for each skip up to max_skip_count; single words are counted once."""
    found = _places(ngram_counts, pool)
    counts = np.zeros((*x.shape[:-1], max(ngram_indexes) + 1))
    rows = counts.reshape(-1, counts.shape[-1])
    for words, row in zip(x.reshape(len(rows), -1).tolist(), rows, strict=True):
        for n in range(min_gram_length, max_gram_length + 1):
            for step in range(1, 2 if n == 1 else max_skip_count + 2):
                for start in range(len(words) - step * (n - 1)):
                    place = found.get(tuple(words[start : start + step * (n - 1) + 1 : step]))
                    if place is not None:
                        row[ngram_indexes[place]] += 1
    return counts


def _places(ngram_counts: Sequence[int], pool: Sequence[int | str]) -> dict[Gram, int]:
    """Which n-gram of the pool a tuple of words is."""
    found: dict[Gram, int] = {}
    for n, (start, end) in enumerate(pairwise((*ngram_counts, len(pool))), 1):
        for at in range(start, end, n):
            found.setdefault(tuple(pool[at : at + n]), len(found))
    return found
