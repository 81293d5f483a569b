"""A mask beside its ground truth as plotly figures: the errors over the picture, and the matrix."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from core.colors import encode_png
from core.differences import COLORS, HATCH, Differences, paint
from core.export.figures import bar_labels, css_color, layout
from core.scores import frequent_ids, row_shares

HEIGHT = 440  # pixels of both figures
MOST_CLASSES = 30  # of the matrix; others are left out
MOST_NUMBERS = 8  # rows, up to which each cell has room for its number
LEAST_SHARE = 0.001  # less would be written as 0.0 %


def errors_figure(pixels: np.ndarray, found: Differences, step: int = 1) -> go.Figure:
    """The errors over the dimmed picture, and a legend with the share of each kind.

    Args:
        pixels: UInt8[h w 3], the picture.
        found: the same h w.
        step: every how many pixels one is drawn.
    """
    painted = paint(pixels[::step, ::step], found.kinds[::step, ::step])
    height, width = painted.shape[:2]
    picture = go.Image(
        source="data:image/png;base64," + base64.b64encode(encode_png(painted)).decode(),
        zsmooth=False,
        dx=step,
        dy=step,
        hovertemplate="row %{y}, column %{x}<extra></extra>",
    )
    columns = {"visible": False, "range": [-step / 2, (width - 0.5) * step], "constrain": "domain"}
    rows = {"visible": False, "range": [(height - 0.5) * step, -step / 2], "scaleanchor": "x",
            "constrain": "domain"}  # fmt: skip
    shape = layout("Where mask and truth differ", xaxis=columns, yaxis=rows)
    below = {"y": -0.02, "yanchor": "top"}  # above, three rows of it would lie over the title
    shape["legend"] |= below | {"itemclick": False, "itemdoubleclick": False}
    return go.Figure([picture, *_legend(found)], shape | {"height": HEIGHT, "showlegend": True})


def _legend(found: Differences) -> list[go.Bar]:
    """Bars of nothing: each brings its entry."""
    entries = [
        _entry(f"{kind.name.lower()} {percent(share)}", COLORS.get(kind, (60, 60, 60)))
        for kind, share in found.shares.items()
    ]
    if found.ignored:
        name = f"ignored ({percent(found.ignored)} of the picture)"
        entries.append(_entry(name, (HATCH[0],) * 3, (HATCH[1],) * 3))
    return entries


def _entry(name: str, color: Sequence[int], hatch: Sequence[int] = ()) -> go.Bar:
    marker: dict[str, object] = {"color": css_color(color)}
    if hatch:
        marker["pattern"] = {"shape": "/", "bgcolor": css_color(color), "fgcolor": css_color(hatch)}
    return go.Bar(x=[None], y=[None], name=name, marker=marker)


def matrix_figure(matrix: np.ndarray, names: Sequence[str]) -> go.Figure:
    """The confusion matrix: a row for each true class, shared out over what was found.

    Args:
        matrix: Int64[n+1 n+1] of `confusion_matrix`.
        names: of the n classes.
    """
    kept = frequent_ids(matrix, MOST_CLASSES)
    cells = np.ix_(kept, kept)
    shares, counts = row_shares(matrix)[cells], matrix[cells]
    heat = go.Heatmap(
        z=[[None if np.isnan(share) else float(share) for share in row] for row in shares],
        x=_labels(names, kept, "no class"),
        y=_labels(names, kept, "other ids"),
        customdata=counts.tolist(),
        zmin=0,
        zmax=1,
        xgap=1,
        ygap=1,
        colorscale="Cividis",
        colorbar={"tickformat": ".0%", "thickness": 12},
        hoverongaps=False,
        hovertemplate="truth: %{y}<br>mask: %{x}<br>%{customdata:,} pixels, %{z:.2%} of the row"
        "<extra></extra>",
    )
    if len(kept) <= MOST_NUMBERS:
        heat.text = [[percent(share) for share in row] for row in shares]
        heat.texttemplate = "%{text}"
    found = {"type": "category", "showgrid": False, "title": {"text": "mask"}}
    true = found | {"title": {"text": "truth"}, "autorange": "reversed"}
    shape = layout(_title(matrix), xaxis=found, yaxis=true)
    return go.Figure([heat], shape | {"height": HEIGHT})


def _title(matrix: np.ndarray) -> str:
    """Of the matrix, and how many classes are left out for want of room."""
    occurring = np.count_nonzero((matrix.sum(axis=0) + matrix.sum(axis=1))[:-1])
    if occurring <= MOST_CLASSES:
        return "Confusion matrix"
    return f"Confusion matrix: the {MOST_CLASSES} most frequent of {occurring} classes"


def _labels(names: Sequence[str], kept: np.ndarray, other: str) -> list[str]:
    """Of the ids; the last one of a matrix is of those that the network does not have."""
    labels = bar_labels(names, kept[kept < len(names)])
    return labels + [other] * (len(kept) - len(labels))


def percent(share: float) -> str:
    """A share, 0..1, so that a few pixels are not rounded away: "< 0.1 %"; "" for NaN."""
    if np.isnan(share):
        return ""
    if 0 < share < LEAST_SHARE:
        return f"< {100 * LEAST_SHARE:.1f} %"
    if 1 - LEAST_SHARE < share < 1:
        return f"> {100 - 100 * LEAST_SHARE:.1f} %"
    return f"{100 * share:.1f} %"
