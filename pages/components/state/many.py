"""The set of pictures that a tab looks at: where it is, what is compared, what is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.settings import Settings
from core.thumbs import SetView

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.dataset.entry import Truths
    from core.diagnosis.many.set_diagnosis import SetDiagnosis

EXAMPLE, UPLOADS = "<example>", "<uploads>"  # sources that are no name of the host's


@dataclass(frozen=True, eq=False)
class Reference:
    """A set that others are compared with: one that is known to be good."""

    name: str
    under: str  # network and settings; under others it says nothing
    diagnosis: SetDiagnosis


@dataclass(frozen=True)
class Many:
    """Choices of the page of many pictures; all of it is small."""

    source: str = ""  # EXAMPLE, UPLOADS, or as the host names it; "" for none
    files: tuple[tuple[str, str], ...] = ()  # uploads by digest and name
    rule: tuple[str, str] | None = None  # patterns of pictures and masks, where a person wrote them
    by_hand: tuple[tuple[str, str], ...] = ()  # picture, its mask; "" for none
    truths: Truths | None = None  # how masks are read, where a person took over a finding's reading
    unasked: bool = False  # the diagnosis of the set was stopped
    chosen: tuple[str, ...] = ()  # names of settings to compare; () for those that are advised
    planned: tuple[tuple[str, Settings], ...] = ()  # what was begun, () before
    attempt: int = 0  # how often it was gone on with; another one is begun anew
    stopped: bool = False  # by this tab
    shown: str = ""  # name of the settings whose masks are in the grid; "" for the first
    lasso: tuple[int, ...] = ()  # places of the pictures that were picked
    shared: str = ""  # id of the run that was made of the table
    opened: int | None = None  # place of the picture that was taken to the dashboard
    reference: Reference | None = None  # another set, that this one is compared with
    view: SetView = field(default_factory=SetView, compare=False)  # the grid's door
