"""All pictures as points, and the cells of the confusion matrix: a lasso or a click picks some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from core.export import figures
from pages.components.state import complaints, session_many
from pages.components.widgets.turns import key_now, next_turn

if TYPE_CHECKING:
    from core.sweep import Row, Totals

Mode = Literal["lasso", "box", "points"]
HEIGHT = 320  # pixels
LARGEST_CELLS = 20  # classes of a confusion matrix whose cells can be clicked
CELL_SIZE = 20  # pixels
AXES = {  # by what rows have: x, y and their titles
    "known": ("first_kl", "mean_iou", "KL divergence at the first BatchNorm, nats", "mIoU"),
    "truth": ("confidence", "mean_iou", "mean confidence", "mIoU"),
    "alone": ("confidence", "foreground", "mean confidence", "share of foreground"),
}


def show(rows: Sequence[Row]) -> None:
    """Draw a point for each computed picture of one of the settings."""
    done = [row for row in rows if row.status == "done"]
    if not done:
        return
    truth = any(row.has_truth for row in done)
    known = truth and any(row.first_kl is not None for row in done)
    x, y, x_title, y_title = AXES["known" if known else "truth" if truth else "alone"]
    points = [row for row in done if getattr(row, x) is not None and getattr(row, y) is not None]
    figure = go.Figure(
        go.Scattergl(
            x=[getattr(row, x) for row in points],
            y=[getattr(row, y) for row in points],
            customdata=[row.index for row in points],
            text=[complaints.as_text(row.picture) for row in points],
            mode="markers",
            marker={"size": 6, "opacity": 0.7},
            hovertemplate="%{text}<br>%{x:.3f}, %{y:.3f}<extra></extra>",
        ),
        figures.layout(f"{y_title} against {x_title}"),
    )
    figure.update_layout(
        height=HEIGHT, dragmode="lasso", xaxis={"title": x_title}, yaxis={"title": y_title}
    )
    _ask(figure, "set_scatter", ("lasso", "box", "points"))


def show_confusion(totals: Totals, rows: Sequence[Row], names: Sequence[str]) -> None:
    """Draw which class was found in place of which; a click on a cell picks its pictures."""
    classes = totals.num_classes
    if not totals.with_truth or classes > LARGEST_CELLS:
        return
    matrix = totals.confusion[:-1, :-1].astype(np.float64)
    shares = matrix / np.maximum(1, totals.confusion[:-1].sum(axis=1, keepdims=True))
    places = [(k, j) for k in range(classes) for j in range(classes) if matrix[k, j]]
    label = [names[k] if k < len(names) else f"class {k}" for k in range(classes)]
    figure = go.Figure(
        go.Scatter(
            x=[label[j] for _, j in places],
            y=[label[k] for k, _ in places],
            customdata=[[k, j] for k, j in places],
            mode="markers",
            marker={
                "symbol": "square",
                "size": CELL_SIZE,
                "color": [shares[place] for place in places],
                "colorscale": "Blues",
                "cmin": 0,
                "cmax": 1,
                "line": {"width": 1, "color": "#888"},
            },
            text=[f"{shares[place]:.1%}" for place in places],
            hovertemplate="true %{y}, found %{x}: %{text} of the true pixels<extra></extra>",
        ),
        figures.layout("What was found (across) where the truth is (down)"),
    )
    figure.update_layout(
        height=90 + 30 * classes,
        xaxis={"categoryarray": label, "range": [-0.5, classes - 0.5]},
        yaxis={"categoryarray": label[::-1], "range": [-0.5, classes - 0.5]},
    )
    picked = _ask(figure, "set_confusion", ("points",), take=False)
    if picked:
        _pick_cell(tuple(picked[0]), rows)


def _pick_cell(cell: tuple[int, int], rows: Sequence[Row]) -> None:
    """Pictures with such pixels, the most of them first."""
    counts = {row.index: _count(row, cell) for row in rows}
    found = sorted((k for k, count in counts.items() if count), key=lambda k: -counts[k])
    session_many.pick_many(tuple(found))


def _count(row: Row, cell: tuple[int, int]) -> int:
    cells = zip(row.true_ids, row.found_ids, row.counts, strict=True)
    return sum(count for true, found, count in cells if (true, found) == cell)


def _ask(figure: Any, name: str, modes: tuple[Mode, ...], *, take: bool = True) -> list[Any]:
    """Draw it; returns what its selected points stand for."""
    key = key_now(name)
    chosen = st.plotly_chart(figure, key=key, on_select="rerun", selection_mode=modes)
    picked = [point["customdata"] for point in chosen["selection"]["points"]]
    if take and picked:
        session_many.pick_many(tuple(int(k if isinstance(k, int) else k[0]) for k in picked))
    return picked


def forget() -> None:
    """Both charts have no selection any more."""
    next_turn("set_scatter")
    next_turn("set_confusion")
    session_many.pick_many(())
