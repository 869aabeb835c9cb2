"""Rows of operators on text and on words. Text stays with its owner; only what it becomes is protected otherwise."""

from itertools import pairwise
from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Types, attr, declare, need
from ppc.ir.ops.rules import elementwise, of_dtypes, one_of
from ppc.ir.types import TensorType

#: Numbers in the pool of n-grams, and n-grams that a row is looked at for.
MOST_POOLED, MOST_GRAMS = 1 << 22, 1 << 24


def _normalized(types: Types, *, case_change_action: str) -> Result:
    one_of("case_change_action", case_change_action, ("LOWER", "UPPER"))
    return (types[0],)


def _counted(
    types: Types,
    *,
    min_gram_length: int,
    max_gram_length: int,
    max_skip_count: int,
    ngram_counts: Any,
    ngram_indexes: Any,
    pool: Any,
) -> Result:
    (x,) = types
    if len(x.shape) not in (1, 2):
        raise OpError(f"TfIdfVectorizer of {x}: it takes a row of words, or one a sample")
    if not 1 <= min_gram_length <= max_gram_length <= len(ngram_counts) or max_skip_count < 0:
        raise OpError(
            f"TfIdfVectorizer: n-grams of {min_gram_length} to {max_gram_length}, {len(ngram_counts)} counts, "
            f"up to {max_skip_count} skipped"
        )
    ends = (*ngram_counts, len(pool))
    lengths = [end - start for start, end in pairwise(ends)]
    if ends[0] != 0 or min(lengths) < 0 or any(n % (i + 1) for i, n in enumerate(lengths)):
        raise OpError(f"TfIdfVectorizer: ngram_counts {ngram_counts} do not divide a pool of {len(pool)}")
    grams = sum(n // (i + 1) for i, n in enumerate(lengths))
    if len(ngram_indexes) != grams or not grams or min(ngram_indexes) < 0:
        raise OpError(f"TfIdfVectorizer: {len(ngram_indexes)} indexes of {grams} n-grams")
    if {type(entry) for entry in pool} != {str if x.dtype == "str" else int}:
        raise OpError(f"TfIdfVectorizer: words of type {x.dtype}, and a pool of another")
    looked = (max_skip_count + 1) * (max_gram_length - min_gram_length + 1) * x.size
    width = max(ngram_indexes) + 1
    if len(pool) > MOST_POOLED or width > MOST_POOLED or looked > MOST_GRAMS:
        raise OpError(f"TfIdfVectorizer: a pool of {len(pool)}, {width} results, {looked} n-grams are too many")
    return (TensorType("f32", (*x.shape[:-1], width)),)


def _split(types: Types, *, expression: str, pad: str, least: int, most: int) -> Result:
    (x,) = types
    if not 1 <= most <= MOST_GRAMS // max(x.size, 1) or least < 1:
        raise OpError(f"Tokenizer of {x}: at most {most} words of {least} characters or more")
    return (TensorType("str", (*x.shape, most)),)


STRINGCONCAT = declare("StringConcat", Kind.OTHER, 2, of_dtypes("str", elementwise()), "Texts one after the other.")

STRINGNORMALIZER = declare(
    "StringNormalizer",
    Kind.OTHER,
    1,
    of_dtypes("str", _normalized),
    "Texts in lower or upper case.",
    need("case_change_action", str),
)

TOKENIZER = declare(
    "Tokenizer",
    Kind.OTHER,
    1,
    of_dtypes("str", _split),
    "The words of each text, filled up to as many of all.",
    need("expression", str),
    need("pad", str),
    need("least", int),
    need("most", int),
)

TFIDFVECTORIZER = declare(
    "TfIdfVectorizer",
    Kind.OTHER,
    1,
    of_dtypes("str i32 i64", _counted),
    "How often each n-gram of the pool occurs in a row of words.",
    need("min_gram_length", int),
    need("max_gram_length", int),
    attr("max_skip_count", int, 0),
    need("ngram_counts", tuple),
    need("ngram_indexes", tuple),
    need("pool", tuple),
)
