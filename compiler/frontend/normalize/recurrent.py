"""LSTM, GRU, RNN: defaults explicit, full-length sequences only, time first."""

from collections.abc import Sequence

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import emit
from ppc.ir.module import Attr

_ACTIVATIONS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_FLAGS = {"LSTM": "input_forget", "GRU": "linear_before_reset"}


def recurrent(node: Node, b: Builder) -> Sequence[str]:
    """Operands X, W, R, B, "", initial_h[, initial_c, P]."""
    if node.attrs.get("layout", 0):
        raise node.refuse("layout=1 (batch first)", "export with layout=0 and a Transpose")
    length = b.type_of(node.inputs[0]).shape[0]
    operands = list(node.inputs)
    if node.input(4):
        lengths = b.data(node.inputs[4])
        if lengths is None or (lengths != length).any():
            raise node.refuse("sequence_lens other than the full length", "pad or cut the sequences before the model")
        operands[4] = ""
    directions = 2 if node.attrs["direction"] == "bidirectional" else 1
    wanted = len(_ACTIVATIONS[node.op]) * directions
    given = tuple(node.attrs.get("activations", ()))  # the default of RNN's schema is for two directions
    if 0 < len(given) < wanted:
        raise node.refuse(f"{len(given)} activations; {wanted} are needed")
    activations = given[:wanted] or _ACTIVATIONS[node.op] * directions
    attrs: dict[str, Attr] = {
        "hidden_size": int(node.attrs.get("hidden_size", b.type_of(node.inputs[2]).shape[-1])),
        "direction": node.attrs["direction"],
        "activations": activations,
    }
    for name in ("activation_alpha", "activation_beta", "clip"):
        if name in node.attrs:
            attrs[name] = node.attrs[name]
    if node.op in _FLAGS:
        attrs[_FLAGS[node.op]] = int(node.attrs.get(_FLAGS[node.op], 0))
    return emit(node, b, operands, attrs)


TABLE = {"GRU": recurrent, "LSTM": recurrent, "RNN": recurrent}
