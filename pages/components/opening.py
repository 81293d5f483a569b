"""How every page begins that shows an inspection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.components import session, sidebar

if TYPE_CHECKING:
    from pages.components.session import Seen


def open_inspection(title: str) -> Seen:
    """Draw frame and sidebar, inspect what is open, and ask what no tensor of it tells.

    Ends the page where there is nothing to show.
    """
    session.open_page(title)
    facts = sidebar.show()
    seen = session.inspection()
    with facts:
        sidebar.show_choices(seen.inspection.network.choices)
    return seen
