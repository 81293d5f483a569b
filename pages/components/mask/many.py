"""Several masks at once: one table, a click opens one."""

from __future__ import annotations

import streamlit as st

from pages.components.mask import looking
from pages.components.state import session
from pages.components.widgets.turns import key_now

HEIGHT = 380  # pixels, of a long table
SHORT = 9  # rows that are shown whole


def show_table() -> None:
    """Draw what each mask is; nothing where there is only one."""
    masks = session.masks()
    if len(masks.files) < 2:
        return
    rows = []
    with st.spinner(f"Looking at {len(masks.files)} masks"):
        for digest, name in masks.files:
            rows.append(looking.row(digest, name))
    key = key_now("mask_table")
    st.dataframe(
        rows,
        key=key,
        hide_index=True,
        on_select=lambda: _open(key),
        selection_mode="single-row",
        height=HEIGHT if len(rows) > SHORT else "auto",
        column_config={
            "": st.column_config.TextColumn("in a sentence", width="large"),
            "what it is": st.column_config.TextColumn(width="medium"),
        },
    )
    st.caption("Click the box before a row to open that mask.")


def _open(key: str) -> None:
    chosen = session.widget(key)
    rows = chosen["selection"]["rows"] if chosen else []
    if rows:
        session.look_at_masks(opened=int(rows[0]))
