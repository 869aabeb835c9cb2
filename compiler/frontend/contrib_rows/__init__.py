"""All rows of the fused operators, by name."""

from collections.abc import Mapping

from ppc.compiler.frontend.contrib import Row
from ppc.compiler.frontend.contrib_rows import attention, dense, quantized

ROWS: Mapping[str, Row] = {**attention.ROWS, **dense.ROWS, **quantized.ROWS}
