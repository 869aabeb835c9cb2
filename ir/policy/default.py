"""The policy where nobody gave one; every report says that it was assumed."""

from ppc.ir.policy.ast import Owned, Policy, Reveal, Trust

DEFAULT = Policy(
    (
        Owned("input", ("*",), "client"),
        Owned("weight", ("*",), "server"),
        Reveal(("*",), "client", "the outputs are what the client asked for", output=True),
        Trust("client", "semi_honest"),
        Trust("server", "semi_honest"),
        Trust("dealer", "non_colluding"),
    ),
    source="default policy",
    assumed=True,
)
