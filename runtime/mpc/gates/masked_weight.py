"""A product with a weight that neither holder of shares knows: Beaver's protocol (CRYPTO 1991) with the opening of one
factor done ahead (`ppc.runtime.mpc.share_weights`)."""

from dataclasses import dataclass

from ppc.runtime.mpc.dealer import Dealer
from ppc.runtime.mpc.engine import Party
from ppc.runtime.mpc.gates.product import Bilinear, deal_product
from ppc.runtime.mpc.gates.truncate import Truncation
from ppc.runtime.mpc.ring import Ring, Shape
from ppc.runtime.mpc.turn import Rounds
from ppc.runtime.mpc.weights import WeightForm


@dataclass(frozen=True, slots=True)
class MaskedWeight:
    """f(x, W) + bias: one round, 8 bytes an element of x each way; where it is truncated by `bits`, another one, 8
    bytes an element of the result each way. Scales add; bits = 0 leaves the truncation to whoever opens the result.

    Both holders have D = W − B, each a half of B, and from the dealer shares of a and of c = f(a, B). They open
    e = x − a: f(x, W) = f(x, D) + f(e, B) + c, where D and e are public to both.
    """

    f: Bilinear
    x: Shape
    form: WeightForm
    bits: int

    def deal(self, d: Dealer) -> Ring:
        b = d.weight(self.form)
        return deal_product(d, self.f(d.random(self.x), b), self.bits)

    def online(self, p: Party, *shares: Ring) -> Rounds[Ring]:
        x, bias = shares  # shares of the bias, at the scale of the product
        masked, own = p.masked_weight(self.form)
        (e,) = yield from p.open(x - p.random(self.x))
        z: Ring = self.f(x, masked) + self.f(e, own) + bias
        z = z + p.share(z.shape)
        if not self.bits:
            return z
        mask, r = Truncation(self.bits), p.random(z.shape)
        undo = mask.take(p, r)
        c = yield from mask.open(p, z, r)
        return c.less(undo, p.first)
