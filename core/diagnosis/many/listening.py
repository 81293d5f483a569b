"""The first layer of a network, listened to over a set: pools in blocks, by channel order."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import reduce

from core.diagnosis.many.light import Light, light_of
from core.diagnosis.many.pool import Pool, pool_of
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.conventions import memory_of
from core.diagnosis.normalization.first_layer import gauges_of_sizes
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.thresholds import (
    BLOCKS,
    COARSE_STEPS,
    LARGEST_BYTE,
    NEAR_LAYERS_UNITS,
    TINY_SIDE,
    UNUSED_NORMS,
)
from core.preprocess import preprocess
from core.settings import change


@dataclass
class Listening:
    """Sums that grow by one picture after the other."""

    colors: tuple[str, ...]  # channel orders that the network can be fed, the present one first
    memory: Memory | None = None  # of the checkpoint; None where no first layer tells
    blocks: dict[str, list[Pool]] = field(default_factory=dict)  # by channel order
    count: int = 0  # pictures in them

    def is_silent(self, measured: Measurements) -> bool:
        """Whether no first layer can tell anything, so that no more pictures need be opened."""
        if self.memory is None and measured.batchnorm.never_updated_share <= UNUSED_NORMS:
            self.memory = memory_of(measured)
        return self.memory is None

    def add(self, measured: Measurements) -> None:
        """Add a picture, if its samples are bytes.

        Raises:
            InspectionError: it cannot be fed, or stops the network.
            BudgetSpent: the network was run too often.
        """
        pools = {color: _pool(measured, color) for color in self.colors}
        place = self.count % BLOCKS
        for color, pool in pools.items():
            if pool is None:
                return
            blocks = self.blocks.setdefault(color, [])
            if place == len(blocks):
                blocks.append(pool)
            else:
                blocks[place] = blocks[place] + pool
        self.count += 1

    @property
    def light(self) -> Light | None:
        """Of all pictures in the present order; None where there is no pool."""
        blocks = self.blocks.get(self.colors[0])
        return light_of(reduce(Pool.__add__, blocks)) if blocks else None


def _pool(measured: Measurements, color: str) -> Pool | None:
    fed = change(measured.settings, color=color, dtype="float32").preprocessing
    tensor = preprocess(measured.case.image, fed)
    if tensor.largest != LARGEST_BYTE:
        return None
    small = min(tensor.base.shape[:2]) < TINY_SIDE  # half of it would be smaller than its filters
    steps = COARSE_STEPS[:1] * len(COARSE_STEPS) if small else COARSE_STEPS
    module = measured.network.listened
    gauges = measured.forwards.not_kept("", lambda: gauges_of_sizes(module, tensor.base, steps))
    measured.forwards.count(NEAR_LAYERS_UNITS)
    return pool_of(gauges, tensor.base, tensor.gain, tensor.offset) if gauges else None
