"""Streamlit's app behind the gate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.middleware import Middleware

from serving.gate import Door, Gate
from serving.headers import security_headers, streamlit_page
from serving.health import Health
from serving.live import live_route
from serving.origins import allowed_origins
from serving.thumbs import thumb_routes

if TYPE_CHECKING:
    from core.store import Store


def build(script: Path, *, door: Door, base: str, data: Path, store: Store) -> st.App:
    """Put the app behind the gate.

    Args:
        script: the app's first page.
        door: who may come in.
        base: the sub-path below which it is, as "/tools/maskscope"; "" for none.
        data: the folder of what is kept on this disk.
        store: what outlives a session.
    """
    health, origins = Health(data, store), allowed_origins(os.environ)
    gate = Middleware(
        Gate,
        door=door,
        base=base,
        headers=security_headers(streamlit_page()),
        answers=health.answers,
        origins=origins,
    )
    routes = [*health.routes(base), live_route(base, origins), *thumb_routes(base)]
    return st.App(script, middleware=[gate], routes=routes)
