"""Arrays to plotly figures; binned here, so that a chart is a few kilobytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from core.export import figures
from core.export.figures import bar_labels, css_color, largest

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.preprocess import Histogram

NEUTRAL = "#7f8fa6"  # of bars that stand for no class and no channel
GRAYS = ("#b9c3d0", "#cfd6df", "#dde2e9")  # of boxes in boxes
LEAST_PROBABILITY = 0.0005  # less would be written as 0.000
HUNDREDS = 100  # nats from which on they are written as whole numbers
DIVERGENCE = "KL divergence of BatchNorm statistics"  # what the numbers are, for who asks
SCALE_RANGE = (0.01, 100.0)  # nats that the scale of likeness shows; beyond, the mark is at its end
SCALE_HEIGHT = 150  # pixels
ZONES = ("#cfe8d5", "#f6e7b4", "#f3c9c3")  # like training, unusual, nothing like training
LEAST_APART, MOST_APART = 1e-7, 10.0  # of a layer's spread: what is beyond is drawn there
LEAST_FIT = 1e-4  # nats; less is drawn as this


def _figure(*traces: go.Bar | go.Scatter | go.Icicle, title: str, **layout: object) -> go.Figure:
    return go.Figure(list(traces), figures.layout(title, **layout))


def histogram_figure(histogram: Histogram, order: str) -> go.Figure:
    """The values of the tensor per channel, in the order fed."""
    return go.Figure(figures.histogram_figure(histogram, order))


def shares_figure(
    shares: np.ndarray, iou: np.ndarray | None, names: Sequence[str], colors: np.ndarray
) -> go.Figure:
    """The share of each class in the mask, with its IoU where there is a ground truth."""
    return go.Figure(figures.shares_figure(shares, iou, names, colors))


def pixel_figure(
    logits: np.ndarray, probabilities: np.ndarray, names: Sequence[str], colors: np.ndarray
) -> go.Figure:
    """Logits of one pixel over all classes; the probability stands beside each bar.

    A probability that would round to 0 is left out: beside a long bar there is little room.
    """
    kept = largest(logits)
    likely = probabilities >= LEAST_PROBABILITY
    bars = go.Bar(
        x=logits[kept],
        y=bar_labels(names, kept),
        orientation="h",
        marker={
            "color": [css_color(colors[k]) for k in kept],
            "line": {"width": 1, "color": "#888"},
        },
        text=[
            f"{logits[k]:.2f}" + (f" (p {probabilities[k]:.3f})" if likely[k] else "") for k in kept
        ],
        textposition="outside",
        cliponaxis=False,
    )
    return _figure(
        bars,
        title="Logits at the pinned pixel",
        xaxis={"range": _room_beside(logits[kept], likely[kept])},
        yaxis={"autorange": "reversed"},
    )


def _room_beside(values: np.ndarray, long: np.ndarray) -> list[float]:
    """A range in which numbers fit outside of their bars; a long one takes as much as all bars."""
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
    span = (high - low) or 1.0
    left = 0.0 if low == 0 else 0.9 if long[finite < 0].any() else 0.4
    right = 0.0 if high == 0 else 0.9 if long[finite > 0].any() else 0.4
    return [low - left * span, high + right * span]


def parting_figure(
    names: Sequence[str], distances: Sequence[float], tolerance: float, first: int | None
) -> go.Figure:
    """How far each layer of two programs is apart; logarithmic, in the order of the computation.

    Args:
        names: of the layers.
        distances: shares of each layer's standard deviation; infinity for what is not finite.
        tolerance: up to which they are the same.
        first: the place where they part, None for nowhere.
    """
    drawn = [min(max(value, LEAST_APART), MOST_APART) for value in distances]
    points = go.Scatter(
        x=list(range(len(names))),
        y=drawn,
        mode="lines+markers",
        line={"color": NEUTRAL},
        text=list(names),
        customdata=list(distances),
        hovertemplate="%{text}<br>%{customdata:.2%}<extra></extra>",
    )
    figure = _figure(points, title="Difference of each layer, in shares of its spread")
    figure.update_yaxes(type="log", range=np.log10((LEAST_APART, MOST_APART)).tolist())
    ticks = {1e-6: "0.0001 %", 1e-4: "0.01 %", 1e-2: "1 %", 1: "100 %"}
    figure.update_yaxes(tickvals=list(ticks), ticktext=list(ticks.values()))
    figure.update_xaxes(title="layer, from the picture to the logits")
    figure.add_hline(y=tolerance, line_dash="dot", annotation_text=f"tolerance {tolerance:.1%}")
    if first is not None:
        figure.add_vline(x=first, line_color="#d23", annotation_text=names[first])
    return figure


def likeness_figure(inputs: Mapping[str, float], scale: Mapping[str, float]) -> go.Figure:
    """A scale from like training to nothing like it, with a mark for each input.

    Args:
        inputs: what it is called -> its KL divergence in nats, shown where the pointer rests.
        scale: the three words in their order -> where each ends, in nats.
    """
    low, high = SCALE_RANGE
    marks = go.Scatter(
        x=[min(max(fit, low), high) for fit in inputs.values()],
        y=[0] * len(inputs),
        mode="markers+text",
        marker={"size": 14, "symbol": "triangle-down", "color": "black"},
        text=list(inputs),
        textposition=["top center", "bottom center"][: len(inputs)],
        customdata=list(inputs.values()),
        hovertemplate="%{text}<br>" + DIVERGENCE + ": %{customdata:.3g} nats<extra></extra>",
    )
    figure = _figure(marks, title="How unlike training the input is")
    starts = (low, *list(scale.values())[:-1])
    for (word, end), start, color in zip(scale.items(), starts, ZONES, strict=True):
        x1 = min(end, high)
        figure.add_vrect(x0=start, x1=x1, fillcolor=color, line_width=0, layer="below")
        middle = float(np.log10(start * x1)) / 2
        figure.add_annotation(x=middle, y=1, text=word, showarrow=False, yref="paper")
    figure.update_xaxes(type="log", range=np.log10(SCALE_RANGE).tolist(), visible=False)
    figure.update_yaxes(visible=False, range=[-1, 1.4])
    figure.update_layout(height=SCALE_HEIGHT, showlegend=False)
    return figure


def fits_figure(names: Sequence[str], fits: Sequence[float]) -> go.Figure:
    """How unlike training the picture is under each convention; logarithmic, smaller is better.

    Args:
        names: of the conventions, the best first.
        fits: KL of each, in nats.
    """
    drawn = [max(fit, LEAST_FIT) for fit in fits]
    bars = go.Bar(
        x=drawn,
        y=[name.replace("<", "&lt;") for name in names],
        orientation="h",
        marker={"color": NEUTRAL},
        text=[f"{fit:.2g}" if fit < HUNDREDS else f"{fit:,.0f}" for fit in fits],
        textposition="outside",
        cliponaxis=False,
        hovertemplate=DIVERGENCE + ": %{text} nats<extra></extra>",
    )
    low, high = np.log10(min(drawn)), np.log10(max(drawn))
    room = 0.3 * max(high - low, 1.0)  # for the numbers beside the bars
    return _figure(
        bars,
        title="How unlike training under each convention (smaller is better)",
        xaxis={"type": "log", "range": [low - room, high + room]},
        yaxis={"autorange": "reversed"},
    )


def layers_figure(now: Sequence[float], then: Sequence[float], convention: str) -> go.Figure:
    """How unlike training the input is at each of the first BatchNorms: where that begins.

    Args:
        now: KL at each as the input is fed, in nats.
        then: the same under the recovered convention; () where there is none.
        convention: what to call that.
    """
    names = [str(place) for place in range(1, len(now) + 1)]
    bars = [
        go.Bar(x=names[: len(fits)], y=[max(fit, LEAST_FIT) for fit in fits], name=title,
               marker={"color": color}, text=[f"{fit:.2g}" for fit in fits],
               hovertemplate=DIVERGENCE + ": %{text} nats<extra></extra>")
        for fits, title, color in ((now, "as fed now", NEUTRAL), (then, convention, GRAYS[-1]))
        if fits
    ]  # fmt: skip
    figure = _figure(*bars, title="How unlike training at each BatchNorm from the input on",
                     yaxis={"type": "log"}, xaxis_title="BatchNorm")  # fmt: skip
    figure.update_layout(showlegend=len(bars) > 1)
    return figure


def bias_figure(bias: Sequence[float], names: Sequence[str]) -> go.Figure:
    """The bias of each class: what the head prefers before it has seen anything."""
    values = np.array(bias)
    kept = largest(values)
    bars = go.Bar(
        x=values[kept], y=bar_labels(names, kept), orientation="h", marker={"color": NEUTRAL},
        text=[f"{values[k]:.3g}" for k in kept], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    room = 1.3 * float(np.abs(values[np.isfinite(values)]).max(initial=1e-6))  # for the numbers
    return _figure(
        bars,
        title="Bias per class",
        xaxis={"range": [-room, room]},
        yaxis={"autorange": "reversed", "type": "category"},  # names may be numbers alone
    )


def values_figure(counts: np.ndarray, edges: np.ndarray, name: str) -> go.Figure:
    """How the numbers of a tensor are spread."""
    bars = go.Bar(
        x=(edges[1:] + edges[:-1]) / 2, y=counts, width=np.diff(edges), marker={"color": NEUTRAL}
    )
    return _figure(
        bars, title=name.replace("<", "&lt;"), bargap=0, xaxis={"title": {"text": "value"}}
    )


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
