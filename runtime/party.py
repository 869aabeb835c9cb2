"""One party of a running plan.

A plan is one straight-line program that every party executes (SPMD). Each line is a step; a party takes part in
the steps that have a place for it (`runtime.schema`) and follows only the shapes of the others. The line
`h = p.mpc.Relu(x)` calls `Session.step("mpc.Relu", x)`, which looks the step up in plan.json by its number,
checks that the names agree, and runs it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from typing import Any

from ppc.runtime.errors import PartyError
from ppc.runtime.meter import Meter
from ppc.runtime.net.channel import Channel
from ppc.runtime.places import parties_of
from ppc.runtime.schema import StepSpec, attribute, step_spec
from ppc.runtime.value import Value, Weight


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan, as plan.json records it."""

    id: int
    name: str  # "he.linear"
    op: str  # the ONNX operator it came from, "" for conversions
    node: str  # the ONNX node name
    shape: tuple[int, ...]  # of the result
    dtype: str
    attrs: Mapping[str, Any]
    run: int = 0  # which pass over the data
    further: tuple[tuple[int, ...], ...] = ()  # shapes of further results, of the few operators that have any

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of all results."""
        return (self.shape, *self.further)

    @property
    def tag(self) -> str:
        """Prefix of every message of this step in this pass."""
        return f"{self.run}.{self.id}"

    @staticmethod
    def from_json(j: Mapping[str, Any], run: int = 0) -> "Step":
        shape, *further = (tuple(s) for s in j["shapes"])
        attrs = {key: attribute(value) for key, value in j["attrs"].items()}
        return Step(j["id"], j["step"], j["op"], j["node"], shape, j["dtype"], attrs, run, tuple(further))


@dataclass
class Session:
    """The state of one party during a run: its role, connections, keys and material."""

    role: str
    manifest: Mapping[str, Any]  # plan.json
    channels: dict[str, Channel] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)  # the server's arrays; empty elsewhere
    inputs: dict[str, Any] = field(default_factory=dict)  # the client's arrays of this pass
    outputs: dict[str, Any] = field(default_factory=dict)  # what this party learned in this pass
    engines: dict[str, Any] = field(default_factory=dict)  # "he" | "mpc" | "tee" -> that engine's state here
    meter: Meter = field(default_factory=Meter)
    on_step: Callable[[int, int, str], None] | None = None  # told of every step: number, of how many, name
    run: int = 0
    next_step: int = 0
    _steps: tuple[Mapping[str, Any], list[Step]] | None = field(default=None, repr=False)  # of which manifest
    _last: dict[str, int] = field(default_factory=dict, repr=False)

    def channel(self, peer: str) -> Channel:
        return self.channels[peer]

    def start_run(self, run: int, inputs: Mapping[str, Any]) -> None:
        """Begin pass number `run` over the program."""
        self.run, self.next_step = run, 0
        self.inputs, self.outputs = dict(inputs), {}

    def weight(self, name: str) -> Weight:
        info = self.manifest["weights"].get(name)
        if info is None:
            raise PartyError("PPC6006", f"the plan asks for weight {name!r}, which plan.json does not list")
        return Weight(name, tuple(info["shape"]), self.weights.get(name))

    def step(self, name: str, /, *operands: Value | Weight | None, **shown: Any) -> Any:
        """Take the next step. `shown` are the attributes that the plan's line spells out for its reader."""
        steps = self._steps_of_run()
        if self.next_step >= len(steps):
            raise PartyError("PPC6006", "plan.py has more steps than plan.json")
        step = steps[self.next_step]
        if step.name != name:
            raise PartyError("PPC6006", f"step {step.id} is {step.name!r} in plan.json and {name!r} in plan.py")
        for key, value in shown.items():
            if step.attrs.get(key) != value and _plain(step.attrs.get(key)) != _plain(value):
                raise PartyError("PPC6006", f"step {step.id}: {key} differs between plan.py and plan.json")
        if self.on_step is not None:
            self.on_step(self.next_step, len(steps), name)
        self.next_step += 1
        spec = step_spec(name)
        with self.meter.measure(self, step):
            results = self.take(spec, step, *operands)
        self._let_go(operands, results)
        return results

    def load(self) -> None:
        """Import what this party's steps run, so that no pass has to."""
        for name in {line["step"] for line in self.manifest["steps"]}:
            spec = step_spec(name)
            if self.role in parties_of(self.manifest, spec.places):
                implementation(spec.run)

    def _steps_of_run(self) -> list[Step]:
        """The plan's steps in this pass: read from the manifest once, then numbered anew for each pass."""
        if self._steps is None or self._steps[0] is not self.manifest:
            self._steps = self.manifest, [Step.from_json(j, self.run) for j in self.manifest["steps"]]
        elif self._steps[1] and self._steps[1][0].run != self.run:
            self._steps = self.manifest, [replace(step, run=self.run) for step in self._steps[1]]
        return self._steps[1]

    def _let_go(self, operands: tuple[Value | Weight | None, ...], results: Any) -> None:
        """Drop what a value holds after the last step that reads it: the plan's variables last until its end."""
        made = results if isinstance(results, tuple) else (results,)
        for name, operand in zip(
            self.manifest["steps"][self.next_step - 1].get("operands", ()), operands, strict=False
        ):
            over = self._last_reads().get(name) == self.next_step - 1
            if over and isinstance(operand, Value) and not any(operand is value for value in made):
                operand.data = None

    def _last_reads(self) -> dict[str, int]:
        """The last step that reads each value of the plan."""
        if not self._last:
            self._last = last_reads(self.manifest)
        return self._last

    def take(self, spec: StepSpec, step: Step, *operands: Value | Weight | None) -> Any:
        """What this party does in a step; a party that has no part in it follows the shapes."""
        if self.role in parties_of(self.manifest, spec.places):
            return implementation(spec.run)(self, step, *operands)
        absent = tuple(Value(spec.writes or "", shape) for shape in step.shapes)
        return absent if len(absent) > 1 else absent[0] if absent else None

    def __getattr__(self, namespace: str) -> "Namespace":
        if namespace in ("client", "server", "tee", "he", "mpc", "convert", "reveal"):
            return Namespace(self, namespace)
        raise AttributeError(namespace)


def last_reads(manifest: Mapping[str, Any]) -> dict[str, int]:
    """Number (from 0) of the last step that reads each value of the plan, by the value's name."""
    return {name: i for i, line in enumerate(manifest["steps"]) for name in line.get("operands", ())}


@dataclass(frozen=True, slots=True)
class Namespace:
    """`p.mpc`, `p.he`, ...: attribute access gives the step of that name."""

    session: Session
    name: str

    def __getattr__(self, step: str) -> Any:
        if step.startswith("__"):
            raise AttributeError(step)
        return lambda *operands, **shown: self.session.step(f"{self.name}.{step}", *operands, **shown)


@cache
def implementation(path: str) -> Any:
    module, _, function = path.partition(":")
    return getattr(import_module(module), function)


def _plain(x: Any) -> Any:
    return [_plain(i) for i in x] if isinstance(x, (list, tuple)) else x
