"""Whether ONNX graphs are run here: the host says so, or on one's own machine one click."""

from __future__ import annotations

import os

import streamlit as st

from core.onnx_graph.process import ALLOWED, ASK


def ask_whether_graphs_run() -> None:
    """Draw the question where it was not answered, until the server is started again."""
    if os.environ.get(ALLOWED) != ASK:
        return
    with st.container(border=True, key="allow_onnx"):
        st.markdown(
            "**An ONNX graph is run by onnxruntime**, native code that computes what the file "
            "says, in a process with limited memory and time. Allow it for files that you trust as "
            "much as a program of their author."
        )
        st.button("Run ONNX graphs on this machine", key="allow_graphs", on_click=_allow)


def _allow() -> None:
    os.environ[ALLOWED] = "1"
