"""The diagnosis of what is open: runs in the background, begun anew when something is changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from core.background import Background, Job
from core.settings import digest
from pages.components.state import inspecting, opening, session, sources

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.diagnosis import Diagnosis
    from pages.components.state.tab import Seen

FIRST_SECONDS = 0.4  # so long the page waits for what needs no forward
REST_SECONDS = 0.8  # of a setting, before forwards are spent on it
POLL_SECONDS = 0.05
V = TypeVar("V")


@st.cache_resource
def works() -> Background[Diagnosis]:
    """All diagnoses of this server."""
    return Background()


def diagnosis_of(seen: Seen) -> Job[Diagnosis]:
    """Begin, or look up, the diagnosis of this inspection."""
    person, opened = session.tab().person, session.good_sources()
    inspection = seen.inspection
    parts = (*asdict(opened).values(), inspection.network.checkpoint_digest)
    parts += (inspection.image.digest, digest(inspection.settings))
    key = sha256("\0".join(parts).encode()).hexdigest()
    job = works().start(key, _work(seen, opened, f"diagnosis {key}"), person=person)
    job.wait_first(FIRST_SECONDS)
    return job


def stop_diagnosis() -> None:
    """End it; what was found stays on the screen."""
    works().leave(session.tab().person)


def _work(
    seen: Seen, opened: sources.Sources, queued_as: str
) -> Callable[[Job[Diagnosis]], Iterator[Diagnosis]]:
    """What runs in its own thread, where the session is out of reach.

    Args:
        seen: what is asked about.
        opened: the files of it.
        queued_as: the diagnosis itself, not who began it: others wait for it too, when they have
            gone on to another one.
    """
    engine = inspecting.engine()

    def work(job: Job[Diagnosis]) -> Iterator[Diagnosis]:
        from core.diagnosis import investigate

        case = opening.case_of(seen.inspection, seen.truth, opened)
        forward = inspecting.background_door(engine, queued_as, job)
        answers = investigate(case, forward=forward, progress=job.say, waiting=job.check)
        for number, answer in enumerate(answers):
            yield answer
            if number == 0:
                rest(job)

    return work


def rest(job: Job[Any]) -> None:
    """Spend nothing on a setting that is only passed on the way to another."""
    until = time.monotonic() + REST_SECONDS
    while time.monotonic() < until:
        job.check()
        time.sleep(POLL_SECONDS)
