"""Widgets that show a value of the tab, and take what the user chooses in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pages.components.state import session
from pages.components.widgets.turns import key_now, next_turn


def show_bound(
    widget: Callable[..., Any],
    label: str,
    key: str,
    value: Any,
    take: Callable[[Any], None],
    **options: Any,
) -> None:
    """Draw a widget that shows this value; untouched where it does, so typing is not disturbed.

    Each time that the value came from elsewhere, it is another widget (turns.py): of the same one,
    what a late browser sends would be a choice, and take the new value back.

    Args:
        widget: of Streamlit.
        label: of the widget.
        key: names it; its key in the session is that of its turn.
        value: what it shows, its default too: where the page is drawn twice at once the browser may
            see only the second one, and would send another default back.
        take: is given what the user chose.
        options: of the widget; `options` are what a list offers.
    """
    used = _of_this_turn(key, value)
    offered = list(options.get("options", ()))

    def taken() -> None:
        chosen = session.widget(used)
        if used == key_now(key) and (not offered or chosen in offered):  # else it is of before
            take(chosen)

    if offered:
        options["index"] = offered.index(value)
    else:
        options["value"] = value
    widget(label, key=used, on_change=taken, **options)


def _of_this_turn(key: str, value: Any) -> str:
    if session.widget(key_now(key), value) != value:
        next_turn(key)
    return key_now(key)
