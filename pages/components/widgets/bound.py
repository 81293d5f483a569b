"""Widgets that show a value of the tab, and take what the user chooses in its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pages.components.state import session


def show_bound(
    widget: Callable[..., Any],
    label: str,
    key: str,
    value: Any,
    take: Callable[[Any], None],
    **options: Any,
) -> None:
    """Draw a widget that shows this value; untouched where it does, so typing is not disturbed.

    Each time that the value came from elsewhere, it is another widget. A browser that has not drawn
    the new value yet sends the old one along with whatever it asks for next: of the same widget,
    that would be a choice, and take the new value back.

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
        if used == _now(key) and (not offered or chosen in offered):  # else it is of before
            take(chosen)

    if offered:
        options["index"] = offered.index(value)
    else:
        options["value"] = value
    widget(label, key=used, on_change=taken, **options)


def _of_this_turn(key: str, value: Any) -> str:
    if session.widget(_now(key), value) != value:
        session.set_widget(f"turn of {key}", session.widget(f"turn of {key}", 0) + 1)
    return _now(key)


def _now(key: str) -> str:
    turn = session.widget(f"turn of {key}", 0)
    return f"{key}~{turn}" if turn else key
