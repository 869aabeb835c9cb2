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
    Code(
        "PPC3004",
        "the plan would break a limit of the policy",
        "The legal plan that comes nearest to the limits is predicted to take more time, traffic or memory than a "
        "`limit` line allows.",
        "Allow a cheaper target, relax the limit, or make the model smaller.",
    ),
    Code(
        "PPC3005",
        "a limit of the policy cannot be judged",
        "The policy limits a quantity that this version of ppc does not predict. The plan is made; the "
        "limit is not checked.",
        "Measure it: `ppc run plan.py --data ... --compare model.onnx`.",
    ),
    Code(
        "PPC3006",
        "the search for an assignment ran out of time",
        "The solver found no legal assignment within its time limit, and did not prove that there is none.",
        "Narrow the choice with --targets or `place` lines, or compile on a faster machine.",
    ),
    Code(
        "PPC3007",
        "no value gets from HE or the enclave to the shares of computing parties",
        "The policy names two computing parties that own nothing. Conversions between HE or the enclave and shares "
        "need the client, which has the key of HE, and the server as holders of shares, so the plan has none.",
        "Nothing, if MPC alone is what you want. Without `compute0` and `compute1` the client and the server hold the "
        "shares, and nodes under HE or TEE may stand beside nodes under MPC.",
    ),
]
