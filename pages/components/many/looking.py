"""A look into every file of a set, in the background: what is odd about its masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import streamlit as st

from core.background import Background, Job
from pages.components.many import opening
from pages.components.state import complaints, session

if TYPE_CHECKING:
    from core.dataset.look.look import Look
    from core.dataset.opening import Found

FIRST_SECONDS = 0.5  # so long the page waits for a small set
POLL_SECONDS = 1.0


@st.cache_resource
def works() -> Background[Look]:
    """All looks of this server."""
    return Background()


def look_of(found: Found, num_classes: int) -> Job[Look]:
    """Begin, or look up, the look into a set.

    Args:
        found: the set.
        num_classes: that the open network gives.
    """
    key = f"{opening.digest_of(found)} {num_classes}"
    job = works().start(key, _work(found, num_classes), person=session.tab().person)
    job.wait(FIRST_SECONDS)
    return job


def _work(found: Found, num_classes: int) -> Callable[[Job[Look]], Iterator[Look]]:
    def work(job: Job[Look]) -> Iterator[Look]:
        from core.dataset.look.look import look_at_set

        def told(done: int, of: int) -> None:
            job.stage = f"Looking into the files: {done:,} of {of:,}"

        yield look_at_set(found, num_classes=num_classes, progress=told, stop=lambda: job.cancelled)

    return work


def show_progress(job: Job[Look]) -> None:
    """Follow it; the page is drawn again when it is done."""
    st.fragment(_follow, run_every=POLL_SECONDS)(job)


def _follow(job: Job[Look]) -> None:
    if job.finished:
        st.rerun()
    st.caption(complaints.as_text(job.stage or "Looking into the files"))
