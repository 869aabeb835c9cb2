"""Constant folding while importing: by ppc's kernels, and where they lack an operator by ONNX's own reference."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from ppc.compiler.frontend.element_types import NUMPY_OF, plain
from ppc.compiler.frontend.limits import MAX_REFERENCE
from ppc.compiler.frontend.node import ML_DOMAIN, canonical_domain
from ppc.ir.diagnostic import UserError, fail
from ppc.ir.module import Array, Attr
from ppc.ir.opdef import Kind
from ppc.ir.ops import opdef
from ppc.ir.types import TensorType
from ppc.runtime import kernels
from ppc.runtime.errors import PartyError

#: Never folded: each run gives another result.
RANDOM = frozenset(
    ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout"]
)
#: Their result is at most as large as their operand, though its shape depends on the data.
SHRINKING = frozenset({"NonZero", "Compress", "Unique"})


def can_evaluate(proto: NodeProto) -> bool:
    """Whether a node is a pure function of its operands that ONNX defines."""
    known = canonical_domain(proto.domain) in ("", ML_DOMAIN)
    return known and proto.op_type not in RANDOM and not any(a.HasField("g") or a.graphs for a in proto.attribute)


def run_kernel(
    op: str, operands: Sequence[Array | None], attrs: Mapping[str, Attr], types: Sequence[TensorType], loc: str
) -> list[Array]:
    """Results of an operator of the IR on constants, in the element types that it has. Raises UserError PPC1014.

    The shape rule has agreed to operands and attributes; values that the kernel cannot take end here.
    """
    try:
        if opdef(op).kind is Kind.VIEW:  # computes nothing, so that nothing need be widened
            found = kernels.kernel(op)(*operands, **attrs)
            results = found if isinstance(found, tuple) else (found,)
        else:
            results = kernels.run(op, operands, attrs)
    except (PartyError, ValueError, IndexError, TypeError, ArithmeticError, MemoryError) as error:
        raise _failed(op, error, loc) from error
    with np.errstate(all="ignore"):
        return [
            np.asarray(r).astype(NUMPY_OF.get(t.dtype, np.str_), copy=False)
            for r, t in zip(results, types, strict=False)
        ]


def _failed(op: str, error: Exception, loc: str) -> UserError:
    text = f"{op} of constants fails: {type(error).__name__}: {str(error)[:200]}"
    return fail("PPC1014", text, node=loc)


def evaluate(
    proto: NodeProto, opsets: Mapping[str, int], operands: Mapping[str, Array], loc: str
) -> list[Array] | None:
    """Results of a node, None where ONNX's reference lacks the operator or there is too much to do for it (it is made
    to be read, not to be fast). Raises UserError PPC1014 where it fails.

    The caller has checked the size of the results.
    """
    if sum(a.size for a in operands.values()) > MAX_REFERENCE:
        return None
    info = [onnx.helper.make_tensor_value_info(n, _element(a), a.shape) for n, a in operands.items()]
    names = [o for o in proto.output if o]
    out = [onnx.helper.make_value_info(n, onnx.TypeProto()) for n in names]
    rows = [onnx.helper.make_opsetid(d, v) for d, v in opsets.items()]
    try:
        model = onnx.helper.make_model(onnx.helper.make_graph([proto], "node", info, out), opset_imports=rows)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(model).run(None, {n: _feed(a) for n, a in operands.items()})
    except (NotImplementedError, ImportError):
        return None
    except Exception as error:  # the reference raises whatever numpy raised on the model's data
        raise _failed(proto.op_type, error, loc) from error
    by_name = dict(zip(names, results, strict=True))
    return [plain(np.asarray(by_name[o])) if o else np.zeros(0) for o in proto.output]


def _element(array: Array) -> int:
    return onnx.TensorProto.STRING if array.dtype.kind == "U" else onnx.helper.np_dtype_to_tensor_dtype(array.dtype)


def _feed(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind == "U" else array
