"""What a tab shows, under other means and stds while somebody drags a slider.

A drag is answered by the fastest path of the network, or from a smaller picture where even that is
slow. Such an answer is for the eye alone: numbers, findings, exports and shares are made of what
`run_stages` gives on the network itself, which is asked for as soon as the slider rests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from core.engine import Engine, Lane, Runner
from core.settings import Settings, change
from core.tab_doors import TabDoors, new_token

if TYPE_CHECKING:  # torch loads with the first forward
    from core.engine.choice import FastPaths
    from core.inspection import Inspection
    from core.preprocess import InputTensor

SLIDERS = ("mean", "std")  # settings that a drag changes
SLOW_SECONDS = 0.4  # of a forward, above which a moving slider is answered by a smaller picture
PATIENCE_SECONDS = 20.0  # so long a slider waits for others; the page asks once more at rest
SHRINK, MULTIPLE, SMALLEST = 3, 32, 96  # its sides: divided by, whole multiples, at least
Kind = Literal["exact", "fast", "preview"]
Waiting = Callable[[], None]
V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Answer:
    """What a position of the sliders is answered with."""

    inspection: Inspection
    kind: Kind
    path: str  # that ran, for the eye: "OpenVINO"


def answer(
    shown: Inspection,
    position: Mapping[str, Any],
    *,
    resting: bool,
    engine: Engine,
    paths: FastPaths,
    person: str,
    waiting: Waiting,
) -> Answer:
    """Run the stages for a position of the sliders.

    Args:
        shown: what the tab shows now, which is exact.
        position: mean and std, 3 numbers each.
        resting: the slider does not move any more: the network itself answers.
        engine: where it runs, before whatever nobody drags.
        paths: the ways of running it.
        person: whose slider it is; they wait for their newest position only.
        waiting: called while the answer is computed; what it raises ends it.

    Raises:
        InspectionError: the settings are unusable, or the network stops.
        Superseded: the same person asked for something newer.
    """
    from core.inspection import logits_key, run_stages

    settings = change(shown.settings, **{name: position[name] for name in SLIDERS})
    image, network, how = shown.image, shown.network, settings.forwarding
    forward = engine.runner(
        person=person, lane=Lane.DRAG, waiting=waiting, patience=PATIENCE_SECONDS
    )
    kind: Kind = "exact"
    path = ""
    if not resting and not engine.keeps(logits_key(image, network, settings)):
        known = paths.known(network, shown.input, how)
        seconds = known.fastest.seconds if known and known.paths else shown.logits.seconds
        smaller = _smaller(settings, shown.input) if seconds > SLOW_SECONDS else None
        if smaller is not None:
            kind, settings = "preview", smaller
        elif known and known.module is not None:
            kind, path = "fast", known.fastest.name
            network = paths.fastest(network, shown.input, how)
    door = forward if kind == "exact" else _not_kept(forward)
    made = run_stages(image, network, settings, forward=door, previous=shown)
    return Answer(made, kind, path)


def _not_kept(forward: Runner) -> Runner:
    """The same door for what the browser keeps: exact results are not pushed out of the cache."""

    def run(key: str, compute: Callable[[], V], /) -> V:
        return forward("", compute)

    return run


def _smaller(settings: Settings, tensor: InputTensor) -> Settings | None:
    """The same on about a third of the sides; None where that would show something else."""
    fed, how = settings.preprocessing, settings.forwarding
    if how.window or fed.resize == "letterbox" or fed.orientation != "none":
        return None
    height, width = (
        max(SMALLEST, round(side / SHRINK / MULTIPLE) * MULTIPLE)
        for side in tensor.tensor.shape[2:]
    )
    return change(settings, resize="fixed", height=height, width=width)


# --- the door -------------------------------------------------------------------------------------

Ask = Callable[[Mapping[str, Any], bool, Waiting], bytes]  # position, resting, waiting -> a plane


@dataclass(eq=False)
class LiveView:
    """The door of one tab to its own answers; it ends with the tab, which alone holds it."""

    token: str = field(default_factory=new_token)
    ask: Ask | None = None  # about what the tab shows now
    asked: int = 0  # number of the newest question

    def __post_init__(self) -> None:
        """Known by its token from now on."""
        DOORS.know(self)


DOORS: TabDoors[LiveView] = TabDoors()
