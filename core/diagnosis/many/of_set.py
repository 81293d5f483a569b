"""From pictures to what they prove: the first layer over all of them, then their masks.

Pictures are opened one after the other and never kept, twice: the masks are made under what the
first layer has shown. What cannot be opened or run is counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from core.architectures import Network
from core.checkpoint import Checkpoint
from core.diagnosis.case import Case
from core.diagnosis.finding import worst_first
from core.diagnosis.many.family import Family, family_of
from core.diagnosis.many.findings import SetFacts, findings_of
from core.diagnosis.many.light import Shift, shift_from_training
from core.diagnosis.many.listening import Listening
from core.diagnosis.many.looking import Looking
from core.diagnosis.many.recovered import from_answers, from_layer
from core.diagnosis.many.sample import Opened, Sample
from core.diagnosis.many.set_diagnosis import SetDiagnosis
from core.diagnosis.measure.failures import Failures
from core.diagnosis.measure.forwards import BudgetSpent, Forwards
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.recover import recover
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import MOST_ALONE, SET_BUDGET
from core.engine import Runner, in_this_thread
from core.scores import as_two_classes
from core.settings import Settings

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
    masks: bool = True,
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
        masks: whether they are looked at; without, only the first layer is, which is quick.
        budget: how often it may be, in units of one forward; then what was seen so far is told.
        progress: called with the stage in words, pictures done, and all; what it raises ends it.
        waiting: called before each picture; what it raises ends the work.
    """
    work = _Work(network, checkpoint, settings, Forwards(forward, budget), progress, waiting)
    work.listen(pictures)
    work.recover(pictures)
    if masks:
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
    families: dict[str, Family] = field(default_factory=dict)  # by channel order
    recovered: Recovered | None = None  # in the present one
    lit: bool = False  # whether another light explains what the first layer shows
    looking: Looking = field(default_factory=Looking)
    ended: str = ""

    def __post_init__(self) -> None:
        self.listening = Listening(self.colors)

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

    # --- the convention ---------------------------------------------------------------------------

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
        for name, measured in self._each(pictures, "Listening to the first layer"):
            with self._counted(name):
                if self.listening.is_silent(measured):
                    return
                self.listening.add(measured)

    def recover(self, pictures: Sequence[Sample]) -> None:
        """From the first layer, else from the answers of single pictures."""
        memory, blocks = self.listening.memory, self.listening.blocks
        if memory is not None and blocks:
            self.families = {color: family_of(b, memory, color) for color, b in blocks.items()}
            told = from_layer(self.families, memory, self.settings, self.color)
            self.recovered, self.lit = told
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
        self.looking = Looking(*self._by_layer())
        base = self.changes(self.color)
        other = self.changes(self.colors[1]) if len(self.colors) > 1 else None
        for name, measured in self._each(pictures, "Looking at the masks"):
            with self._counted(name):
                self.looking.add(measured, base, other)

    def _by_layer(self) -> tuple[float | None, tuple[float, float] | None]:
        """What the first layer says of the other channel order, see `OrderEvidence`."""
        if len(self.families) < 2:
            return None, None
        now, other = (self.families[color] for color in self.colors)
        fixed = self.recovered is not None and bool(self.recovered.changes)
        nats = (now.nats, other.nats) if fixed else (now.fed, other.fed)
        return float(np.log(now.loss / other.loss)), nats

    # --- the answer -------------------------------------------------------------------------------

    def diagnosis(self) -> SetDiagnosis:
        """All of it, worst first."""
        facts = self._facts()
        return SetDiagnosis(
            self.settings,
            facts.count,
            worst_first(findings_of(facts)),
            self.families,
            facts.recovered,
            self._told_color(facts),
            facts.order,
            facts.light,
            facts.masks,
            tuple(self.failures),
            self.forwards.spent,
            self.ended,
        )

    def _facts(self) -> SetFacts:
        masks = self.looking.masks
        facts = SetFacts(
            self.settings,
            self.network,
            max((sums.count for sums in masks.values()), default=self.listening.count),
            self.recovered,
            self.looking.order,
            masks,
            self.looking.changed,
            self.listening.light,
            self._shift,
        )
        return replace(facts, recovered=self._in_order(facts))

    def _in_order(self, facts: SetFacts) -> Recovered | None:
        """The convention in the channel order that is told."""
        memory, color = self.listening.memory, self.colors[-1]
        if not facts.swaps or memory is None or color not in self.families:
            return self.recovered
        return from_layer(self.families, memory, self.settings, color)[0]

    def _told_color(self, facts: SetFacts) -> str:
        if len(self.colors) < 2:
            return self.color
        if facts.order_by_truth is not None or facts.order.sign:
            return self.colors[1] if facts.swaps else self.color
        return ""

    @property
    def _shift(self) -> Shift | None:
        light, memory = self.listening.light, self.listening.memory
        if light is None or memory is None or not self.lit:
            return None
        family = self.families[self.color]
        return shift_from_training(light, family, memory, self.settings.preprocessing)
