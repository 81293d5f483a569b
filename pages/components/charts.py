"""Arrays to plotly figures; binned here, so that a chart is a few kilobytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.preprocess import Histogram

HEIGHT = 260  # pixels; fixed, so that nothing jumps while values change
CHANNEL_COLORS = {"R": "#e0524d", "G": "#3a9a4b", "B": "#4a7fdc", "Y": "#888888"}
NEUTRAL = "#7f8fa6"  # of bars that stand for no class and no channel
GRAYS = ("#b9c3d0", "#cfd6df", "#dde2e9")  # of boxes in boxes
LEAST_FIT = 1e-4  # nats; less is drawn as this
MAX_BARS = 40  # classes; more are cut to the largest ones


def _figure(*traces: go.Bar | go.Scatter | go.Icicle, title: str, **layout: object) -> go.Figure:
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


def fits_figure(names: Sequence[str], fits: Sequence[float]) -> go.Figure:
    """How familiar the picture is under each convention; logarithmic, smaller is better.

    Args:
        names: of the conventions, the best first.
        fits: KL of each, in nats.
    """
    bars = go.Bar(
        x=[max(fit, LEAST_FIT) for fit in fits],
        y=[name.replace("<", "&lt;") for name in names],
        orientation="h",
        marker={"color": NEUTRAL},
        text=[f"{fit:.3g}" for fit in fits],
        textposition="auto",
    )
    return _figure(
        bars,
        title="Strangeness under each convention (nats, smaller is better)",
        xaxis={"type": "log"},
        yaxis={"autorange": "reversed"},
    )


def layers_figure(now: Sequence[float], then: Sequence[float], convention: str) -> go.Figure:
    """How strange the input is to each of the first BatchNorms: where the strangeness begins.

    Args:
        now: KL at each as the input is fed, in nats.
        then: the same under the recovered convention; () where there is none.
        convention: what to call that.
    """
    names = [str(place) for place in range(1, len(now) + 1)]
    bars = [
        go.Bar(x=names[: len(fits)], y=[max(fit, LEAST_FIT) for fit in fits], name=title,
               marker={"color": color}, text=[f"{fit:.2g}" for fit in fits])
        for fits, title, color in ((now, "as fed now", NEUTRAL), (then, convention, GRAYS[-1]))
        if fits
    ]  # fmt: skip
    figure = _figure(*bars, title="Strangeness at each BatchNorm from the input on (nats)",
                     yaxis={"type": "log"}, xaxis_title="BatchNorm")  # fmt: skip
    figure.update_layout(showlegend=len(bars) > 1)
    return figure


def bias_figure(bias: Sequence[float], names: Sequence[str]) -> go.Figure:
    """The bias of each class: what the head prefers before it has seen anything."""
    values = np.array(bias)
    kept = _largest(values)
    bars = go.Bar(
        x=values[kept], y=_labels(names, kept), orientation="h", marker={"color": NEUTRAL},
        text=[f"{values[k]:.3g}" for k in kept], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    room = 1.3 * float(np.abs(values[np.isfinite(values)]).max(initial=1e-6))  # for the numbers
    return _figure(
        bars,
        title="Bias per class",
        xaxis={"range": [-room, room]},
        yaxis={"autorange": "reversed"},
    )


def values_figure(counts: np.ndarray, edges: np.ndarray, name: str) -> go.Figure:
    """How the numbers of a tensor are spread."""
    bars = go.Bar(
        x=(edges[1:] + edges[:-1]) / 2, y=counts, width=np.diff(edges), marker={"color": NEUTRAL}
    )
    return _figure(bars, title=name.replace("<", "&lt;"), bargap=0, xaxis_title="value")


def tree_figure(numbers: Mapping[str, int]) -> go.Figure:
    """The layers as nested boxes, as large as their numbers; a click goes into one.

    Args:
        numbers: of each tensor, by its name with dots.
    """
    totals: dict[str, int] = {}
    for name, count in numbers.items():
        parts = name.split(".")
        for depth in range(len(parts)):  # the tensors themselves are in the table below
            place = ".".join(parts[:depth])
            totals[place] = totals.get(place, 0) + count
    ids = list(totals)
    boxes = go.Icicle(
        ids=[f"/{place}" for place in ids],
        labels=[place.rpartition(".")[2].replace("<", "&lt;") or "network" for place in ids],
        parents=["" if not place else f"/{place.rpartition('.')[0]}" for place in ids],
        values=[totals[place] for place in ids],
        branchvalues="total",
        marker={"colors": [GRAYS[place.count(".") % len(GRAYS)] for place in ids]},
        maxdepth=4,
        hovertemplate="%{id}<br>%{value:,} numbers<extra></extra>",
    )
    return _figure(boxes, title="Numbers per layer")


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
