"""Limits of the import: far above any model that can run privately, far below what fills a machine's memory."""

MAX_MODEL_BYTES = 2**31 - 1  # of the file and, separately, of all external data; protobuf ends here as well
MAX_NODES = 100_000  # after inlining and unrolling
MAX_ELEMENTS = 2**28  # of one tensor
MAX_FOLDED = 2**25  # elements of a tensor that is computed while importing
MAX_FILLED = 2**27  # elements of a constant that is one number throughout: no memory until something reads it
MAX_REFERENCE = 2**16  # elements of the operands of a node that ONNX's reference computes
MAX_UNROLL = 1024  # turns of one Loop or Scan
MAX_DEPTH = 8  # subgraphs within subgraphs
MAX_REPORTED = 20  # unsupported nodes in one report
MAX_IDENTIFIER = 64  # characters of a name in the IR
OLDEST_OPSET = 7  # of ai.onnx; older ones broadcast by other rules
REVIEWED_OPSET = 28  # an operator whose form is newer than this may mean something that ppc does not know
