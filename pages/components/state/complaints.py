"""An error on the page: what happened, what to do, and a button that does it."""

from __future__ import annotations

import re

import streamlit as st

from core.errors import InspectionError
from pages.components.state import session, uploads


def as_text(text: str) -> str:
    """Escape what Markdown would act on: names in an upload must not become links or pictures."""
    return re.sub(r"([\\`*_\[\]<>$:~|#])", r"\\\1", text)


def show_complaint() -> None:
    """Draw the error, if there is one."""
    if (complaint := session.tab().complaint) is not None:
        st.error(as_text(complaint.message), icon=":material/error:")
        st.info(as_text(complaint.remedy), icon=":material/arrow_forward:")
        if complaint.code:
            st.code(complaint.code, language="python", wrap_lines=True)
        if complaint.look is not None:
            st.button(
                "Look inside this file",
                key="look",
                on_click=session.look_into,
                args=(complaint.look,),
            )
        if complaint.again:
            st.button("Try again", key="again", on_click=session.stop_complaining)
        if complaint.smaller is not None:
            picture, (width, height) = complaint.smaller
            st.button(
                f"Open a copy of {width:,} x {height:,} pixels",
                key="smaller",
                on_click=_open_smaller,
                args=(picture, (width, height)),
            )
        if complaint.changes:
            st.button(
                "Do this", key="remedy", on_click=session.choose, kwargs=dict(complaint.changes)
            )


def _open_smaller(picture: str, size: tuple[int, int]) -> None:
    try:
        uploads.open_smaller(picture, size)
    except InspectionError as error:
        session.complain_of(error)
