"""What one operator takes in primitives, packed for latency."""

from dataclasses import dataclass

from ppc.targets.he.graph import Node
from ppc.targets.he.primitives import Primitives
from ppc.targets.he.select import polynomial_cost


@dataclass(frozen=True, slots=True)
class Work:
    """Counted primitives of one operator: of linear maps, products of ciphertexts, sums and polynomials."""

    rotations: float = 0
    weights: float = 0  # products with encoded weights
    outputs: float = 0  # ciphertexts that linear maps give
    products: int = 0
    sums: int = 0
    polynomials: tuple[tuple[Node, int], ...] = ()  # and how many ciphertexts of each
    results: float = 0

    def __add__(self, other: "Work") -> "Work":
        return Work(
            self.rotations + other.rotations,
            self.weights + other.weights,
            self.outputs + other.outputs,
            self.products + other.products,
            self.sums + other.sums,
            self.polynomials + other.polynomials,
            self.results + other.results,
        )

    def seconds(self, primitives: Primitives, degree: int, level: int) -> float:
        """One thread, everything at this level."""
        return (
            primitives.linear(self.rotations, self.weights, self.outputs, degree, level)
            + self.products * primitives.multiply(degree, level)
            + self.sums * primitives.at("add", degree, level)
            + sum(count * polynomial_cost(node, primitives, degree, level) for node, count in self.polynomials)
        )

    def memory(self, degree: int, level: int) -> float:
        """Bytes of encoded weights (one polynomial each) and of results (two)."""
        return (self.weights + 2 * self.results) * degree * (level + 1) * 8
