"""Which batch-packed linear steps are computed once and held: those whose result several steps read.

What is pending is computed anew by each chain that it is part of, and a matrix product is too dear for that.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any


def read_again(manifest: Mapping[str, Any]) -> frozenset[int]:
    """Numbers of these steps."""
    lines = manifest["steps"]
    reads = Counter(name for line in lines for name in dict.fromkeys(line.get("operands", ())))
    return frozenset(
        line["id"] for line in lines if line["step"] == "he.batch_linear" and any(reads[r] > 1 for r in line["results"])
    )
