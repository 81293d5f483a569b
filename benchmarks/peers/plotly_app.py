"""The five stages in Streamlit with Plotly's `px.imshow`, as a page of one script.

The network is loaded once and its answers are kept (`stages.answer`); Streamlit reruns the script.
"""

from __future__ import annotations

import numpy as np
import plotly.express as px
import streamlit as st

from benchmarks.peers import stages
from benchmarks.peers.stages import PALETTES, PRESETS

st.set_page_config(layout="wide")
SLIDERS = [(f"{kind} {name}", k, c) for k, kind in enumerate(("mean", "std"))
           for c, name in enumerate("RGB")]  # fmt: skip


def choose(name: str) -> None:
    """Put a preset into the sliders."""
    for label, k, c in SLIDERS:
        st.session_state[label] = PRESETS[name][k][c]


def show(place: int, pixels: np.ndarray, **options: object) -> None:
    """Draw one panel."""
    figure = px.imshow(pixels, **options)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, coloraxis_showscale=False)
    panels[place].plotly_chart(figure, key=f"panel{place}")


if SLIDERS[0][0] not in st.session_state:
    choose("ImageNet")
panels = st.columns(5)
for k, (column, preset) in enumerate(zip(st.columns(2), PRESETS, strict=True)):
    column.button(preset, key=f"preset{k}", on_click=choose, args=(preset,))
left, right = st.columns(2)
values = [
    (left if k == 0 else right).slider(label, 0.0, 1.0, step=0.01, key=label, format="%.3f")
    for label, k, _ in SLIDERS
]
channel = left.slider("class", 0, stages.CLASSES - 1, 0)
threshold = right.slider("threshold", 0.0, 1.0, 0.3, step=0.01, key="threshold")
palette = left.selectbox("palette", list(PALETTES), key="palette")
opacity = right.slider("opacity", 0.0, 1.0, 0.6, step=0.01, key="opacity")

found = stages.answer(tuple(values[:3]), tuple(values[3:]))
colored = PALETTES[palette][stages.labels(found, threshold)]
show(0, stages.pixels())
show(1, found.normalized)
show(2, found.logits[channel], color_continuous_scale="viridis")
show(3, colored)
show(4, stages.overlaid(colored, opacity))
