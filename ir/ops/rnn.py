"""Rows of recurrent nets."""

from typing import Any

from ppc.ir.opdef import Kind
from ppc.ir.ops.declare import OpError, Result, Rule, Types, attr, declare
from ppc.ir.ops.rules import FLOATS, of_dtypes, one_of, text
from ppc.ir.types import TensorType
from ppc.runtime.kernels.rnn import ACTIVATIONS


def _recurrent(gates: int, states: int, functions: int) -> Rule:
    """Rule of a cell with so many gates, state results and activation functions a direction."""

    def rule(
        types: Types, *, direction: str, layout: int, activations: Any, hidden_size: int | None, **_: Any
    ) -> Result:
        x, w, r = types[:3]
        one_of("direction", direction, ("forward", "reverse", "bidirectional"))
        one_of("layout", str(layout), ("0", "1"))
        if len(x.shape) != 3 or len(w.shape) != 3 or len(r.shape) != 3:
            raise OpError(f"x, W, R must have rank 3; they are {text(x.shape)}, {text(w.shape)}, {text(r.shape)}")
        hidden, directions = r.shape[2], 1 + (direction == "bidirectional")
        wanted_w, wanted_r = (directions, gates * hidden, x.shape[2]), (directions, gates * hidden, hidden)
        if w.shape != wanted_w or r.shape != wanted_r or hidden_size not in (None, hidden):
            raise OpError(f"W {text(w.shape)} and R {text(r.shape)} should be {text(wanted_w)} and {text(wanted_r)}")
        if len(types) > 3 and types[3] is not None and types[3].shape != (directions, 2 * gates * hidden):
            raise OpError(f"B is {text(types[3].shape)}, not {directions}x{2 * gates * hidden}")
        if activations and len(activations) != functions * directions:
            raise OpError(f"{len(activations)} activations; {functions * directions} are needed")
        for name in activations or ():
            one_of("activation", name.lower(), tuple(ACTIVATIONS))
        time, batch = (x.shape[1], x.shape[0]) if layout else x.shape[:2]
        y = (batch, time, directions, hidden) if layout else (time, directions, batch, hidden)
        last = (batch, directions, hidden) if layout else (directions, batch, hidden)
        return (TensorType(x.dtype, y), *(TensorType(x.dtype, last),) * states)

    return of_dtypes(FLOATS, rule)


_COMMON = (
    attr("activation_alpha", tuple),
    attr("activation_beta", tuple),
    attr("activations", tuple),
    attr("clip", float),
    attr("direction", str, "forward"),
    attr("hidden_size", int),
    attr("layout", int, 0),
)

RNN = declare("RNN", Kind.COMPOUND, (3, 6), _recurrent(1, 1, 1), "Simple recurrent net: Y, Y_h.", *_COMMON)
GRU = declare(
    "GRU",
    Kind.COMPOUND,
    (3, 6),
    _recurrent(3, 1, 2),
    "Gated recurrent net: Y, Y_h.",
    *_COMMON,
    attr("linear_before_reset", int, 0),
)
LSTM = declare(
    "LSTM",
    Kind.COMPOUND,
    (3, 8),
    _recurrent(4, 2, 3),
    "Long short-term memory: Y, Y_h, Y_c.",
    *_COMMON,
    attr("input_forget", int, 0),
)
