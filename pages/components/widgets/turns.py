"""Each turn of a widget is another widget: what a late browser sends of the one before goes.

A browser that has not drawn the new widget yet sends the old one's value along with whatever it
asks for next. Whoever draws a widget takes only what comes while it still is its turn.
"""

from __future__ import annotations

from pages.components.state import session


def key_now(name: str) -> str:
    """The key of the widget of this name, in its turn."""
    turn = session.widget(_turn(name), 0)
    return f"{name}~{turn}" if turn else name


def next_turn(name: str) -> None:
    """From now on it is another widget."""
    session.set_widget(_turn(name), session.widget(_turn(name), 0) + 1)


def _turn(name: str) -> str:
    return f"turn of {name}"
