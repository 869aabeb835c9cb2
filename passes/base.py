"""What a pass is: a frozen dataclass whose fields are its options, with `run(module) -> module` (cf. xDSL's passes).

A pass never changes its argument. It declares the stage it takes and the stage of what it returns; the pipeline
checks both.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ppc.ir.diagnostic import InternalError
from ppc.ir.module import Module, Stage


@dataclass(frozen=True)
class Pass(ABC):
    """Base of all passes. Option fields have defaults and are int, float, bool, str, or tuples of these."""

    name: ClassVar[str]  # as it is written in a pipeline: "fuse-gelu"
    requires: ClassVar[Stage]  # the module it takes is at this stage ...
    ensures: ClassVar[Stage]  # ... and what it returns at this one
    also_takes: ClassVar[tuple[Stage, ...]] = ()  # other stages it takes; a later stage than `ensures` is kept

    @abstractmethod
    def run(self, module: Module) -> Module:
        """The new module. Raises UserError for what the user can mend."""

    def __call__(self, module: Module) -> Module:
        """`run`, with the stages checked on both sides. Raises InternalError for a pass out of order."""
        if module.stage not in (self.requires, *self.also_takes):
            raise InternalError(
                f"pass {self.name} takes a module that is {self.requires.word}, not {module.stage.word}"
            )
        result = self.run(module)
        if result.stage != max(self.ensures, module.stage):
            raise InternalError(f"pass {self.name} promises a module that is {self.ensures.word}, "
                                f"and returned one that is {result.stage.word}")  # fmt: skip
        return result
