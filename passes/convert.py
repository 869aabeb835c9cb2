"""Make every move of a value between domains an explicit operation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from ppc.ir.approximation import as_polynomial, without_polynomial
from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Attr, Module, Op, Stage, Value
from ppc.ir.refresh import refreshed, without_refreshed
from ppc.ir.types import Domain

HE, MPC, TEE, CLIENT, SERVER = Domain.HE, Domain.MPC, Domain.TEE, Domain.CLIENT, Domain.SERVER

#: How a value gets from one domain to another: the domains on the way, the last one included.
#: HE and TEE have no key in common, so they meet in shares.
ROUTES: dict[tuple[Domain, Domain], tuple[Domain, ...]] = {
    (CLIENT, HE): (HE,),
    (CLIENT, MPC): (MPC,),
    (CLIENT, TEE): (TEE,),
    (SERVER, MPC): (MPC,),
    (SERVER, TEE): (TEE,),
    (HE, MPC): (MPC,),
    (MPC, HE): (HE,),
    (MPC, TEE): (TEE,),
    (TEE, MPC): (MPC,),
    (HE, TEE): (MPC, TEE),
    (TEE, HE): (MPC, HE),
    (HE, CLIENT): (CLIENT,),
    (MPC, CLIENT): (CLIENT,),
    (TEE, CLIENT): (CLIENT,),
    (MPC, SERVER): (SERVER,),
    (TEE, SERVER): (SERVER,),
    (CLIENT, SERVER): (SERVER,),
}


def step_name(source: Domain, target: Domain) -> str:
    """`reveal.*` where a party ends up seeing the value, `convert.*` otherwise."""
    reveals = target in (CLIENT, SERVER)
    return f"{'reveal' if reveals else 'convert'}.{source}_to_{target}"


@dataclass(frozen=True)
class Convert:
    """Insert the conversions that the assignment implies, each at most once per value and destination.

    `because(value, party)` gives the policy's reason for a reveal.
    """

    name: ClassVar[str] = "convert"
    because: Callable[[str, str], str]
    recipients: Mapping[str, tuple[Domain, ...]] = field(default_factory=dict)

    def run(self, module: Module) -> Module:
        return _Converter(self, module).run()


class _Converter:
    def __init__(self, options: Convert, module: Module):
        self.options, self.module = options, module
        self.ops: list[Op] = []
        self.values: dict[str, Value] = {}
        self.copies: dict[tuple[str, Domain], str] = {}
        self.again: dict[str, str] = {}  # copies that were refreshed

    def run(self) -> Module:
        m = self.module
        for name, shown in zip(m.inputs, self._names("input_names", m.inputs), strict=True):
            self._define(name, name, CLIENT)
            self.ops.append(Op("client.input", (), (name,), {"name": shown}, shown, CLIENT))
        for op in m.ops:
            if op.domain is None:
                raise InternalError(f"{op.loc} has no domain")
            again = refreshed(op)
            run = without_refreshed(as_polynomial(op) if op.domain is HE else without_polynomial(op))
            operands = tuple(
                o if o not in m.values else self._refreshed(o) if o in again else self._in_domain(o, op.domain)
                for o in run.operands
            )
            for r in op.results:
                self._define(r, r, op.domain)
            self.ops.append(replace(run, operands=operands))
        outputs = []
        for name, shown in zip(m.outputs, self._names("output_names", m.outputs), strict=True):
            for goal in self.options.recipients.get(name, (CLIENT,)):
                copy = self._in_domain(name, goal)
                outputs.append(copy)
                self.ops.append(Op(f"{goal}.output", (copy,), (), {"name": shown}, shown, goal))
        return replace(m, stage=Stage.CONVERTED, outputs=tuple(outputs), ops=tuple(self.ops), values=self.values)

    def _names(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        names = self.module.attrs.get(key, default)
        assert isinstance(names, tuple)
        return tuple(map(str, names))

    def _define(self, name: str, original: str, domain: Domain) -> None:
        self.values[name] = replace(self.module.values[original], domain=domain)
        self.copies[original, domain] = name

    def _in_domain(self, value: str, domain: Domain) -> str:
        """The name of `value`'s copy in `domain`, converting on first use."""
        if (value, domain) in self.copies:
            return self.copies[value, domain]
        source = self._home(value)
        route = ROUTES.get((source, domain))
        if route is None:
            raise InternalError(f"there is no conversion from {source} to {domain} (value {value})")
        if source is HE and (value, MPC) in self.copies:
            route = ROUTES[MPC, domain]  # it has left already
            source = MPC
        at = source
        for stop in route:
            if (value, stop) not in self.copies:
                self.copies[value, stop] = self._move(value, at, stop)
            at = stop
        return self.copies[value, domain]

    def _refreshed(self, value: str) -> str:
        """The name of a copy in HE that has its levels back: through shares, once for all that read it."""
        if value not in self.again:
            self._in_domain(value, MPC)
            self.again[value] = self._move(value, MPC, HE)
        return self.again[value]

    def _home(self, value: str) -> Domain:
        return next(d for (v, d), name in self.copies.items() if v == value and name == value)

    def _move(self, value: str, source: Domain, target: Domain) -> str:
        """Move a value from a domain where it is; the name of the copy."""
        copy = f"{value}_{target}"
        while copy in self.module.values or copy in self.values:
            copy += "_"
        step = step_name(source, target)
        attrs: dict[str, Attr] = {}
        if step.startswith("reveal."):
            attrs["because"] = self.options.because(value, str(target))
        self.ops.append(Op(step, (self.copies[value, source],), (copy,), attrs, value, target))
        self.values[copy] = replace(self.module.values[value], domain=target)
        return copy
