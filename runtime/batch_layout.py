"""The layouts of batch packing: one sample a slot, one ciphertext an element.

More samples than slots are in groups of as many samples each, one group after another: element e of sample b of group g
lies in slot b of ciphertext g · elements + e.
"""

from dataclasses import dataclass

from ppc.runtime.layout import Layout


@dataclass(frozen=True, slots=True)
class BatchLayout:
    """What such a layout is made of."""

    groups: int
    samples: int  # of a group
    elements: int  # of a sample: ciphertexts of a group
    slots: int

    @property
    def layout(self) -> Layout:
        group = ((self.groups, self.elements * self.slots),) if self.groups > 1 else ()
        return Layout((*group, (self.samples, 1), (self.elements, self.slots)), self.slots)

    @staticmethod
    def of(layout: Layout) -> "BatchLayout | None":
        """What a layout is made of; None where it has not one sample a slot."""
        *group, (samples, _), (elements, _) = ((1, 0),) * (2 - len(layout.digits)) + layout.digits
        found = BatchLayout(group[0][0] if group else 1, samples, elements, layout.slots)
        fits = 1 <= samples <= layout.slots and elements >= 1 and found.groups >= 1
        return found if fits and found.layout == layout else None
