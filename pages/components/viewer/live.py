"""What the viewer is told while a slider moves: the planes of an answer, beside the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.live import DOORS, LiveView, Waiting, answer
from core.settings import Preprocessing
from pages.components.viewer import planes

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.engine import Engine
    from core.engine.choice import FastPaths
    from core.inspection import Inspection


def open_view(
    view: LiveView,
    inspection: Inspection,
    channel: int,
    *,
    engine: Engine,
    paths: FastPaths,
    person: str,
) -> dict[str, str]:
    """Let the view answer about what is shown now; returns what the viewer has to know.

    With the first question, as somebody reaches for a slider, the fastest path is looked for.

    Args:
        view: of the tab.
        inspection: what it shows.
        channel: whose logits are drawn.
        engine: where networks run.
        paths: the ways of running them.
        person: of the tab, in the engine's queue.
    """
    key = position_key(inspection, channel)

    def ask(position: Mapping[str, Any], resting: bool, waiting: Waiting) -> bytes:
        paths.search(inspection.network, inspection.input, inspection.settings.forwarding)
        made = answer(
            inspection, position, resting=resting,
            engine=engine, paths=paths, person=person, waiting=waiting,
        )  # fmt: skip
        said = {"key": key, "answer": made.kind, "path": made.path}
        return planes.result_plane(made.inspection, channel, said).content

    view.ask = ask
    return {"url": DOORS.address_of(view), "key": key}


def position_key(inspection: Inspection, channel: int) -> str:
    """Equal for results that differ in mean and std alone: the browser keeps them by position."""
    neutral = {name: getattr(Preprocessing(), name) for name in ("mean", "std")}
    fed = replace(inspection.settings.preprocessing, **neutral)
    settings = replace(inspection.settings, preprocessing=fed)
    return planes.result_id(replace(inspection, settings=settings), channel)
