"""What the dashboard shows of one inspection: verdict, panels, charts, saved pictures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from core.colors import colorize, encode_png, overlay, palette_colors, palette_warnings
from core.errors import ForwardError
from core.labels import probabilities
from core.saving import saved_pictures
from core.scores import outside_notes
from core.verdict import Verdict, judge
from pages.components.state import inspecting, session
from pages.components.viewer.live import open_view
from pages.components.viewer.planes import channel_names, input_id
from pages.components.viewer.viewer import show_viewer
from pages.components.widgets import charts

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.diagnosis.normalization.first_layer import Gauge
    from core.inspection import Inspection
    from core.settings import Display
    from pages.components.state.tab import Seen

PICTURE_PIXELS = 480  # the longer side of a picture outside the viewer: every n-th pixel is taken


def verdict_of(seen: Seen, inspection: Inspection | None = None) -> Verdict:
    """Judge an inspection against the ground truth that is open."""
    inspection = inspection or seen.inspection
    ignore = inspection.settings.display.ignore_index
    return judge(inspection.labels, inspection.class_names, seen.truth, ignore)


def notes_on(seen: Seen) -> list[str]:
    """What is odd about picture, network, tensor and labels, in small print."""
    inspection = seen.inspection
    network = inspection.network
    account = network.account
    channels = "1 output channel"
    if network.num_classes > 1:
        channels = f"{network.num_classes} output channels"
    notes = [f"{network.architecture}, {channels}; {len(account.matched)} tensors matched"]
    if account.unexpected:
        notes[0] += f"; {len(account.unexpected)} tensors of the file are not used"
    notes += [network.scores.words] if network.scores.words else []
    if inspecting.only_gray(inspection.image, network):
        notes.append("Color is gray by itself: the network has one channel, and so has the picture")
    notes += [*inspection.image.facts.notes, *inspection.input.notes, *inspection.logits.notes]
    notes += inspection.labels.notes
    if seen.truth is not None:
        ignore = inspection.settings.display.ignore_index
        notes += seen.truth.notes
        notes += outside_notes(seen.truth, inspection.labels.num_classes, ignore)
    colors = palette_colors(inspection.settings.display, inspection.labels.num_classes)
    notes += palette_warnings(colors, inspection.labels.num_classes)
    return notes


def show_panels(seen: Seen, marked: str = "") -> None:
    """Draw the five stages; `marked` is the first bad one."""
    inspection = seen.inspection
    channel = _channel(inspection)
    logits, engine = inspection.logits, inspecting.engine()
    height, width = logits.output_size
    views = f", {logits.views} views averaged" if logits.views > 1 else ""
    show_viewer(
        inspection,
        _gauge(f"{inspection.network.checkpoint_digest} {input_id(inspection)}", inspection),
        key="viewer",
        channel=channel,
        pin=pin_of(inspection),
        answered=session.tab().answered,
        live=_live(inspection, channel),
        status=(
            f"forward {logits.seconds * 1000:.0f} ms on CPU{views},"
            f" {inspection.input.tensor.dtype} {tuple(inspection.input.tensor.shape)};"
            f" logits {height} x {width}, resized"
            f" {inspection.settings.forwarding.upsampling} to the picture;"
            f" forward {engine.forwards} of this server since its start"
        ).replace("torch.", ""),
        # Nobody reads these on the page: a browser test has no other way to count the forwards of
        # one view, as `streamlit run` has no /metrics, and the status counts those of everybody.
        queue={
            "forwards": engine.forwards_of[session.tab().person],
            "mostRunning": engine.most_running,
        },
        stale=seen.stale,
        marked=marked,
        at_rest=session.shared_run() is not None,
        on_live=session.take_live,
        on_pin=session.take_pin,
    )


def _live(inspection: Inspection, channel: int) -> dict[str, str]:
    """Let the viewer ask beside the page."""
    tab, paths = session.tab(), inspecting.fast_paths()
    return open_view(
        tab.live, inspection, channel, engine=inspecting.engine(), paths=paths, person=tab.person
    )


@st.cache_resource(max_entries=64, show_spinner=False)
def _gauge(key: str, _inspection: Inspection) -> Gauge | None:
    """Made once for everybody; `key` names network and picture. None where it cannot be had."""
    from core.diagnosis.normalization.first_layer import gauge_of

    module, base = _inspection.network.module, _inspection.input.base
    try:
        return inspecting.engine().run("", lambda: gauge_of(module, base), person=f"gauge {key}")
    except ForwardError:
        return None


def _channel(inspection: Inspection) -> int:
    """The class whose logits are shown: the chosen one, else the first foreground class."""
    count = len(inspection.logits.values)
    chosen = session.tab().channel
    if chosen is not None and chosen < count:
        return chosen
    return 0 if count == 1 else 1


def pin_of(inspection: Inspection) -> tuple[int, int] | None:
    """Row and column of the pinned pixel; None where none is, or it lies outside this picture."""
    pin, (height, width) = session.tab().pin, inspection.image.pixels.shape[:2]
    return pin if pin and pin[0] < height and pin[1] < width else None


def show_charts(seen: Seen) -> None:
    """Histogram of the tensor, logits at the pinned pixel, share of each class."""
    from core.preprocess import channel_histograms

    inspection = seen.inspection
    labels, values = inspection.labels, inspection.logits.values
    verdict = verdict_of(seen)
    colors = palette_colors(inspection.settings.display, max(labels.num_classes, len(values)))
    order = {"rgb": "RGB", "bgr": "BGR", "gray": "Y"}[inspection.settings.preprocessing.color]
    left, middle, right = st.columns(3)
    left.plotly_chart(
        charts.histogram_figure(channel_histograms(inspection.input), order),
        key="histogram",
        alt="Histogram of the normalized tensor per channel",
    )
    if (pin := pin_of(inspection)) is None:
        middle.caption("Click a pixel in a panel: its logits over all classes appear here.")
    else:
        one = np.ascontiguousarray(values[:, pin[0] : pin[0] + 1, pin[1] : pin[1] + 1])
        shown = probabilities(one, labels.activation)[:, 0, 0]
        middle.plotly_chart(
            charts.pixel_figure(one[:, 0, 0], shown, channel_names(inspection), colors),
            key="pixel",
            alt="Logits and probabilities of the pinned pixel",
        )
    right.plotly_chart(
        charts.shares_figure(verdict.shares, verdict.iou, inspection.class_names, colors),
        key="shares",
        alt="Share of each class in the mask",
    )


def show_saved(seen: Seen) -> None:
    """Show the pictures that common code would have written from this label map."""
    inspection = seen.inspection
    colors = palette_colors(inspection.settings.display, inspection.labels.num_classes)
    saved = saved_pictures(inspection.labels, inspection.logits.values, colors)
    for column, picture in zip(st.columns(len(saved)), saved, strict=True):
        show_picture(column, picture.picture, picture.label)
        column.caption(f"{picture.label}: {picture.black_share:.0%} looks black")
        column.code(picture.code, language="python", wrap_lines=True)


def show_picture(place: object, pixels: np.ndarray, alt: str) -> None:
    """Draw pixels losslessly; a large picture is thinned to every n-th pixel, never blended."""
    step = max(1, math.ceil(max(pixels.shape[:2]) / PICTURE_PIXELS))
    png = encode_png(np.ascontiguousarray(pixels[::step, ::step]))
    place.image(png, output_format="PNG", alt=alt, width="stretch")  # type: ignore[attr-defined]


def show_mask(place: object, inspection: Inspection, display: Display, alt: str) -> None:
    """Draw the mask over its picture, in the colors and the opacity of `display`."""
    colors = palette_colors(display, inspection.labels.num_classes)
    mask = overlay(inspection.image.pixels, colorize(inspection.labels.ids, colors), display.alpha)
    show_picture(place, mask, alt)
