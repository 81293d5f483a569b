"""The set of pictures that this tab looks at, and what changes it; `session.py` is the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.settings import Settings
from pages.components.state.many import Many, Reference
from pages.components.state.session import put, tab
from pages.components.state.tab import DASHBOARD

if TYPE_CHECKING:
    from core.dataset.entry import Truths


def many() -> Many:
    """The set that is looked at, and what was chosen there."""
    return tab().many


def _change_many(**changes: Any) -> None:
    put(replace(tab(), many=replace(many(), **changes)))


def look_at_many(chosen: Many) -> None:
    """Open another set; what it is compared with stays."""
    opened = replace(chosen, reference=many().reference)
    put(replace(tab(), many=opened, complaint=None))


def take_reference(reference: Reference | None) -> None:
    """Compare sets that are opened from now on with this one; None: with none."""
    _change_many(reference=reference)


def pair_by_rule(pictures: str, masks: str) -> None:
    """Pair names by two patterns."""
    _change_many(rule=(pictures, masks), by_hand=(), planned=())


def read_masks_as(truths: Truths) -> None:
    """Read the masks as a finding advises."""
    _change_many(truths=truths, planned=())


def ask_many(*, asked: bool = True) -> None:
    """Ask what the set proves, or not."""
    _change_many(unasked=not asked)


def keep_shared_many(id: str) -> None:
    """Keep the run that was just made of a table."""
    _change_many(shared=id)


def pair_by_hand(changed: Mapping[str, str]) -> None:
    """Give pictures other masks, "" for none."""
    by_hand = {**dict(many().by_hand), **changed}
    _change_many(by_hand=tuple(sorted(by_hand.items())), planned=())


def choose_many(names: tuple[str, ...]) -> None:
    """Compare the settings of these names."""
    _change_many(chosen=names)


def plan_many(settings: tuple[tuple[str, Settings], ...]) -> None:
    """Begin to compare these, by name."""
    _change_many(planned=settings, shown="", lasso=(), stopped=False, shared="")


def stop_many() -> None:
    """Compute no more pictures."""
    _change_many(stopped=True)


def go_on_with_many() -> None:
    """Compute those that are left."""
    _change_many(stopped=False, attempt=many().attempt + 1)


def show_many(name: str) -> None:
    """Show the masks of the settings of this name."""
    _change_many(shown=name)


def pick_many(indices: tuple[int, ...]) -> None:
    """Show these pictures alone, none for all."""
    if indices != many().lasso:
        _change_many(lasso=indices)


def open_of_many(index: int, *, picture: str, truth: str, chosen: Settings) -> None:
    """Go to the dashboard with one picture of the set, under the settings that made its mask."""
    now = tab().with_sources(picture=picture, truth=truth, saved="").with_settings(chosen)
    put(replace(now, many=replace(many(), opened=index), wanted_page=DASHBOARD))
