"""From pictures to what they prove: the first layer over all of them, then their masks.

Pictures are opened one after the other and never kept, twice: the masks are made under what the
first layer has shown. What cannot be opened or run is counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from core.architectures import Network
from core.checkpoint import Checkpoint
from core.diagnosis.case import Case
from core.diagnosis.finding import worst_first
from core.diagnosis.many.family import Family, family_of
from core.diagnosis.many.findings import SetFacts, findings_of
from core.diagnosis.many.light import Light, Shift, light_of, shift_from_training
from core.diagnosis.many.masks import MaskSums, sums_of
from core.diagnosis.many.order import OrderEvidence, vote
from core.diagnosis.many.pool import Pool, pool_of
from core.diagnosis.many.recovered import from_answers, from_layer
from core.diagnosis.many.sample import Opened, Sample
from core.diagnosis.many.set_diagnosis import NOW, OTHER, THEN, SetDiagnosis
from core.diagnosis.measure.failures import Failures
from core.diagnosis.measure.forwards import BudgetSpent, Forwards
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.conventions import memory_of
from core.diagnosis.normalization.first_layer import gauges_of_sizes
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.recover import recover
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import (
    BLOCKS,
    COARSE_STEPS,
    LARGEST_BYTE,
    MOST_ALONE,
    NEAR_LAYERS_UNITS,
    SET_BUDGET,
    UNUSED_NORMS,
)
from core.engine import Runner, in_this_thread
from core.inspection import Inspection
from core.preprocess import InputTensor, preprocess
from core.scores import as_two_classes
from core.settings import Settings, change

Progress = Callable[[str, int, int], None]


def _say_nothing(stage: str, done: int, total: int) -> None:
    """Progress that nobody reads."""


def _go_on() -> None:
    """Waiting that nobody ends."""


def of_set(
    network: Network,
    pictures: Sequence[Sample],
    settings: Settings,
    *,
    checkpoint: Checkpoint | None = None,
    forward: Runner = in_this_thread,
    budget: float = SET_BUDGET,
    progress: Progress = _say_nothing,
    waiting: Callable[[], None] = _go_on,
) -> SetDiagnosis:
    """Say what many pictures prove.

    Args:
        network: the rebuilt network.
        pictures: each is opened twice, and a third time where no first layer can be listened to.
        settings: under diagnosis.
        checkpoint: of the network; without it the order of its tensors tells nothing.
        forward: the door through which the network is run.
        budget: how often it may be, in units of one forward; then what was seen so far is told.
        progress: called with the stage in words, pictures done, and all; what it raises ends it.
        waiting: called before each picture; what it raises ends the work.
    """
    work = _Work(network, checkpoint, settings, Forwards(forward, budget), progress, waiting)
    work.listen(pictures)
    work.recover(pictures)
    work.look(pictures)
    return work.diagnosis()


@dataclass
class _Work:
    """One set: sums grow, pictures are forgotten."""

    network: Network
    checkpoint: Checkpoint | None
    settings: Settings
    forwards: Forwards
    progress: Progress
    waiting: Callable[[], None]
    failures: Failures = field(default_factory=Failures)
    blocks: dict[str, list[Pool]] = field(default_factory=dict)  # by channel order
    memory: Memory | None = None
    families: dict[str, Family] = field(default_factory=dict)
    recovered: Recovered | None = None
    lit: bool = False  # whether another light explains what the first layer shows
    masks: dict[str, MaskSums] = field(default_factory=dict)
    differing: dict[str, list[float]] = field(default_factory=dict)
    votes: list[float] = field(default_factory=list)
    likeness: list[tuple[float, float]] = field(default_factory=list)
    ended: str = ""

    # --- one picture after the other --------------------------------------------------------------

    def _each(self, pictures: Sequence[Sample], stage: str) -> Iterator[tuple[str, Measurements]]:
        """Open one picture after the other, until the budget is spent."""
        for number, sample in enumerate(pictures):
            if self.ended:
                return
            self.waiting()
            self.progress(stage, number, len(pictures))
            opened: Opened | None = None
            with self._counted(sample.name):
                opened = sample.open()
            if opened is not None:
                yield sample.name, self._measured(opened)
        self.progress(stage, len(pictures), len(pictures))

    def _measured(self, opened: Opened) -> Measurements:
        truth = as_two_classes(opened.truth, max(2, self.network.num_classes))
        case = Case(opened.image, self.checkpoint, self.network, self.settings, truth)
        return Measurements(case, self.forwards, self.failures)

    @contextmanager
    def _counted(self, name: str) -> Iterator[None]:
        """What raises inside is noted as that picture's; what ends the work does so."""
        try:
            yield
        except BudgetSpent:
            self.ended = f"The work ended after {self.forwards.spent:.0f} forwards."
        except Exception as error:
            if error is self.forwards.interrupted:
                raise
            self.failures.add(name, error)

    # --- the first layer --------------------------------------------------------------------------

    @property
    def color(self) -> str:
        """The channel order that is fed."""
        return self.settings.preprocessing.color

    @property
    def colors(self) -> tuple[str, ...]:
        """Those that the network can be fed, the present one first."""
        if self.network.in_channels == 1 or self.color == "gray":
            return (self.color,)
        return (self.color, "bgr" if self.color == "rgb" else "rgb")

    def listen(self, pictures: Sequence[Sample]) -> None:
        """Pool the moments behind the first convolution, in each channel order."""
        dealt = 0
        for name, measured in self._each(pictures, "Listening to the first layer"):
            pools: dict[str, Pool] = {}
            with self._counted(name):
                if self._is_silent(measured):
                    return
                pools = {
                    color: pool for color in self.colors if (pool := self._pool(measured, color))
                }
            if len(pools) == len(self.colors):
                for color, pool in pools.items():
                    _deal(self.blocks.setdefault(color, []), pool, dealt)
                dealt += 1

    def _is_silent(self, measured: Measurements) -> bool:
        """Whether no first layer can tell anything, so that no more pictures need be opened."""
        if self.memory is None:
            self.memory = memory_of(measured)
        unused = measured.batchnorm.never_updated_share > UNUSED_NORMS
        return self.memory is None or unused

    def _pool(self, measured: Measurements, color: str) -> Pool | None:
        fed = change(self.settings, color=color, dtype="float32").preprocessing
        tensor = preprocess(measured.case.image, fed)
        if tensor.largest != LARGEST_BYTE:
            return None
        gauges = self.forwards.not_kept("", lambda: self._gauges(tensor))
        self.forwards.count(NEAR_LAYERS_UNITS)
        return pool_of(gauges, tensor.base, tensor.gain, tensor.offset) if gauges else None

    def _gauges(self, tensor: InputTensor) -> list[Any]:
        return gauges_of_sizes(self.network.listened, tensor.base, COARSE_STEPS)

    # --- the convention ---------------------------------------------------------------------------

    def recover(self, pictures: Sequence[Sample]) -> None:
        """From the first layer, else from the answers of single pictures."""
        if self.memory is not None and self.blocks:
            memory = self.memory
            self.families = {c: family_of(b, memory, c) for c, b in self.blocks.items()}
            self.recovered, self.lit = from_layer(self.families, memory, self.settings)
            return
        answers = []
        for name, measured in self._each(pictures[:MOST_ALONE], "Asking single pictures"):
            with self._counted(name):
                answers.append(recover(measured, {}))
        if answers:
            self.recovered = from_answers(answers)

    def changes(self, color: str) -> Mapping[str, Any]:
        """What makes of the settings the training's, in a channel order; only that order if not."""
        if self.recovered is None or not self.recovered.changes:
            return {} if color == self.color else {"color": color}
        family = self.families.get(color)
        told = family.changes if family is not None and family.changes else self.recovered.changes
        return {**told, "color": color}

    # --- the masks --------------------------------------------------------------------------------

    def look(self, pictures: Sequence[Sample]) -> None:
        """Sum the masks as fed, with the fix, and in the other channel order where it is asked."""
        for name, measured in self._each(pictures, "Looking at the masks"):
            with self._counted(name):
                self._look(measured)

    def _look(self, measured: Measurements) -> None:
        base = self.changes(self.color)
        now, then = measured.seen, measured.under(base)
        seen = {NOW: now, THEN: then}
        asked = len(self.colors) > 1 and (self._order.wants_more or measured.case.truth is not None)
        if asked:
            seen[OTHER] = measured.under(self.changes(self.colors[1]))
        for name, inspection in seen.items():
            self._add(name, inspection, measured)
        self._differ(THEN, now, then)
        if asked:
            self._differ(OTHER, then, seen[OTHER])
            self._vote(measured, base)

    def _add(self, name: str, seen: Inspection, measured: Measurements) -> None:
        sums = sums_of(seen.labels, measured.case.truth, self.settings.display.ignore_index)
        self.masks[name] = self.masks[name] + sums if name in self.masks else sums

    def _differ(self, name: str, one: Inspection, other: Inspection) -> None:
        share = float((one.labels.ids != other.labels.ids).mean())
        self.differing.setdefault(name, []).append(share)

    def _vote(self, measured: Measurements, base: Mapping[str, Any]) -> None:
        """What this picture says of the channel order; nothing where enough have said it."""
        if not self._order.wants_more:
            return
        other = self.changes(self.colors[1])
        said = vote(measured, base, other)
        if said is None:
            return
        self.votes.append(said)
        nats = [measured.batchnorm.input_kl(changes) for changes in (base, other)]
        if nats[0] is not None and nats[1] is not None:
            self.likeness.append((nats[0], nats[1]))

    @property
    def _order(self) -> OrderEvidence:
        there = [self.masks[name].mean_confidence for name in (THEN, OTHER) if name in self.masks]
        confidence = (there[0], there[1]) if len(there) > 1 else (0.0, 0.0)
        layer, nats = self._by_layer()
        likeness = tuple(self.likeness)
        return OrderEvidence(tuple(self.votes), layer, nats, confidence, likeness)

    def _by_layer(self) -> tuple[float | None, tuple[float, float] | None]:
        if len(self.families) < 2:
            return None, None
        now, other = (self.families[color] for color in self.colors)
        layer = float(np.log(now.loss / other.loss))
        fixed = self.recovered is not None and bool(self.recovered.changes)
        pair = (now.nats, other.nats) if fixed else (now.fed, other.fed)
        return layer, pair

    # --- the answer -------------------------------------------------------------------------------

    def diagnosis(self) -> SetDiagnosis:
        """All of it, worst first."""
        count = max((sums.count for sums in self.masks.values()), default=0)
        facts = SetFacts(
            self.settings,
            self.network,
            count,
            self.recovered,
            self.changes(self.colors[-1]),
            self._order,
            self.masks,
            {name: float(np.mean(shares)) for name, shares in self.differing.items()},
            self._light,
            self._shift,
        )
        return SetDiagnosis(
            self.settings,
            count,
            worst_first(findings_of(facts)),
            self.families,
            self.recovered,
            self._told_color(facts),
            facts.order,
            facts.light,
            self.masks,
            tuple(self.failures),
            self.forwards.spent,
            self.ended,
        )

    def _told_color(self, facts: SetFacts) -> str:
        if len(self.colors) < 2:
            return self.color
        if facts.order_by_truth is not None or facts.order.sign:
            return self.colors[1] if facts.swaps else self.color
        return ""

    @property
    def _light(self) -> Light | None:
        blocks = self.blocks.get(self.color)
        return light_of(reduce(Pool.__add__, blocks)) if blocks else None

    @property
    def _shift(self) -> Shift | None:
        light, memory = self._light, self.memory
        if light is None or memory is None or not self.lit:
            return None
        family = self.families[self.color]
        return shift_from_training(light, family, memory, self.settings.preprocessing)


def _deal(blocks: list[Pool], pool: Pool, number: int) -> None:
    """Add a picture's pool to one of the blocks, in turn."""
    place = number % BLOCKS
    if place == len(blocks):
        blocks.append(pool)
    else:
        blocks[place] = blocks[place] + pool
