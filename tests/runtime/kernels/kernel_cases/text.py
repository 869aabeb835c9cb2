"""Cases: text and words, with the attributes after import (tests/compiler/frontend/test_words.py asks onnxruntime)."""

import numpy as np
from kernel_oracle import Case

WORDS = np.array([["a", "b", "a", "b", "c"], ["c", "c", "b", "a", "a"]])
COUNTING = {"min_gram_length": 1, "max_gram_length": 2, "ngram_counts": (0, 2), "ngram_indexes": (3, 0, 1, 2)}

CASES = [
    Case(
        "Tokenizer",
        [np.array(["a bc!d", ""])],
        {"expression": "[a-z]+", "pad": "#", "least": 1, "most": 3},
        expected=[np.array([["a", "bc", "d"], ["#", "#", "#"]])],
    ),
    Case("StringConcat", [WORDS[:, :2], np.array(["!", ""])], expected=[np.array([["a!", "b"], ["c!", "c"]])]),
    Case(
        "StringNormalizer",
        [np.array(["Ab", "É"])],
        {"case_change_action": "LOWER"},
        expected=[np.array(["ab", "é"])],
    ),
    Case("StringNormalizer", [np.array([["Ab"]])], {"case_change_action": "UPPER"}, expected=[np.array([["AB"]])]),
    Case(  # "a", "c", "a b", "b a"
        "TfIdfVectorizer",
        [WORDS],
        COUNTING | {"pool": ("a", "c", "a", "b", "b", "a")},
        expected=[np.array([[1, 2, 1, 2], [2, 0, 1, 2]], np.float32)],
    ),
    Case(  # skipping one: 7 _ 7
        "TfIdfVectorizer",
        [np.array([7, 8, 7, 7], np.int64)],
        {
            "min_gram_length": 2,
            "max_gram_length": 2,
            "max_skip_count": 1,
            "ngram_counts": (0, 0),
            "ngram_indexes": (0,),
            "pool": (7, 7),
        },
        expected=[np.array([2], np.float32)],
    ),
]
