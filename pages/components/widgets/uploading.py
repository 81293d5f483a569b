"""An uploader that empties itself: the file goes where it belongs, not into the session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core.errors import InspectionError
from pages.components.state import session
from pages.components.widgets.turns import key_now, next_turn


def ask_for_files(
    label: str,
    name: str,
    types: Sequence[str],
    take: Callable[[Sequence[Any]], None],
    *,
    several: bool = False,
    hint: str | None = None,
) -> None:
    """Draw it; what cannot be taken is reported in a sentence, and what was open stays.

    Args:
        label: what stands above it.
        name: of its own among all uploaders.
        types: extensions that the browser offers; none: any file.
        take: called with the files that were chosen at once.
        several: whether there may be more than one.
        hint: shown beside the label.
    """
    uploader = f"upload_{name}"
    key = key_now(uploader)

    def uploaded() -> None:
        taken = key != key_now(uploader)  # a late browser sends it once more
        if taken or not (chosen := session.widget(key)):
            return
        next_turn(uploader)
        try:
            take(chosen if several else [chosen])
        except InspectionError as error:
            session.complain_of(error)

    st.file_uploader(
        label, type=list(types) or None, key=key, on_change=uploaded, accept_multiple_files=several,
        help=hint,
    )  # fmt: skip
