"""What the page asks for: a ZIP, pictures and masks one by one, or a set that the host offers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.dataset.hosting import URLS, choices
from pages.components.state import files, session, session_many
from pages.components.state.many import EXAMPLE, UPLOADS, Many
from pages.components.widgets.uploading import ask_for_files


def show_introduction() -> None:
    """Say what this page is for."""
    st.markdown(
        "**Many pictures.** One picture convinces nobody that a fix is right. Give a set, with "
        "ground-truth masks or without: each picture goes through the open checkpoint under "
        "several settings, the worst come first, and each is one click from the dashboard."
    )


def ask() -> None:
    """Draw the uploader, what the host offers, and the way to try the page without any file."""
    ask_for_files(
        "A ZIP, a Parquet table, or pictures and masks together", "set", (), _take, several=True,
        hint="VOC, Cityscapes, ADE20K, COCO-Stuff, CamVid, nnU-Net, images/ beside masks/, or "
        "a.jpg beside a_mask.png are found by their names (docs/datasets.md)",
    )  # fmt: skip
    if offered := choices():
        st.selectbox(
            "A set of this server", offered, index=None, key="set_folder",
            on_change=_take_hosted, args=("set_folder",),
        )  # fmt: skip
    if prefixes := os.environ.get(URLS, "").split():
        st.text_input(
            f"An address below {', '.join(prefixes)}", key="set_address",
            on_change=_take_hosted, args=("set_address",),
        )  # fmt: skip
    if not session_many.many().source:
        st.button("Try it with the example's scenes", key="try_set", on_click=_try)


def _take(chosen: Sequence[Any]) -> None:
    store = files.store()
    kept = tuple((store.put(file, file.name), file.name) for file in chosen)
    session_many.look_at_many(Many(source=UPLOADS, files=kept))


def _take_hosted(key: str) -> None:
    if where := session.widget(key):
        session_many.look_at_many(Many(source=str(where)))


def _try() -> None:
    session_many.look_at_many(Many(source=EXAMPLE))
