"""The sweep of a set, in the background: begun, followed, stopped, gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.background import Background, Job
from core.errors import MissingFileError
from core.store import read_labels
from core.sweep import Named, Plan, Progress, Table, Totals, read_rows, totals
from core.sweep.finished import in_order
from core.sweep.parts import rows_so_far
from core.sweep.table import ROWS, labels_path
from pages.components.many import opening
from pages.components.state import files, inspecting, session, session_many

if TYPE_CHECKING:
    from pathlib import Path

    from core.dataset.opening import Found
    from core.settings import Settings
    from core.sweep import Row
    from pages.components.state.tab import Seen

TABLES = 4  # whose rows are kept in memory


@dataclass(frozen=True, eq=False)
class Standing:
    """How far a sweep is, and the totals so far."""

    progress: Progress
    totals: Mapping[str, Totals]  # by the name of the settings
    finished: bool = False


@st.cache_resource
def works() -> Background[Standing]:
    """All sweeps of this server."""
    return Background()


def plan_of(found: Found, settings: Mapping[str, Settings], seen: Seen) -> Plan:
    """What is computed; the set is named by its files, and by how their masks are read."""
    named = tuple(Named(name, each) for name, each in settings.items())
    return Plan(
        seen.inspection.network.checkpoint_digest,
        named,
        ignore_index=session.settings().display.ignore_index,
        keep_labels=True,
        source=f"{found.data.name} {opening.digest_of(found)}",
    )


def folder_of(plan: Plan) -> Path:
    """Where the rows of a plan are."""
    return files.DATA_FOLDER / "sweeps" / plan.digest


def begin(found: Found, plan: Plan, seen: Seen) -> Job[Standing]:
    """Begin, join or look up a sweep; what an earlier one has finished is not computed again."""
    key = f"{plan.digest} {session_many.many().attempt}"
    return works().start(key, _work(found, plan, seen), person=session.tab().person)


def stop() -> None:
    """End it; finished pictures stay."""
    works().leave(session.tab().person)
    session_many.stop_many()


def so_far(found: Found, plan: Plan) -> Standing:
    """What a sweep that was stopped has finished."""
    rows = rows_of(plan)
    done = len({row.picture for row in rows})
    return Standing(Progress(len(found.data.entries), done), totals(rows, plan))


def _work(found: Found, plan: Plan, seen: Seen) -> Callable[[Job[Standing]], Iterator[Standing]]:
    engine, network, folder = inspecting.engine(), seen.inspection.network, folder_of(plan)

    def work(job: Job[Standing]) -> Iterator[Standing]:
        from core.dataset.truth import truth_of
        from core.sweep.local import sweep

        door = inspecting.background_door(engine, f"sweep {plan.digest}", job)
        job.say("Looking up what was computed before")
        with Table(folder, plan) as table:
            table.forget_failed()
            counted = totals(table.rows(), plan)
            for progress in sweep(
                found.data,
                plan,
                network,
                table,
                truth_of=truth_of,
                forward=door,
                wanted=lambda: not job.cancelled,
            ):
                for row in progress.rows:
                    counted[row.setting].add(row)
                yield Standing(progress, counted)
            table.finish()
            yield Standing(progress, counted, finished=True)

    return work


def rows_of(plan: Plan) -> list[Row]:
    """Every row so far, by place in the set."""
    path = folder_of(plan) / ROWS
    if path.exists():
        return _read(str(path), path.stat().st_mtime_ns)
    return in_order(rows_so_far(folder_of(plan)), plan)


@st.cache_resource(max_entries=TABLES, show_spinner=False)
def _read(path: str, _: int) -> list[Row]:
    """Args: path of the table; when it was written, so that another one is another entry."""
    from pathlib import Path

    return read_rows(Path(path))[1]


def labels_in(plan: Plan) -> Callable[[str], np.ndarray]:
    """What finds a label map of a sweep by its digest."""
    folder = folder_of(plan)

    def found(digest: str) -> np.ndarray:
        path = labels_path(folder, digest)
        if not path.exists():
            raise MissingFileError("This mask was not kept.", remedy="Run the sweep again.")
        with path.open("rb") as file:
            return read_labels(file)

    return found
