"""The five linked panels and the live sliders: one element for the panels, one for each plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.colors import PALETTES, palette_colors
from core.settings import change
from pages.components.viewer import planes

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.diagnosis.normalization.first_layer import Gauge
    from core.inspection import Inspection

_HERE = Path(__file__).parent
KINDS = ("picture", "input", "result", "gauge")  # of planes


def _source(*names: str) -> str:
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in names)


_PLANE = st.components.v2.component("maskscope_plane", js=_source("planes.js", "plane_main.js"))
_VIEWER = st.components.v2.component(
    "maskscope_viewer",
    html=_source("viewer.html"),
    css=_source("viewer.css"),
    js=_source(
        "planes.js",
        "layers.js",
        "view.js",
        "frame.js",
        "controls.js",
        "gauge.js",
        "live.js",
        "viewer_main.js",
    ),
)


def show_viewer(
    inspection: Inspection,
    gauge: Gauge | None,
    *,
    key: str,
    channel: int,
    pin: tuple[int, int] | None,
    answered: int,
    live: dict[str, str],
    status: str,
    queue: dict[str, int],
    stale: bool,
    marked: str,
    at_rest: bool,
    on_live: Any,
    on_pin: Any,
) -> None:
    """Draw the panels.

    Args:
        inspection: what is shown.
        gauge: its KL divergence from the first BatchNorm under any mean and std, if known.
        key: session key under which the component's `live` and `pin` arrive.
        channel: whose logits the third panel shows.
        pin: row and column of the pinned pixel.
        answered: sequence number of the last `live` message that this inspection includes.
        live: where the viewer asks while a slider moves, and what names the answers.
        status: one line below the panels.
        queue: forwards that this view asked for, and how many ran at once at the most.
        stale: the settings on the page could not be computed; this is an older state.
        marked: the first bad stage, "" for none.
        at_rest: the sliders cannot be moved.
        on_live: called before the rerun when a live slider moved.
        on_pin: called before the rerun when a pixel was pinned.
    """
    shown = (
        planes.picture_plane(inspection),
        planes.input_plane(inspection),
        planes.result_plane(inspection, channel),
        planes.gauge_plane(inspection, gauge),
    )
    ids = dict(zip(KINDS, (plane.id for plane in shown), strict=True))
    _VIEWER(
        key=key,
        data={
            **ids,
            **_numbers(inspection),
            **_palettes(inspection),
            "class_names": list(inspection.class_names),
            "facts": _facts(inspection),
            "channel": channel,
            "pin": list(pin) if pin else None,
            "answered": answered,
            "live": live,
            "status": status,
            "queue": queue,
            "stale": stale,
            "marked": marked,
            "at_rest": at_rest,
        },
        on_live_change=on_live,
        on_pin_change=on_pin,
    )
    with st.container(gap=None):  # invisible; after the panels, so that they leave no hole
        for plane, kind in zip(shown, KINDS, strict=True):
            _PLANE(data=plane.content, key=f"{key}-{kind}")


def _numbers(inspection: Inspection) -> dict[str, Any]:
    preprocessing, labels = inspection.settings.preprocessing, inspection.labels
    divisor = inspection.input.divisor
    fixed = {"gain": inspection.input.gain, "offset": inspection.input.offset}
    low, high = planes.finite_range(labels.score)
    return {
        "size": list(inspection.image.pixels.shape[:2]),
        "local": {
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
            "threshold": inspection.settings.decoding.threshold,
            "alpha": inspection.settings.display.alpha,
            "palette": inspection.settings.display.palette,
        },
        "divisor": divisor,
        "divide_again": preprocessing.divide_again,
        "unit": inspection.input.largest / divisor,
        "fixed_affine": fixed if preprocessing.zscore else None,
        "activation": labels.activation,
        "threshold_range": [0, 1] if labels.activation == "sigmoid" else [low, high],
        "rule_label": {"argmax": "Argmax", "threshold": "Threshold", "per_class": "Per class"}[
            labels.rule
        ],
    }


def _palettes(inspection: Inspection) -> dict[str, Any]:
    settings, count = inspection.settings, inspection.labels.num_classes
    names = [name for name in PALETTES if name != "custom" or settings.display.custom]
    if settings.display.palette not in names:
        names.append(settings.display.palette)
    colors = {
        name: palette_colors(change(settings, palette=name).display, count).tobytes().hex()
        for name in names
    }
    return {
        "palettes": colors,
        "palette_labels": {name: PALETTES[name] for name in names},
        "colormap": planes.colormap(),
    }


def _facts(inspection: Inspection) -> dict[str, str]:
    facts = inspection.image.facts
    height, width = inspection.image.pixels.shape[:2]
    depth = "" if facts.bits == 8 else f" {facts.bits} bit"
    return {
        "raw": f"{width} x {height} {facts.mode}{depth}",
    }
