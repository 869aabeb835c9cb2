"""Check a lowered module's HE steps against the contract in docs/architecture.md, from the steps alone.

It shares nothing with the planner but the table of secure moduli: levels and scales are walked forward, from the
primes that SEAL will choose; layouts are compared, every rotation looked up among the keys.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Module, Op
from ppc.ir.types import Domain
from ppc.runtime.layout import Layout, layout_from_attrs, offsets
from ppc.runtime.levels import MATCHED, Chain
from ppc.targets.he import batch_verify
from ppc.targets.he.parameters import LARGEST_PRIME, MODULUS_BITS, SHARE_BITS
from ppc.targets.he.require import float_attr, int_attr, require

STEPS = (
    "he.linear",
    "he.polynomial",
    "he.square",
    "he.add",
    "he.sub",
    "he.mul",
    "he.upscale",
    "he.drop",
    "he.view",
)

#: Relative difference below which two scales are the same number, but for rounding.
SAME = 1e-9


def verify_he(module: Module) -> None:
    """Raises InternalError, naming the step, where the HE steps could not run as they stand."""
    if "he.degree" not in module.attrs:
        left = [op for op in module.ops if op.domain is Domain.HE]
        if left:
            raise InternalError(f"node {left[0].loc!r} is in HE and the module has no HE parameters")
        return
    _Walk(module).run()


class _Walk:
    """A forward walk: level, scale and layout of every HE value."""

    def __init__(self, module: Module):
        attrs: Mapping[str, Any] = module.attrs
        self.module = module
        self.degree: int = attrs["he.degree"]
        self.primes: tuple[int, ...] = attrs["he.prime_bits"]
        self.top: int = attrs["he.top_level"]
        self.galois = {level: frozenset(steps) for level, steps in attrs["he.galois"]}
        self.relin = frozenset(attrs["he.relin"])
        self.level: dict[str, int] = {}
        self.scale: dict[str, float] = {}
        self.layout: dict[str, Layout] = {}
        self.late: dict[str, tuple[int, ...]] = {}  # sums that a value still needs
        self.polynomials: dict[str, int] = {}  # of batch-packed values; the others have two

    @property
    def slots(self) -> int:
        return self.degree // 2

    def run(self) -> None:
        self._parameters()
        for op in self.module.ops:
            self._op(op)

    def _parameters(self) -> None:
        bits, most = sum(self.primes), MODULUS_BITS.get(self.degree, 0)
        require(bits <= most, None, f"{bits} bits of modulus at N = {self.degree}; 128-bit security allows {most}")
        require(max(self.primes) <= LARGEST_PRIME, None, f"a prime has more than {LARGEST_PRIME} bits")
        require(self.primes[-1] >= max(self.primes), None, "the special prime is not the largest")
        require(len(self.primes) == self.top + 2, None, f"{len(self.primes)} primes for top level {self.top}")
        try:
            self.chain = Chain.of(self.degree, self.primes)
        except ValueError as e:
            raise InternalError(f"the HE parameters: {e}") from None
        for level, steps in self.galois.items():
            inside = all(0 < s < self.slots for s in steps)
            require(inside, None, f"a Galois step at level {level} is 0 or past {self.slots} slots")

    def _op(self, op: Op) -> None:
        if op.name in ("convert.client_to_he", "convert.mpc_to_he"):
            layout = self._sized(op, layout_from_attrs(op.attrs), op.results[0])
            self._define(op, int_attr(op, "level"), layout, float_attr(op, "scale"))
        elif op.name in ("convert.he_to_mpc", "reveal.he_to_client"):
            self._leave(op)
        elif op.name in batch_verify.STEPS:
            self._batch_step(op)
        elif op.name in STEPS:
            self._step(op)
        else:
            require(op.domain is not Domain.HE, op, "is not a step of HE")

    def _leave(self, op: Op) -> None:
        name = op.operands[0]
        level = self._reads(op, int_attr(op, "level"))
        require(self.polynomials.get(name, 2) == 2, op, "lets a product leave that is not relinearised")
        have = self.layout[name].alone()
        require(layout_from_attrs(op.attrs) == have, op, "does not read the layout its operand has")
        self._scaled(op, self.scale[name])
        privacy = op.attrs.get("privacy")
        late = self.late.get(name, ())
        require(op.attrs.get("sums", ()) == late, op, f"does not make the sums that {name!r} still needs")
        if op.name == "convert.he_to_mpc" or privacy == "masking":
            bits = sum(self.primes[: level + 1])
            require(bits >= SHARE_BITS, op, f"leaves with {bits} bits of modulus, {SHARE_BITS} hide it")
        else:
            require(privacy in ("public weights", "flooding"), op, "does not say how the weights stay private")
            require(not late, op, "decrypts a value that still needs sums")
            require(privacy != "flooding" or int_attr(op, "flood_bits") > 0, op, "floods with no bits")

    def _batch_step(self, op: Op) -> None:
        operands = [
            batch_verify.Packed(self._level(op, o), self.scale[o], self.polynomials.get(o, 2), self.layout[o])
            for o in op.operands
            if not o.startswith("@")
        ]
        found = batch_verify.step(op, operands, self.chain, self.relin, self.module)
        self._sized(op, found.layout, op.results[0])
        self._scaled(op, found.scale)
        self._define(op, found.level, found.layout, found.scale)
        self.polynomials[op.results[0]] = found.polynomials

    def _step(self, op: Op) -> None:
        if op.name == "he.drop":
            level, source = int_attr(op, "level"), op.operands[0]
            require(0 <= level < self._level(op, source), op, f"drops to level {level}, not below its operand")
            self._pass_on(op)
            return self._define(op, level, self.layout[source], self._scaled(op, self.scale[source]))
        level = self._reads(op, int_attr(op, "level"))
        layout, scale = self.layout[op.operands[0]], self.scale[op.operands[0]]
        if op.name == "he.linear":
            layout = self._linear(op, level)
            late: Any = op.attrs.get("late", ())
            if late:
                self._late(op, late, layout)
            out_level = int_attr(op, "out_level")
            require(out_level in (level, level - 1), op, f"goes from level {level} to level {out_level}")
            weight_scale = float_attr(op, "weight_scale")
            require(weight_scale > 1, op, f"encodes its weights at scale {weight_scale:g}")
            scale *= weight_scale
            scale, level = self._rescaled(op, scale, level) if out_level < level else (scale, level)
        elif op.name == "he.polynomial":
            level, scale = self._polynomial(op, level), float_attr(op, "scale")
        elif op.name == "he.upscale":
            ratio = float_attr(op, "scale") / scale
            exact = 1.5 < ratio < self.chain.modulus(self.top) and abs(ratio / round(ratio) - 1) < SAME
            require(exact, op, f"scales up by {ratio:g}, which is not exact")
            scale *= round(ratio)
            self._pass_on(op)
        elif op.name == "he.square":
            require(level in self.relin, op, f"relinearises at level {level}, for which there is no key")
            scale, level = self._rescaled(op, scale**2, level)
        elif op.name == "he.view":
            layout = self._sized(op, layout_from_attrs(op.attrs, "out_"), op.results[0])
            written = np.isin(layout.places(), self.layout[op.operands[0]].places())
            require(bool(written.all()), op, "views addresses where its operand has no element")
        else:
            left, right = (self.layout[o] for o in op.operands)
            together = left.alone() == right.alone()
            require(together, op, f"meets operands at different places: {left.digits} and {right.digits}")
            layout = _shared(left, right)
            scales = [self.scale[o] for o in op.operands]
            if op.name == "he.mul":
                require(level in self.relin, op, f"relinearises at level {level}, for which there is no key")
                scale, level = self._rescaled(op, scales[0] * scales[1], level)
            else:
                scale = max(scales)
                near = all(abs(s / scale - 1) <= MATCHED for s in scales)
                require(near, op, f"meets operands of scales {scales[0]:g} and {scales[1]:g}")
        summed = op.name == "he.upscale" or not any(o in self.late for o in op.operands)
        require(summed, op, "reads a value that still needs sums")
        self._define(op, level, layout, self._scaled(op, scale))

    def _pass_on(self, op: Op) -> None:
        if op.operands[0] in self.late:
            self.late[op.results[0]] = self.late[op.operands[0]]

    def _late(self, op: Op, shifts: tuple[int, ...], layout: Layout) -> None:
        """Sums left to the shares: no element's place, where its bias is, may be summed into another element."""
        require(all(0 < s < self.slots for s in shifts), op, f"leaves sums past {self.slots} slots")
        ct, slot = np.divmod(layout.places().reshape(-1), self.slots)
        reached = ct * self.slots + (slot + offsets(tuple((2, s) for s in shifts))[1:, None]) % self.slots
        require(not np.isin(reached, layout.places()).any(), op, "leaves sums that meet in another element")
        self.late[op.results[0]] = shifts

    def _rescaled(self, op: Op, scale: float, level: int) -> tuple[float, int]:
        require(level > 0, op, "rescales at level 0")
        require(scale < self.chain.modulus(level), op, f"has scale {scale:g} before it rescales at level {level}")
        return scale / self.chain.primes[level], level - 1

    def _scaled(self, op: Op, scale: float) -> float:
        """The scale that the step states, which is the one it has but for rounding: a run goes on with the former."""
        if op.name == "he.view":
            return scale
        said = float_attr(op, "scale")
        require(abs(said - scale) < SAME * scale, op, f"states scale {said:g}, where it has {scale:g}")
        return said

    def _linear(self, op: Op, level: int) -> Layout:
        x, diagonals, bias = op.operands
        source, target = layout_from_attrs(op.attrs, "in_"), layout_from_attrs(op.attrs, "out_")
        require(source == self.layout[x], op, "does not read the layout its operand has")
        self._sized(op, target, op.results[0])
        terms: Any = op.attrs["terms"]
        post: Any = op.attrs["post"]
        pre: Any = op.attrs.get("pre", ())
        inputs, outputs = source.ciphertexts, target.ciphertexts
        for ct_in, ct_out, baby, giant in terms:
            inside = 0 <= ct_in < inputs and 0 <= ct_out < outputs
            require(inside, op, f"has a term ({ct_in}, {ct_out}) outside {inputs} and {outputs} ciphertexts")
            require(0 <= baby < self.slots and 0 <= giant < self.slots, op, "rotates past its slots")
        written = {ct_out for _, ct_out, _, _ in terms}
        require(len(written) == outputs, op, f"writes {len(written)} of {outputs} ciphertexts")
        missing = self._unreached(terms, level) | {*pre, *post} - {0} - self.galois.get(level, frozenset())
        require(not missing, op, f"rotates by {sorted(missing)[:5]} at level {level} without Galois keys")
        shapes = self.module.type_of(diagonals).shape, self.module.type_of(bias).shape
        wanted = (len(terms), self.slots), (outputs, self.slots)
        require(shapes == wanted, op, f"has constants of shapes {shapes} where {wanted} are read")
        return target

    def _unreached(self, terms: Any, level: int) -> set[int]:
        """Rotations that no chain of keys gives: every hop ends at one that the same ciphertext needs."""
        keys, missing = self.galois.get(level, frozenset()), set[int]()
        groups: dict[tuple[bool, int], set[int]] = {}
        for ct_in, ct_out, baby, giant in terms:
            groups.setdefault((False, ct_in), set()).add(baby)
            groups.setdefault((True, ct_out), set()).add(giant)
        for todo in groups.values():
            todo.discard(0)
            edge = [0]
            while edge and todo:
                at = edge.pop()
                near = {(at + key) % self.slots for key in keys} & todo
                todo -= near
                edge += near
            missing |= todo
        return missing

    def _polynomial(self, op: Op, level: int) -> int:
        coefficients: Any = op.attrs["coefficients"]
        out_level = int_attr(op, "out_level")
        shifted = (op.attrs["lo"], op.attrs["hi"]) != (-1.0, 1.0)
        need = max(len(coefficients) - 1, 1).bit_length() + shifted
        require(level - need == out_level, op, f"takes {need} levels, from {level} that is not {out_level}")
        if len(coefficients) > 2:
            missing = set(range(out_level + 1, level - shifted + 1)) - self.relin
            require(not missing, op, f"relinearises at levels {sorted(missing)} without keys")
        return out_level

    def _reads(self, op: Op, level: int) -> int:
        for name in op.operands:
            if not name.startswith("@"):
                have = self._level(op, name)
                require(have == level, op, f"reads {name!r} at level {level}, where it has level {have}")
        return level

    def _level(self, op: Op, name: str) -> int:
        require(name in self.level, op, f"reads {name!r}, which is no value of HE")
        return self.level[name]

    def _define(self, op: Op, level: int, layout: Layout, scale: float) -> None:
        require(0 <= level <= self.top, op, f"gives level {level}, outside 0 to {self.top}")
        inside = 1 < scale < self.chain.modulus(level)
        require(inside, op, f"gives scale {scale:g} at level {level}, whose modulus is {self.chain.modulus(level):g}")
        name = op.results[0]
        self.level[name], self.layout[name], self.scale[name] = level, layout, scale

    def _sized(self, op: Op, layout: Layout, name: str) -> Layout:
        size = self.module.type_of(name).size
        require(layout.size == size, op, f"places {layout.size} elements of {size}")
        require(layout.slots == self.slots, op, f"lays out {layout.slots} slots of {self.slots}")
        return layout


def _shared(left: Layout, right: Layout) -> Layout:
    """Of two values at the same places, with the copies that both have."""
    mine, other = offsets(left.copies), offsets(right.copies)
    if np.isin(mine, other).all():
        return left
    return right if np.isin(other, mine).all() else left.alone()
