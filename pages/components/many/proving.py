"""What the set proves of normalization, channel order and masks: findings, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.background import Background, Job
from core.settings import digest
from pages.components.diagnosis.findings import show_findings
from pages.components.many import opening
from pages.components.state import complaints, inspecting, session, session_many
from pages.components.state import opening as checkpoints
from pages.components.state.many import Reference

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.dataset.entry import Entry, Truths
    from core.dataset.opening import Found
    from core.diagnosis.many.sample import Opened, Sample
    from core.diagnosis.many.set_diagnosis import SetDiagnosis
    from pages.components.state.tab import Seen

MOST = 32  # pictures that are asked: an interval hardly narrows beyond
FIRST_SECONDS = 0.3
POLL_SECONDS = 1.0


@st.cache_resource
def works() -> Background[SetDiagnosis]:
    """All diagnoses of sets on this server."""
    return Background()


def show(found: Found, seen: Seen) -> SetDiagnosis | None:
    """Begin it, and draw it as far as it is; returns it once it is done."""
    if session_many.many().unasked:
        st.button("Ask what these pictures prove", key="ask_set", on_click=session_many.ask_many)
        return None
    job = _job(found, seen)
    job.wait(FIRST_SECONDS)
    if not job.finished:
        st.fragment(_follow, run_every=POLL_SECONDS)(job)
    elif job.error is not None:
        st.info(complaints.as_text(f"{job.error.message} {job.error.remedy}"))
    elif job.partial is not None:
        _show(job.partial, len(found.data.entries))
        _show_reference(found, seen, job.partial)
    return job.partial


def _show(answered: SetDiagnosis, total: int) -> None:
    of = "" if answered.count == total else f" (of {total:,}, evenly spread)"
    words = complaints.as_text(f"What {answered.count:,} pictures{of} prove: {answered.verdict}")
    if answered.is_calm:
        st.success(words, icon=":material/check:")
    else:
        st.warning(words, icon=":material/error:")
    show_findings(answered.findings)
    for failed in answered.failed:
        st.info(complaints.as_text(failed.words), icon=":material/help:")


def _show_reference(found: Found, seen: Seen, answered: SetDiagnosis) -> None:
    """How this set differs from the reference, and the way to make it one."""
    from core.diagnosis.many.between import between

    reference, under = session_many.many().reference, _under(seen)
    if reference is not None and reference.under == under and reference.diagnosis is not answered:
        shift = between(answered, reference.diagnosis, reference.name)
        if shift is None:
            st.caption(f"Lit as {complaints.as_text(reference.name)} is.")
        else:
            show_findings((shift,))
    if reference is None or reference.diagnosis is not answered:
        st.button(
            "Compare others with this set",
            key="reference",
            on_click=session_many.take_reference,
            args=(Reference(found.data.name, under, answered),),
            help="Open another set then: whether its pictures reach the network as these do",
        )
    else:
        st.caption("Open another set: it is compared with this one.")


def _under(seen: Seen) -> str:
    return f"{seen.inspection.network.checkpoint_digest} {digest(session.settings())}"


def _follow(job: Job[SetDiagnosis]) -> None:
    if job.finished:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="proving"):
        st.caption(complaints.as_text(job.stage or "Asking what these pictures prove"))
        st.button("Stop", key="stop_proving", on_click=_stop)


def _stop() -> None:
    works().leave(session.tab().person)
    session_many.ask_many(asked=False)


def _job(found: Found, seen: Seen) -> Job[SetDiagnosis]:
    parts = (opening.digest_of(found), _under(seen))
    work = _work(found, seen, f"set {' '.join(parts)}")
    return works().start(" ".join(parts), work, person=session.tab().person)


def _work(
    found: Found, seen: Seen, queued_as: str
) -> Callable[[Job[SetDiagnosis]], Iterator[SetDiagnosis]]:
    engine, settings, now = inspecting.engine(), session.settings(), session.good_sources()
    network = seen.inspection.network

    def work(job: Job[SetDiagnosis]) -> Iterator[SetDiagnosis]:
        from core.diagnosis.many.of_set import of_set

        def told(stage: str, done: int, total: int) -> None:
            job.say(f"{stage}: {done:,} of {total:,} pictures")

        yield of_set(
            network,
            _samples(found),
            settings,
            checkpoint=checkpoints.open_checkpoint(now, lambda _: None),
            forward=inspecting.background_door(engine, queued_as, job),
            progress=told,
            waiting=job.check,
        )

    return work


def _samples(found: Found) -> list[Sample]:
    """Pictures from the whole length of the set."""
    from core.diagnosis.many.sample import Sample

    entries, truths = found.data.entries, found.data.truths
    places = np.linspace(0, len(entries) - 1, min(MOST, len(entries))).round().astype(int)
    chosen = [entries[place] for place in places]
    return [Sample(each.name, partial(_open, each, truths)) for each in chosen]


def _open(entry: Entry, truths: Truths) -> Opened:
    from core.dataset.truth import truth_of
    from core.diagnosis.many.sample import Opened
    from core.image import decode_image, read_guarded

    image = decode_image(entry.picture.read(), read=read_guarded)
    if entry.truth is None:
        return Opened(image)
    return Opened(image, truth_of(entry, truths, image.pixels.shape[:2]))
