"""Widgets of a page under test, whichever turn they have (pages/components/widgets/bound.py)."""

from collections.abc import Sequence
from typing import Any


def field(drawn: Sequence[Any], key: str) -> Any:
    """The one that shows a value of the tab, as `field(app.number_input, "set_mean_0")`."""
    (found,) = (one for one in drawn if str(one.key).split("~")[0] == key)
    return found
