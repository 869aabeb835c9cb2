"""The whole plan in one process, without cryptography: modes `clear` and `simulate`.

`clear` is the reference of the lowered program: every step in float64, HE steps on slot vectors. `simulate` adds
what the cryptography would: fixed-point rounding in MPC and a noise model in HE. Neither protects anything.
"""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from ppc.runtime.clear import give_output, run_kernel, take_input
from ppc.runtime.party import Session, Step
from ppc.runtime.ranges import check_operand
from ppc.runtime.schema import FUSED, MPC_ATTRIBUTES, StepSpec
from ppc.runtime.value import Value, Weight

#: Conversions and reveals that pack slots or unpack them.
HE_BORDER = ("convert.client_to_he", "convert.mpc_to_he", "convert.he_to_mpc", "reveal.he_to_client")


@dataclass
class LocalSession(Session):
    """All parties at once."""

    noise: bool = False  # simulate instead of clear

    def take(self, spec: StepSpec, step: Step, *operands: Value | Weight | None) -> Any:
        if spec.reads is None:
            return take_input(self, step)
        if spec.writes is None:
            return give_output(self, step, operands[0])  # type: ignore[arg-type]
        if step.name in HE_BORDER:
            return getattr(self._he(), step.name.partition(".")[2])(self, step, *operands)
        if step.name.startswith("he.batch_"):
            self._he()
            batch = import_module("ppc.runtime.he.batch_simulate")
            return getattr(batch, step.name.removeprefix("he.batch_"))(self, step, *operands)
        if spec.reads == spec.writes == "he":
            return getattr(self._he(), step.name.partition(".")[2])(self, step, *operands)
        if step.name == "mpc.checked":
            return operands[0]
        if spec.reads == spec.writes:
            if self.noise and spec.reads == "mpc":
                check_operand(step.name.partition(".")[2], step.node, step.attrs, operands)
            return self._of_shares(step, *operands) if spec.reads == "mpc" else run_kernel(self, step, *operands)
        return self._move(spec, step, operands[0])  # type: ignore[arg-type]

    def _of_shares(self, step: Step, *operands: Value | Weight | None) -> Any:
        """An operator, or several in one step, without what only says how shares are kept."""
        attrs = {key: value for key, value in step.attrs.items() if key not in MPC_ATTRIBUTES}
        if self.noise:
            if operands[0] is not None and (found := self._tabled(step, operands[0])) is not None:
                return self._rounded(found, step)
            operands = tuple(self._fixed_point().weights(step.name, attrs, operands))
        first, *others = FUSED.get(step.name, (step.name,))
        result = run_kernel(self, replace(step, name=first, attrs=attrs), *operands)
        for name in others:
            result = run_kernel(self, replace(step, name=name, attrs={}), result)
        return self._rounded(result, step)

    def _tabled(self, step: Step, operand: Value | Weight) -> Value | None:
        """A smooth function as MPC's tables have it (simulate only)."""
        rng = self._fixed_point().draws(step.id, step.run)
        tabled = import_module("ppc.runtime.mpc.tabled").tabled
        found = tabled(step.name.partition(".")[2], step.attrs, operand.data, rng)
        return None if found is None else Value("mpc", step.shape, found)

    def _he(self) -> Any:
        """The HE steps on slot vectors; loaded only where a plan has any."""
        simulate = import_module("ppc.runtime.he.simulate")
        if "he" not in self.engines:
            noise = import_module("ppc.runtime.he.noise").NoiseModel.of(self.manifest["he"]) if self.noise else None
            self.engines["he"] = simulate.SlotEngine(noise)
        return simulate

    def _move(self, spec: StepSpec, step: Step, value: Value) -> Value:
        """A conversion or reveal: the same numbers in another representation."""
        moved = Value(spec.writes or "", step.shape, value.data)
        if self.noise and "mpc" in (spec.writes, spec.reads) and np.asarray(moved.data).dtype.kind == "f":
            moved.data = self._fixed_point().nearest(moved.data)
        return moved

    def _fixed_point(self) -> Any:
        """Roundings of MPC; loaded only where a plan has any."""
        return import_module("ppc.runtime.mpc.simulate")

    def _rounded(self, value: Any, step: Step) -> Any:
        """Fixed-point rounding of shares (simulate only). Integers are exact."""
        if self.noise:
            if "mpc" not in self.engines:
                self.engines["mpc"] = self._fixed_point().draws(0)
            rng = self.engines["mpc"]
            for v in value if isinstance(value, tuple) else (value,):
                if np.asarray(v.data).dtype.kind == "f":
                    v.data = self._fixed_point().truncated(v.data, step.attrs, rng)
        return value
