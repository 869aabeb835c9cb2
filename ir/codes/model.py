"""Codes 1xxx: the model cannot be read, checked, shaped or expressed in ppc's operators."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC1001",
        "this is not an ONNX model",
        "The bytes do not parse as an ONNX protobuf, or the protobuf has no graph. A download that was cut short, a "
        "Git LFS pointer and a .pt or .h5 file look like this.",
        "Compare the file's size with its source, and export the model to ONNX again.",
    ),
    Code(
        "PPC1002",
        "the model file cannot be read",
        "The path does not exist, is a folder, or may not be read by this user.",
        "Check the path and its permissions.",
    ),
    Code(
        "PPC1003",
        "the model is too large",
        "A model file, one tensor, or the whole graph is above a limit of ppc. The limits stop a small hostile file "
        "from taking all memory, and lie far above what encrypted computation can run.",
        "Export a smaller model, or a smaller input or batch; a tensor of this size cannot be evaluated privately.",
    ),
    Code(
        "PPC1004",
        "external data points outside the model's folder",
        "A tensor keeps its data in another file, whose path is absolute, climbs out with '..', passes a symbolic "
        "link, or is a hard link to a file elsewhere. A model from a stranger could read any file of yours this way.",
        "Put the data files beside the model as plain files and save the model with relative names.",
    ),
    Code(
        "PPC1005",
        "external data is missing or damaged",
        "The file that a tensor names is not there, or its offset and length do not fit the file or the tensor.",
        "Copy the model together with all its data files, or save it again with its data inside.",
    ),
    Code(
        "PPC1006",
        "the model breaks the rules of ONNX",
        "onnx.checker refuses the model: a node has a wrong attribute, too many inputs, or an unknown form.",
        "Export the model again with a current exporter; the message says what the checker found.",
    ),
    Code(
        "PPC1007",
        "this opset version is not supported",
        "ppc reads ai.onnx from opset 7 on, as far as the installed onnx package goes. Older ones broadcast by other "
        "rules; of newer ones the package has no description.",
        "Export with opset 21 (`torch.onnx.export(..., opset_version=21)`), convert with "
        "onnx.version_converter, or install a newer onnx package.",
    ),
    Code(
        "PPC1008",
        "the graph is not well formed",
        "A name is defined twice, is read before it is defined (a cycle, or nodes out of order), or is not "
        "defined at all.",
        "Export the model again; a tool that edited the graph has left it inconsistent.",
    ),
    Code(
        "PPC1009",
        "a tensor's data does not fit its shape or type",
        "The bytes of a weight are fewer or more than its shape and type need, or the tensor is sparse.",
        "Export the model again with dense weights.",
    ),
    Code(
        "PPC1010",
        "an operator is not supported",
        "No kernel of ppc has the meaning of this operator, so no plan could run it, not even in clear.",
        "Export without it (most exporters can decompose it), or cut it off the model and run it before or after.",
    ),
    Code(
        "PPC1011",
        "this form of an operator is not supported",
        "The operator is known, but not with this attribute, mode or extra output (training mode, for example).",
        "Export in inference mode (`model.eval()`), or express the node by simpler operators.",
    ),
    Code(
        "PPC1012",
        "an operand must be known when compiling",
        "A plan has fixed shapes, so operands that decide a shape, an axis or a count must be constants.",
        "Export with constant shapes; if it comes from a model input, fix that input (`--fix NAME=VALUE`).",
    ),
    Code(
        "PPC1013",
        "the shape of a result depends on secret data",
        "An operator such as NonZero returns as many elements as the data says. The number of elements is visible to "
        "every party, so it would reveal something about the secret.",
        "Replace it by a mask of fixed shape (Where, Mul), or run it in clear after the output is revealed.",
    ),
    Code(
        "PPC1014",
        "the shape or type of a value cannot be determined",
        "Shape inference failed at this node: its operands do not fit each other, or its rule needs more "
        "than is known.",
        "Look at the shapes in the message; a wrong --batch or --dim is the usual reason.",
    ),
    Code(
        "PPC1015",
        "a dimension of an input is not bound",
        "A plan has fixed shapes. The first symbolic dimension of an input is the batch; every other one needs a "
        "value.",
        "Give it: `--dim NAME=VALUE`, or `--dim INPUT:AXIS=VALUE` for a dimension without a name.",
    ),
    Code(
        "PPC1016",
        "a given batch, dimension or fixed input does not fit the model",
        "--batch, --dim or --fix names something that the model does not have, or has a value that it cannot take.",
        "Compare with the names and shapes in the message.",
    ),
    Code(
        "PPC1017",
        "an element type is not supported",
        "ppc computes on floats, integers, booleans, and strings as input of encoders. Complex numbers, 4- and 8-bit "
        "floats, sequences, maps and casts to or from strings have no kernel.",
        "Export with float32 weights, or move the conversion out of the model.",
    ),
    Code(
        "PPC1018",
        "control flow depends on data",
        "A branch or the number of turns of a loop depends on a value that is not known when compiling. Which way it "
        "goes would be visible to every party.",
        "Fix the input that decides it (`--fix NAME=VALUE`), or export the model with one branch.",
    ),
]
