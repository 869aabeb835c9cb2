"""The table of passes: name in a pipeline → "module:Class", loaded when it is first used."""

from difflib import get_close_matches
from functools import cache
from importlib import import_module

from ppc.ir.diagnostic import InternalError
from ppc.passes.base import Pass

PASSES: dict[str, str] = {
    # imported → folded
    "fold": "ppc.passes.fold:Fold",
    "fold-constants": "ppc.passes.fold_constants:FoldConstants",
    "fold-affine": "ppc.passes.fold_affine:FoldAffine",
    "fold-input-affine": "ppc.passes.fold_input_affine:FoldInputAffine",
    "fold-scale": "ppc.passes.fold_scale:FoldScale",
    "fold-linear-chain": "ppc.passes.fold_linear_chain:FoldLinearChain",
    "fold-transpose": "ppc.passes.fold_transpose:FoldTranspose",
    "fuse-batchnorm": "ppc.passes.fuse_batchnorm:FuseBatchNorm",
    "fuse-gelu": "ppc.passes.fuse_gelu:FuseGelu",
    "fuse-layernorm": "ppc.passes.fuse_layernorm:FuseLayerNorm",
    "canonicalize-arithmetic": "ppc.passes.canonicalize_arithmetic:CanonicalizeArithmetic",
    "canonicalize-conv-transpose": "ppc.passes.canonicalize_conv_transpose:CanonicalizeConvTranspose",
    "canonicalize-gather": "ppc.passes.canonicalize_gather:CanonicalizeGather",
    "canonicalize-gemm": "ppc.passes.canonicalize_gemm:CanonicalizeGemm",
    "canonicalize-ml": "ppc.passes.canonicalize_ml:CanonicalizeMl",
    "canonicalize-resize": "ppc.passes.canonicalize_resize:CanonicalizeResize",
    "canonicalize-svm": "ppc.passes.canonicalize_svm:CanonicalizeSvm",
    "canonicalize-trees": "ppc.passes.canonicalize_trees:CanonicalizeTrees",
    "canonicalize-views": "ppc.passes.canonicalize_views:CanonicalizeViews",
    "dce": "ppc.passes.dce:Dce",
    # labelled → approximated → converted
    "approximate": "ppc.passes.approximate:Approximate",
    "check-ranges": "ppc.passes.check_ranges:CheckRanges",
    "bound-reveals": "ppc.passes.bound_reveals:BoundReveals",
}


class UnknownPass(KeyError):
    """No pass of that name. The message has the nearest names that exist."""

    def __init__(self, name: str):
        near = get_close_matches(name, PASSES, 3)
        super().__init__(f"no pass {name!r}; " + (f"did you mean {', '.join(near)}?" if near else "see `ppc passes`"))

    def __str__(self) -> str:
        return str(self.args[0])


@cache
def pass_class(name: str) -> type[Pass]:
    """The class behind a row of `PASSES`. Raises UnknownPass."""
    if name not in PASSES:
        raise UnknownPass(name)
    module, _, attribute = PASSES[name].partition(":")
    found = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, Pass) and found.name == name):
        raise InternalError(f"row {name!r} of PASSES names {PASSES[name]}, which is not the pass of that name")
    return found
