"""The app for one person on this machine: `streamlit run serving/local.py`, as `make run` does."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from serving.live import live_route
from serving.origins import allowed_origins
from serving.thumbs import thumb_routes

ROOT = Path(__file__).resolve().parent.parent

os.environ.setdefault("ALLOW_ONNX", "ask")  # the files of this machine's owner; still asked once

app = st.App(
    ROOT / "app.py", routes=[live_route("", allowed_origins(os.environ)), *thumb_routes("")]
)
