"""Arrays to plotly figures; binned here, so that a chart is a few kilobytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.preprocess import Histogram

HEIGHT = 260  # pixels; fixed, so that nothing jumps while values change
CHANNEL_COLORS = {"R": "#e0524d", "G": "#3a9a4b", "B": "#4a7fdc", "Y": "#888888"}
MAX_BARS = 40  # classes; more are cut to the largest ones


def _figure(*traces: go.Bar | go.Scatter, title: str, **layout: object) -> go.Figure:
    figure = go.Figure(list(traces))
    figure.update_layout(
        title={"text": title, "font": {"size": 14}, "x": 0, "y": 0.98},
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 58, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **layout,
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def histogram_figure(histogram: Histogram, order: str) -> go.Figure:
    """The values of the tensor per channel, in the order fed."""
    centers = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    traces = [
        go.Scatter(
            x=centers,
            y=counts / max(1, counts.sum()),
            name=f"{name} {mean:.2f} ± {std:.2f}",
            line={"color": CHANNEL_COLORS[name], "shape": "hvh"},
        )
        for name, counts, mean, std in zip(
            order, histogram.counts, histogram.mean, histogram.std, strict=True
        )
    ]
    return _figure(*traces, title="Normalized tensor", xaxis_title="value", yaxis_tickformat=".0%")


def shares_figure(
    shares: np.ndarray, iou: np.ndarray | None, names: Sequence[str], colors: np.ndarray
) -> go.Figure:
    """The share of each class in the mask, with its IoU where there is a ground truth."""
    kept = _largest(shares)
    bars = go.Bar(
        x=shares[kept],
        y=_labels(names, kept),
        orientation="h",
        marker={"color": [_css(colors[k]) for k in kept], "line": {"width": 1, "color": "#888"}},
        text=[_share_text(shares[k], None if iou is None else iou[k]) for k in kept],
        textposition="outside",
        cliponaxis=False,
    )
    return _figure(
        bars,
        title="Share of each class" + ("" if iou is None else " (IoU)"),
        xaxis={"range": [0, 1.7], "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        yaxis={"autorange": "reversed"},
    )


def pixel_figure(
    logits: np.ndarray, probabilities: np.ndarray, names: Sequence[str], colors: np.ndarray
) -> go.Figure:
    """Logits of one pixel over all classes; the probability stands beside each bar."""
    kept = _largest(logits)
    bars = go.Bar(
        x=logits[kept],
        y=_labels(names, kept),
        orientation="h",
        marker={"color": [_css(colors[k]) for k in kept], "line": {"width": 1, "color": "#888"}},
        text=[f"{logits[k]:.2f} (p {probabilities[k]:.3f})" for k in kept],
        textposition="auto",
    )
    return _figure(bars, title="Logits at the pinned pixel", yaxis={"autorange": "reversed"})


def _largest(values: np.ndarray) -> np.ndarray:
    """Ids to show, in the order of ids: all, or the `MAX_BARS` with the largest values."""
    return np.sort(np.argsort(-values, kind="stable")[:MAX_BARS])


def _labels(names: Sequence[str], kept: np.ndarray) -> list[str]:
    """One different label a bar; plotly would read "<" as a tag."""
    return [f"{k} {names[k].removeprefix(f'{k} ')}".replace("<", "&lt;") for k in kept]


def _css(color: np.ndarray) -> str:
    return f"rgb({color[0]},{color[1]},{color[2]})"


def _share_text(share: float, iou: float | None) -> str:
    if iou is None:
        return f"{share:.1%}"
    return f"{share:.1%} ({'absent' if np.isnan(iou) else f'{iou:.2f}'})"
