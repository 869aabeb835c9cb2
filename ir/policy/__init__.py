"""What the people who own the data, the model and the machines have agreed on."""

from ppc.ir.policy.ast import Policy
from ppc.ir.policy.bind import ResolvedPolicy, bind
from ppc.ir.policy.default import DEFAULT
from ppc.ir.policy.format import format_policy
from ppc.ir.policy.parser import parse_policy
from ppc.ir.policy.printer import print_policy

__all__ = ["DEFAULT", "Policy", "ResolvedPolicy", "bind", "format_policy", "parse_policy", "print_policy"]
