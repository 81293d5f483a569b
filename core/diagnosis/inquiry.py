"""From a case to its causes: certain ones at once, then one forward, then what changes would do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from core.diagnosis import checks
from core.diagnosis.bisect import Bisect, bisect
from core.diagnosis.case import Case
from core.diagnosis.causes import CAUSES
from core.diagnosis.diagnosis import Diagnosis
from core.diagnosis.evidence import Facts, Run
from core.diagnosis.finding import Finding, worst_first
from core.errors import InspectionError


def _say_nothing(stage: str) -> None:
    """Progress that nobody reads."""


def _go_on() -> None:
    """Waiting that nobody ends."""


def investigate(
    case: Case,
    *,
    run: Run | None = None,
    progress: Callable[[str], None] = _say_nothing,
    waiting: Callable[[], None] = _go_on,
) -> Iterator[Diagnosis]:
    """Find causes, the cheap and certain first; each answer is better than the one before.

    Args:
        case: what is to be explained.
        run: makes an inspection of the case's picture under any settings; None: in this thread.
        progress: told each stage in words; what it raises ends the work.
        waiting: called between two steps; what it raises ends the work.
    """
    facts, found = Facts(case, run), Found()
    progress("Reading the facts")
    found.ask(checks.NO_NETWORK, facts)
    if case.network is None:
        yield found.diagnosis(facts, finished=True)
        return
    found.ask(checks.NO_FORWARD, facts)
    first = found.diagnosis(facts)
    yield first
    waiting()
    progress("Running the network once")
    found.look(facts)
    found.ask(checks.ONE_FORWARD, facts)
    if found.nothing_can_help:
        yield found.diagnosis(facts, finished=True)
        return
    yield found.diagnosis(facts)
    waiting()
    progress("Asking what other settings would do")
    found.take_back(checks.PROVISIONAL, first, facts)
    found.ask(checks.COUNTERFACTUAL, facts)
    yield found.diagnosis(facts, finished=True)


def diagnose(
    case: Case,
    *,
    run: Run | None = None,
    progress: Callable[[str], None] = _say_nothing,
    waiting: Callable[[], None] = _go_on,
) -> Diagnosis:
    """Wait for the last answer of `investigate`."""
    *_, last = investigate(case, run=run, progress=progress, waiting=waiting)
    return last


class Found:
    """What was found so far; a later word on the same cause replaces the earlier one."""

    def __init__(self) -> None:
        self._by_cause: dict[str, Finding] = {}
        self._bisect = Bisect()

    def ask(self, questions: tuple[checks.Check, ...], facts: Facts) -> None:
        """Ask each check; one that cannot be computed on this case says nothing."""
        for question in questions:
            try:
                for finding in question(facts):
                    self._by_cause[finding.cause] = finding
                    self._tell(facts)
            except InspectionError:  # the page shows it already, with its remedy
                continue

    def take_back(self, causes: tuple[str, ...], said: Diagnosis, facts: Facts) -> None:
        """Forget what was said without a forward and is to be asked with one."""
        for finding in said.findings:
            if finding.cause in causes and self._by_cause.get(finding.cause) is finding:
                del self._by_cause[finding.cause]
        self._tell(facts)

    def look(self, facts: Facts) -> None:
        """Find out where black begins."""
        try:
            self._bisect = bisect(facts.seen)
        except InspectionError:
            return

    @property
    def nothing_can_help(self) -> bool:
        """Whether the weights are broken, so that no other settings need be tried."""
        broken = any(CAUSES[cause].ends_search for cause in self._by_cause)
        return broken and self._bisect.stage == "logits"

    def _tell(self, facts: Facts) -> None:
        """Let later checks know what was found."""
        facts.mended = self._mended()
        faults = (cause for cause, found in self._by_cause.items() if found.kind == "fault")
        facts.faults = frozenset(faults)

    def _mended(self) -> dict[str, Any]:
        """What all faults before the display would change, together."""
        changes: dict[str, Any] = {}
        for finding in self._by_cause.values():
            if finding.kind == "fault" and CAUSES[finding.cause].mended_by_settings:
                changes |= finding.changes
        return changes

    def diagnosis(self, facts: Facts, *, finished: bool = False) -> Diagnosis:
        """All of it, worst first."""
        return Diagnosis(
            facts.settings,
            tuple(sorted(self._by_cause.values(), key=worst_first)),
            self._bisect,
            facts.known_normalization,
            tuple(facts.tried.values()),
            forwards=facts.forwards,
            finished=finished,
        )
