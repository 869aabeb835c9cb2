"""Codes: where nodes run."""

from ppc.ir.codes import Code

CODES: list[Code] = [
    Code(
        "PPC3001",
        "a node can run nowhere",
        "Policy, labels, parties and the capabilities of the targets together leave no domain for this node. The "
        "message lists the reason for each domain. Nothing is written: a plan without this node would be wrong, and a "
        "plan that ran it in clear would leak.",
        "Do what one of the reasons asks for: allow a target in the policy, change the operator, or offer a party.",
    ),
    Code(
        "PPC3002",
        "no assignment is legal",
        "Every node has a domain it may take, but not all of them together: there is no conversion between two of them, "
        "or a chain of HE nodes needs more levels than the largest secure parameters have.",
        "Allow another target somewhere along the chain, or remove a pin.",
    ),
]
