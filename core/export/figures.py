"""Arrays to figures as plotly reads them: plain dicts, so that a page and a report draw alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.preprocess import Histogram

Figure = dict[str, Any]  # {"data": [traces], "layout": {...}}

HEIGHT = 260  # pixels; fixed, so that nothing jumps while values change
CHANNEL_COLORS = {"R": "#e0524d", "G": "#3a9a4b", "B": "#4a7fdc", "Y": "#888888"}
MAX_BARS = 40  # classes; more are cut to the largest ones


def layout(title: str, **more: Any) -> dict[str, Any]:
    """What all figures have in common."""
    axes: dict[str, dict[str, Any]] = {
        axis: {"automargin": True} | more.pop(axis, {}) for axis in ("xaxis", "yaxis")
    }
    return {
        "title": {"text": title, "font": {"size": 14}, "x": 0, "y": 0.98},
        "height": HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 58, "b": 8},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **axes,
        **more,
    }


def histogram_figure(histogram: Histogram, order: str) -> Figure:
    """The values of the tensor per channel, in the order fed.

    Args:
        histogram: of the tensor.
        order: one letter a channel: "RGB", "BGR" or "Y".
    """
    centers = ((histogram.edges[1:] + histogram.edges[:-1]) / 2).tolist()
    channels = zip(order, histogram.counts, histogram.mean, histogram.std, strict=True)
    traces = [
        {
            "type": "scatter",
            "x": centers,
            "y": (counts / max(1, counts.sum())).tolist(),
            "name": f"{name} {mean:.2f} ± {std:.2f}",
            "line": {"color": CHANNEL_COLORS[name], "shape": "hvh"},
        }
        for name, counts, mean, std in channels
    ]
    axes = {"xaxis": {"title": {"text": "value"}}, "yaxis": {"tickformat": ".0%"}}
    axes["margin"] = {"l": 8, "r": 8, "t": 70, "b": 8}  # in a narrow chart the legend has two rows
    return {"data": traces, "layout": layout("Normalized tensor", **axes)}


def shares_figure(
    shares: np.ndarray, iou: np.ndarray | None, names: Sequence[str], colors: np.ndarray
) -> Figure:
    """The share of each class in the mask, with its IoU where there is a ground truth.

    Args:
        shares: Float64[num_classes], 0..1.
        iou: Float64[num_classes], NaN where a class is absent.
        names: one per class.
        colors: UInt8[n 3], n >= num_classes.
    """
    kept = largest(shares)
    bars = {
        "type": "bar",
        "x": shares[kept].tolist(),
        "y": bar_labels(names, kept),
        "orientation": "h",
        "marker": {
            "color": [css_color(colors[k]) for k in kept],
            "line": {"width": 1, "color": "#888"},
        },
        "text": [_share_text(shares[k], None if iou is None else iou[k]) for k in kept],
        "textposition": "outside",
        "cliponaxis": False,
    }
    axes = {
        "xaxis": {"range": [0, 1.7], "tickvals": [0, 0.5, 1], "tickformat": ".0%"},
        "yaxis": {"autorange": "reversed"},
    }
    title = "Share of each class" + ("" if iou is None else " (IoU)")
    return {"data": [bars], "layout": layout(title, **axes)}


def largest(values: np.ndarray) -> np.ndarray:
    """Ids to show, in the order of ids: all, or the `MAX_BARS` with the largest values."""
    return np.sort(np.argsort(-values, kind="stable")[:MAX_BARS])


def bar_labels(names: Sequence[str], kept: np.ndarray) -> list[str]:
    """One different label a bar; plotly would read "<" as a tag."""
    return [
        names[k] if names[k] == f"class {k}"
        else f"{k} {names[k].removeprefix(f'{k} ')}".replace("<", "&lt;")
        for k in kept
    ]  # fmt: skip


def css_color(color: np.ndarray | Sequence[int]) -> str:
    """Red, green and blue, 0..255, as CSS and plotly read it."""
    return f"rgb({color[0]},{color[1]},{color[2]})"


def _share_text(share: float, iou: float | None) -> str:
    if iou is None:
        return f"{share:.1%}"
    return f"{share:.1%} ({'absent' if np.isnan(iou) else f'{iou:.2f}'})"
