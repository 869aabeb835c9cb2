"""Confidentiality labels: whose secrets a value depends on.

The lattice is the power set of parties under inclusion: public is the empty set, join is union
(Denning, "A lattice model of secure information flow", CACM 1976).
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """The owners whose secrets may be inferred from a value; empty means public."""

    owners: frozenset[str] = frozenset()

    @staticmethod
    def secret(*owners: str) -> "Label":
        return Label(frozenset(owners))

    def join(self, other: "Label") -> "Label":
        return Label(self.owners | other.owners)

    def flows_to(self, party: str) -> bool:
        """True where `party` may see the value in clear without any reveal: every secret in it is its own."""
        return self.owners <= {party}

    def __str__(self) -> str:
        return f"secret[{', '.join(sorted(self.owners))}]" if self.owners else "public"


PUBLIC = Label()


def join(labels: Iterable[Label]) -> Label:
    """Least upper bound of any number of labels (public for none)."""
    return Label(frozenset().union(*(label.owners for label in labels)))
