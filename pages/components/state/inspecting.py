"""Running what is open: an inspection, or the reading of a checkpoint, with its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from core.background import Cancelled, Job
from core.colors import palette_colors
from core.engine import Engine, Lane, Runner, Superseded
from core.errors import ArchitectureError, InspectionError
from core.scores import as_two_classes
from core.settings import Settings, digest
from pages.components.state import files, opening, session
from pages.components.state.complaints import show_complaint
from pages.components.state.sources import Sources
from pages.components.state.tab import Seen

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.activation_map import ActivationMap
    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from core.engine.choice import FastPaths
    from core.engine.remote import Remote
    from core.image import Image
    from core.inspection import Inspection

V = TypeVar("V")
QUIET_SECONDS = 0.7  # a forward that takes longer is spoken of
PATIENCE_SECONDS = 60.0  # so long a page waits for forwards of others; then it says so, and is free


@st.cache_resource
def engine() -> Engine:
    """Run every forward of this server."""
    return Engine(place=_place)


def _place() -> Remote | None:
    """Where exact forwards are computed: on the cluster that the host names, else here."""
    from core.engine.remote import of_host

    return of_host()


@st.cache_resource
def fast_paths() -> FastPaths:
    """The ways of running each network that is looked at; for what moves alone."""
    from core.engine.choice import FastPaths

    return FastPaths(engine())


def inspection() -> Seen:
    """Inspect what is open; where that fails, say why and keep what was on the screen.

    Ends the page where there is nothing that could be kept.
    """
    slot = st.empty()
    seen = _attempt(slot)
    slot.empty()
    if seen is not None:
        return seen
    if (good := session.tab().good) is None:
        show_complaint()
        st.stop()
    return replace(good[0], stale=True)


def _attempt(slot: Any) -> Seen | None:
    now, image = session.sources(), None
    try:
        try:
            image = files.open_image(now.picture, session.settings().preprocessing)
            version = files.version_of(now.checkpoint)
            network = network_of(now, slot)
            if only_gray(image, network) and session.settings().preprocessing.color != "gray":
                session.choose(color="gray")  # nothing else could be meant,
                st.rerun()  # in the sidebar too, which is drawn already
            colors = palette_colors(session.settings().display, network.num_classes)
            truth = files.open_truth(
                now.truth,
                colors,
                image.pixels.shape[:2],
                session.settings().preprocessing.cut,
            )
            truth = as_two_classes(truth, max(2, network.num_classes))
            if now.saved:
                files.open_image(now.saved)  # what is no picture is reported, not passed over
        except InspectionError as error:
            look = now if isinstance(error, ArchitectureError) else None
            session.complain_of(_for_network(error), look, "" if image else now.picture)
            if session.back_to_good():  # what cannot be opened goes back,
                st.rerun()  # in the sidebar too, which is drawn already
            return None
        inspected = inspect_with(session.settings(), image, network, slot)
        seen = Seen(inspected, truth, stale=False, version=version)
    except InspectionError as error:
        session.complain_of(error, picture=now.picture)
        return None
    session.keep_good(seen, now)
    return seen


def only_gray(image: Image, network: Network) -> bool:
    """Whether a network of one channel has a picture before it that is gray itself."""
    return network.in_channels == 1 == image.facts.bands


def _for_network(error: InspectionError) -> InspectionError:
    """The copy of a picture that is too large is small enough for what is open, too."""
    if error.smaller and (good := session.tab().good) is not None:
        from core.inspection import largest_picture

        head = session.settings().forwarding.head
        error.smaller = largest_picture(good[0].inspection.network, error.smaller, head)
    return error


def inspect_with(chosen: Settings, image: Any, network: Network, slot: Any) -> Inspection:
    """Inspect a picture under any settings, through the one queue."""
    from core.inspection import run_stages

    tab = session.tab()
    try:
        return run_stages(
            image,
            network,
            chosen,
            forward=door_of(tab.person, slot),
            previous=tab.good[0].inspection if tab.good else None,
        )
    except Superseded:  # a newer run of this tab asks for something else: this one is over
        st.stop()


def why(inspection: Inspection, pin: tuple[int, int], *, of_mask: bool) -> ActivationMap:
    """Ask for the class activation map of a pixel, through the one queue; it is kept.

    Raises:
        ForwardError: the network gives none.
    """
    from core.activation_map import activation_map

    key = f"why-{inspection.logits_key}-{digest(inspection.settings.decoding)}-{pin}-{of_mask}"
    slot = st.empty()
    door = door_of(session.tab().person, slot)
    try:
        return door(key, lambda: activation_map(inspection, pin, of_mask=of_mask))
    except Superseded:  # a newer run of this tab asks for something else: this one is over
        st.stop()


def network_of(now: Sources, slot: Any) -> Network:
    """Open a checkpoint, with its stages shown while it loads."""
    if opening.is_open(now):
        return opening.open_network(now, lambda _: None)
    with _progress(slot) as say:
        return opening.open_network(now, say)


@contextmanager
def _progress(slot: Any) -> Iterator[Callable[[str], None]]:
    with slot.status("Opening the checkpoint", expanded=True) as status:

        def say(stage: str) -> None:
            status.update(label=stage)
            status.write(stage)

        yield say


def door_of(person: str, slot: Any) -> Runner:
    """The engine, for a page that shows in `slot` what it waits for."""
    waiting = _waiter(person, slot)
    return engine().runner(person=person, waiting=waiting, patience=PATIENCE_SECONDS)


def background_door(engine: Engine, queued_as: str, job: Job[Any]) -> Runner:
    """The door of work that people read meanwhile: the one queue, behind who looks at something.

    Args:
        engine: of this server; a thread of its own cannot ask the session for it.
        queued_as: the work itself, not who began it.
        job: ends the work when nobody waits for it.
    """

    def run(key: str, compute: Callable[[], V], /) -> V:
        job.check()
        try:
            return engine.run(
                key, compute, person=queued_as, lane=Lane.DIAGNOSIS, waiting=job.check
            )
        except Superseded as error:
            raise Cancelled from error

    return run


def _waiter(person: str, slot: Any) -> Callable[[], None]:
    """Speak of a long forward, and let Streamlit end this run when a newer one is asked for."""
    began = time.monotonic()

    def waiting() -> None:
        seconds = time.monotonic() - began
        if seconds < QUIET_SECONDS:
            slot.empty()  # any message is a place where Streamlit may end the run
            return
        others = engine().place(person).in_words
        slot.caption(f"{others or f'The network runs: {seconds:.0f} s.'} Stop is at the top right.")

    return waiting


def opened_checkpoint() -> tuple[Checkpoint, Sources]:
    """Read the checkpoint without building a network; where that fails, keep the one before.

    Ends the page where there is nothing that could be kept.
    """
    now, slot = session.looked_into(), st.empty()
    try:
        with _progress(slot) as say:
            session.keep_look(opening.open_checkpoint(now, say), now)
    except InspectionError as error:
        session.complain_of(error)
    slot.empty()
    look = session.tab().good_look
    if look is None:
        show_complaint()
        st.stop()
    return look
