"""Which operators have a meaning here, and what is said of the others."""

import onnx

from ppc.compiler.frontend.contrib import MICROSOFT
from ppc.compiler.frontend.contrib_rows import ROWS as FUSED
from ppc.compiler.frontend.control_flow import CONTROL_FLOW
from ppc.compiler.frontend.evaluate import RANDOM
from ppc.compiler.frontend.function_body import has_body
from ppc.compiler.frontend.known_ops import known_ops
from ppc.compiler.frontend.limits import REVIEWED_OPSET
from ppc.compiler.frontend.node import ML_DOMAIN
from ppc.compiler.frontend.normalize import has_normaliser
from ppc.compiler.frontend.sequences import SEQUENCES
from ppc.ir.diagnostic import Diagnostic

#: They only ever make constants here: their operands decide shapes.
CONSTANTS = frozenset({"Constant", "ConstantOfShape", "Range", "EyeLike", "Shape", "Size"})

#: Operators whose result has as many elements as the data says, and that need no protection before their input.
AT_THE_CLIENT = {
    "Tokenizer": "how many words a text has, every party would see: say how many it has at most, --dim RESULT:AXIS=MOST"
    " with the last axis of its result; or split text into words before the model",
    "DecodeImage": "decode the image before the model, and make its pixels the model's input",
    "ImageDecoder": "decode the image before the model, and make its pixels the model's input",
}


def in_terms_of_ppc(name: str, domain: str) -> bool:
    """Whether an operator has a row in the IR, or a normaliser that puts it in terms of those that have."""
    return domain in ("", ML_DOMAIN) and name not in CONSTANTS and (name in known_ops() or has_normaliser(name))


def is_supported(name: str, domain: str, schema: onnx.defs.OpSchema | None) -> bool:
    """Whether an operator can be imported at all; a form of it may still be refused."""
    if domain == "" and schema is not None and schema.since_version > REVIEWED_OPSET:
        return False
    if in_terms_of_ppc(name, domain):
        return True
    if domain == "" and (name in CONTROL_FLOW or name in SEQUENCES or name in CONSTANTS):
        return True
    return is_fused(name, domain) or (has_body(schema) and name not in RANDOM)


def is_fused(name: str, domain: str) -> bool:
    """Whether an operator is one that onnxruntime's optimiser makes, and ppc takes apart again."""
    return domain == MICROSOFT and name in FUSED


def unsupported(name: str, domain: str, opset: int, loc: str, source: str | None) -> Diagnostic:
    """PPC1010 for a node."""
    if name in AT_THE_CLIENT:
        help = AT_THE_CLIENT[name]
    elif domain not in ("", ML_DOMAIN):
        help = "standard ONNX operators only: export without custom operators, or cut this part off the model"
    elif name in RANDOM:
        help = "a plan gives the same outputs for the same inputs: draw the numbers before the model, as an input"
    else:
        help = "export so that it is decomposed into simpler operators (`ppc ops` lists them)"
    return Diagnostic(
        "PPC1010",
        f"operator {name} of {domain or 'ai.onnx'} opset {opset or '?'} is not supported",
        node=loc,
        source=source,
        facts={"op": name, "domain": domain or "ai.onnx", "opset": opset},
        help=help,
    )
