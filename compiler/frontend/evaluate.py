"""Constant folding while importing: a node with constant operands is run by ONNX's own reference, at its own opset."""

import warnings
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import NodeProto
from onnx.reference import ReferenceEvaluator

from ppc.compiler.frontend.element_types import plain
from ppc.compiler.frontend.node import ML_DOMAIN, canonical_domain
from ppc.ir.diagnostic import fail
from ppc.ir.module import Array

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


def evaluate(
    proto: NodeProto, opsets: Mapping[str, int], operands: Mapping[str, Array], loc: str
) -> list[Array] | None:
    """Results of a node, None where ONNX's reference lacks the operator. Raises UserError PPC1014 where it fails.

    The caller has checked the size of the results.
    """
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
        raise fail(
            "PPC1014", f"{proto.op_type} of constants fails: {type(error).__name__}: {str(error)[:200]}", node=loc
        ) from error
    by_name = dict(zip(names, results, strict=True))
    return [plain(np.asarray(by_name[o])) if o else np.zeros(0) for o in proto.output]


def _element(array: Array) -> int:
    return onnx.TensorProto.STRING if array.dtype.kind == "U" else onnx.helper.np_dtype_to_tensor_dtype(array.dtype)


def _feed(array: Array) -> Array:
    return array.astype(object) if array.dtype.kind == "U" else array
