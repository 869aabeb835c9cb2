"""LSTM, GRU, RNN: defaults explicit, full-length sequences only, time first."""

from collections.abc import Sequence
from dataclasses import replace

from ppc.compiler.frontend.builder import Builder
from ppc.compiler.frontend.node import Node
from ppc.compiler.frontend.normalize.plain import emit
from ppc.ir.module import Attr
from ppc.ir.types import TensorType

_ACTIVATIONS = {"LSTM": ("Sigmoid", "Tanh", "Tanh"), "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",)}
_FLAGS = {"LSTM": "input_forget", "GRU": "linear_before_reset"}


def recurrent(node: Node, b: Builder) -> Sequence[str]:
    """Operands X, W, R, B, "", initial_h[, initial_c, P]."""
    if node.attrs.get("layout", 0):
        return _time_first(node, b)
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


#: Axes of X, Y_h and Y_c, there and back; of Y, back to the batch first.
_SWAP, _BACK = (1, 0, 2), (2, 0, 1, 3)


def _time_first(node: Node, b: Builder) -> Sequence[str]:
    """layout=1: the batch comes first in X, states and results."""
    operands = list(node.inputs)
    for i in (0, 5, 6):
        if node.input(i):
            if len(b.type_of(node.inputs[i]).shape) != 3:
                raise node.refuse(f"operand {i + 1} has no three axes")
            operands[i] = b.transpose(node.inputs[i], _SWAP, node.loc, f"{node.outputs[0] or node.op}_operand_{i}")
    perms = (tuple(_BACK.index(axis) for axis in range(4)), _SWAP, _SWAP)
    types = tuple(
        TensorType(t.dtype, tuple(t.shape[p] for p in perm)) for t, perm in zip(node.types, perms, strict=False)
    )
    inner = replace(node, inputs=tuple(operands), attrs={**node.attrs, "layout": 0}, types=types)
    back = (_BACK, _SWAP, _SWAP)
    return [
        b.transpose(name, perm, node.loc, output) if output else ""
        for name, perm, output in zip(recurrent(inner, b), back, node.outputs, strict=False)
    ]


TABLE = {"GRU": recurrent, "LSTM": recurrent, "RNN": recurrent}
