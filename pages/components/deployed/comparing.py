"""The comparison of what is open with what was deployed of it, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from core.background import Background, Job
from core.recent import Recent
from core.settings import digest
from pages.components.state import files, inspecting, opening, session

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.deployed.comparison import Comparison
    from core.deployed.programs import Program
    from core.inspection import Inspection
    from pages.components.state.tab import Seen

PROGRAM_BYTES = 2 * 2**30  # of all deployed programs that are open
NUMBER_BYTES = 4
V = TypeVar("V")


@st.cache_resource
def works() -> Background[Comparison]:
    """All comparisons of this server."""
    return Background()


@st.cache_resource
def _programs() -> Recent[Program]:
    return Recent(PROGRAM_BYTES, _weight)


def _weight(program: Program) -> int:
    return sum(NUMBER_BYTES * tensor.numel() for tensor in program.tensors.values())


def comparison_of(seen: Seen, deployed: str) -> Job[Comparison]:
    """Begin, or look up, the comparison of an inspection with an upload."""
    person, inspection = session.tab().person, seen.inspection
    parts = (inspection.network.checkpoint_digest, inspection.image.digest)
    key = sha256("\0".join((*parts, digest(inspection.settings), deployed)).encode()).hexdigest()
    work = _work(inspection, deployed, f"comparison {key}")
    return works().start(f"{key} {inspection.network.choices}", work, person=person)


def stop() -> None:
    """End it; what was found stays."""
    works().leave(session.tab().person)


def _work(
    inspection: Inspection, deployed: str, queued_as: str
) -> Callable[[Job[Comparison]], Iterator[Comparison]]:
    """What runs in its own thread, where the session is out of reach."""
    engine, checkpoint = inspecting.engine(), opening.tensors_of(session.good_sources())
    name = files.checkpoint_name(session.good_sources().checkpoint)
    programs = _programs()

    def work(job: Job[Comparison]) -> Iterator[Comparison]:
        from core.deployed.compare import compare
        from core.deployed.opening import open_program
        from core.deployed.programs import NetworkProgram

        def opened() -> Program:
            return open_program(
                files.store().path(deployed),
                name=files.store().name(deployed),
                digest=deployed,
                folder=files.DATA_FOLDER / "canonical",
                forward=door,
            )

        door = inspecting.background_door(engine, queued_as, job)
        job.say("opening the deployed model")
        settings = inspection.settings
        one = NetworkProgram(
            name, inspection.network, checkpoint(), settings.forwarding, forward=door
        )
        other = programs.get_or_make(deployed, opened).through(door)
        yield compare(inspection.image, one, other, settings, progress=job.say)

    return work
