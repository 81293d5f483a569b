"""From a case to its causes: certain ones at once, then one forward, then what changes would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from core.diagnosis.bisect import Bisect, bisect
from core.diagnosis.case import Case
from core.diagnosis.causes import CAUSES
from core.diagnosis.checks.feeding import not_taken
from core.diagnosis.checks.phases import (
    COUNTERFACTUAL,
    NO_FORWARD,
    NO_NETWORK,
    ONE_FORWARD,
    Check,
    Phase,
)
from core.diagnosis.diagnosis import Diagnosis, Tried
from core.diagnosis.finding import Finding, worst_first
from core.diagnosis.harm import without_harm
from core.diagnosis.measure.forwards import BudgetSpent
from core.diagnosis.measure.measurements import Measurements, measure
from core.diagnosis.measure.size_to_feed import size_to_feed, to_feed
from core.diagnosis.normalization.naming import difference_in_words
from core.diagnosis.normalization.recover import recover
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction.rebuild import rebuild
from core.diagnosis.thresholds import BUDGET
from core.diagnosis.unexplained import Unexplained, unexplained, with_failures
from core.engine import Runner, in_this_thread
from core.settings import change

Phases = tuple[Phase, ...]


@dataclass(frozen=True)
class Questions:
    """All checks in their order: what is asked before there is a network, and so on."""

    no_network: Phases = NO_NETWORK
    no_forward: Phases = NO_FORWARD
    one_forward: Phases = ONE_FORWARD
    counterfactual: Phases = COUNTERFACTUAL


def _say_nothing(stage: str) -> None:
    """Progress that nobody reads."""


def _go_on() -> None:
    """Waiting that nobody ends."""


def investigate(
    case: Case,
    *,
    forward: Runner = in_this_thread,
    budget: float = BUDGET,
    progress: Callable[[str], None] = _say_nothing,
    waiting: Callable[[], None] = _go_on,
    questions: Questions = Questions(),
) -> Iterator[Diagnosis]:
    """Find causes, the cheap and certain first; each answer is better than the one before.

    Args:
        case: what is to be explained.
        forward: the door through which the network is run.
        budget: how often it may be, in units of `Diagnosis.forwards`.
        progress: called with each stage in words; what it raises ends the work.
        waiting: called between two steps; what it raises ends the work.
        questions: which checks are asked, and in which order.
    """
    search = _Search(measure(case, forward, budget=budget))
    progress("Reading the facts")
    search.ask(questions.no_network)
    if case.network is None:
        yield search.diagnosis(finished=True)
        return
    search.fit()
    search.ask(questions.no_forward)
    yield search.diagnosis()
    waiting()
    progress("Running the network once")
    search.fit(by_trial=True)
    search.look()
    if case.saved:
        progress("Rebuilding the script that wrote your output")
        search.rebuild()
    search.ask(questions.one_forward)
    if search.nothing_can_help:
        search.so_far = search.so_far.without_provisional()
        yield search.diagnosis(finished=True)
        return
    yield search.diagnosis()
    waiting()
    progress("Asking what other settings would do")
    search.recover()
    search.ask(questions.counterfactual)
    yield search.diagnosis(finished=True)


def diagnose(
    case: Case,
    *,
    forward: Runner = in_this_thread,
    budget: float = BUDGET,
    progress: Callable[[str], None] = _say_nothing,
    waiting: Callable[[], None] = _go_on,
    questions: Questions = Questions(),
) -> Diagnosis:
    """Wait for the last answer of `investigate`."""
    *_, last = investigate(
        case,
        forward=forward,
        budget=budget,
        progress=progress,
        waiting=waiting,
        questions=questions,
    )
    return last


@dataclass
class _Search:
    """One investigation: the measurements stay, the progress goes on."""

    measured: Measurements
    so_far: Progress = field(default_factory=Progress)
    bisect: Bisect = field(default_factory=Bisect)
    ended: str = ""  # why nothing more is asked
    looked: bool = False  # whether the network was run

    def ask(self, phases: Phases) -> None:
        """Ask one phase after the other, until the network was run too often."""
        for phase in phases:
            if self.ended:
                return
            answers = [self._answer(check) for check in phase.checks]
            self.so_far = replace(
                self.so_far.with_findings(answers, provisional=phase.provisional),
                tried=tuple(_tried(self.measured)),
            )

    def _answer(self, check: Check) -> list[Finding]:
        """What a check finds; one that cannot be computed says so, and the others go on."""
        found: list[Finding] = []
        with self._counted(check.__name__.replace("_", " ")):
            for finding in check(self.measured, self.so_far):
                found.append(finding)
        return found

    @contextmanager
    def _counted(self, what: str) -> Iterator[None]:
        """What raises inside is noted as that; what ends the work, or the budget, does so."""
        try:
            yield
        except BudgetSpent:
            self._end()
        except Exception as error:
            if error is self.measured.forwards.interrupted:
                raise
            self.measured.failures.add(what, error)

    def fit(self, *, by_trial: bool = False) -> None:
        """Where the network does not take the size that is fed, go on at the nearest it takes."""
        measured, size = self.measured, None
        with self._counted("the size that the network takes"):
            size = size_to_feed(measured, by_trial=by_trial)
        if size is None:
            return
        self.so_far = self.so_far.with_findings([[not_taken(measured, size)]])
        settings = change(measured.settings, **to_feed(measured.settings, size))
        case = replace(measured.case, settings=settings)
        self.measured = Measurements(case, measured.forwards, measured.failures)

    def look(self) -> None:
        """Find out where black begins."""
        self.looked = True
        with self._counted("the mask"):
            self.bisect = bisect(self.measured.seen)

    def rebuild(self) -> None:
        """Search for the program that wrote the user's own output."""
        with self._counted("the script of your output"):
            self.so_far = replace(self.so_far, rebuilt=rebuild(self.measured))

    def recover(self) -> None:
        """Ask for the training's normalization, in place of what the checkpoint alone said."""
        self.so_far = now = self.so_far.without_provisional()
        with self._counted("the normalization of the training"):
            found = recover(self.measured, now.fixes, masks_tell=not now.masks_mean_nothing)
            self.so_far = replace(now, recovered=found)

    def _end(self) -> None:
        self.ended = f"The search ended after {self.measured.forwards.spent:.0f} forwards."

    @property
    def nothing_can_help(self) -> bool:
        """Whether the weights are broken or exchanged, so that no other settings need be tried."""
        if any(CAUSES[cause].exchanges_weights for cause in self.so_far.faults):
            return True
        broken = any(CAUSES[cause].ends_search for cause in self.so_far.findings)
        return broken and self.bisect.stage == "logits"

    def diagnosis(self, *, finished: bool = False) -> Diagnosis:
        """All of it, worst first."""
        return Diagnosis(
            self.measured.settings,
            worst_first(self._offered()),
            self.bisect,
            self.so_far.recovered_for_people,
            self.so_far.rebuilt,
            tuple(_tried(self.measured)),
            forwards=self.measured.forwards.spent,
            finished=finished,
            ended=self.ended,
            unexplained=self._unexplained() if finished and not self.so_far.faults else None,
            failed=tuple(self.measured.failures),
        )

    def _unexplained(self) -> Unexplained | None:
        """What no cause accounts for; without a network it is that there is none."""
        if (error := self.measured.case.error) and self.measured.case.network is None:
            return Unexplained(error.message, "", error.remedy)
        left = None
        with self._counted("what is left to explain"):
            left = unexplained(self.measured) if self.measured.case.network is not None else None
        if left is None and error is not None:  # a ground truth that cannot be read says nothing
            return Unexplained(
                f"The ground truth was not compared: {error.message}",
                "Without it nothing was found.",
                error.remedy,
            )
        return with_failures(left, self.measured.failures)

    def _offered(self) -> tuple[Finding, ...]:
        """The findings; of what was run, no fix that a ground truth speaks against."""
        said = tuple(self.so_far.findings.values())
        return without_harm(self.measured, said) if self.looked else said


def _tried(measured: Measurements) -> Iterator[Tried]:
    """What was scored so far, in words."""
    now = measured.settings
    for scored in measured.truth.scored:
        words = difference_in_words(now, change(now, **scored.changes))
        yield Tried(words, scored.changes, scored.score, scored.iou, scored.changed)
