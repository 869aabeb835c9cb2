"""Codes: placement."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC3001",
        "no domain can run a node",
        "The policy, the parties there are, the labels of the operands and the targets leave no place for this node; "
        "the message gives the reason of each domain.",
        "Relax one of the policy lines that the message names, trust more, or replace the node in the model.",
    ),
    Code(
        "PPC3002",
        "a node is placed where it cannot run",
        "A `place` line of the policy names a domain that another line, a label or the target rules out.",
        "Remove one of the two lines.",
    ),
    Code(
        "PPC3003",
        "no assignment is legal",
        "Every node has a domain it may take, but not all of them together: two of them have no conversion between "
        "them, or a chain of HE nodes needs more levels than the largest secure parameters have.",
        "Allow another target somewhere along the chain, or remove a pin.",
    ),
]
