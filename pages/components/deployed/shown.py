"""What is drawn of a comparison: the verdict, both masks, the layers, the findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from core.colors import colorize, palette_colors
from pages.components.compare.columns import DIFFERENT
from pages.components.deployed import comparing
from pages.components.pipeline.results import show_picture
from pages.components.state import complaints, session
from pages.components.widgets import charts, uploading
from pages.components.widgets.bound import show_bound

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.background import Job
    from core.deployed.comparison import Comparison
    from core.diagnosis import Finding
    from core.inspection import Inspection
    from pages.components.state.tab import Seen

TYPES = ("onnx", "pt2", "pth", "pt", "ckpt", "safetensors", "bin", "npy", "npz")
POLL_SECONDS = 0.5
COLORS = {"certain": "red", "likely": "orange", "possible": "gray"}


def ask_for_program() -> None:
    """The upload of what was deployed."""
    uploading.ask_for_files(
        "Deployed model: ONNX, .pt2, another checkpoint, or saved outputs (.npy, .npz)",
        "deployed", TYPES, _take,
        hint="It gets the same picture as the checkpoint that is open. Outputs of a runtime that "
        "cannot be run here: np.save('logits.npy', outputs[0])",
    )  # fmt: skip


def _take(chosen: Any) -> None:
    from pages.components.state import files

    session.compare_with(files.store().put(chosen[0], chosen[0].name))


def show_comparison(seen: Seen) -> None:
    """Draw it as far as it is; the page is drawn again when it is done."""
    deployed = session.tab().deployed
    if not deployed:
        st.info(
            "Upload what was deployed: the page feeds it the picture that is open, and says in "
            "which stage and in which layer it parts from the checkpoint."
        )
        return
    job = comparing.comparison_of(seen, deployed)
    job.wait(1.0)
    if not job.finished:
        st.fragment(_wait, run_every=POLL_SECONDS)(job)
        return
    if job.error is not None:
        st.error(complaints.as_text(job.error.message))
        st.info(complaints.as_text(job.error.remedy))
    elif job.partial is not None:
        _show(job.partial, seen.inspection)
    else:
        st.warning("The comparison was stopped. Change something, or upload the file again.")


def _wait(job: Job[Comparison]) -> None:
    if job.finished:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center", key="comparing"):
        st.caption(complaints.as_text(job.stage or "comparing"))
        st.button("Stop", key="stop_comparison", on_click=comparing.stop)


def _show(found: Comparison, inspection: Inspection) -> None:
    line = complaints.as_text(found.verdict)
    if found.agrees and not found.findings:
        st.success(line, icon=":material/check:")
    else:
        st.warning(line, icon=":material/call_split:")
    for finding in found.findings:
        _show_finding(finding)
    _show_masks(found, inspection)
    if found.alignment is not None:
        _show_layers(found)


def _show_finding(finding: Finding) -> None:
    with st.container(border=True, key=f"deployed_{finding.cause}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(finding.certainty, color=COLORS[finding.certainty])  # type: ignore[arg-type]
            st.markdown(f"**{complaints.as_text(finding.name)}** ({finding.cause})")
        for piece in finding.evidence:
            st.markdown(f"- {complaints.as_text(piece.words)}")
        st.markdown(f"*What to do.* {complaints.as_text(finding.fix)}")
        st.code(finding.code, language="python")


# --- both sides -----------------------------------------------------------------------------------


def _show_masks(found: Comparison, inspection: Inspection) -> None:
    """The input, both masks, where they differ; both maps of one class and their difference."""
    like = found.likeness
    if like is None:
        return
    colors = palette_colors(session.settings().display, inspection.labels.num_classes)
    right = found.labels
    given, first, second, third = st.columns(4)
    _show_input(given, inspection)
    for place, ids, name in ((first, right, found.one), (second, like.labels, found.other)):
        show_picture(place, colorize(ids, colors), f"Mask of {name}")
        place.caption(f"Mask of {complaints.as_text(name)}")
    differs = np.where((right != like.labels)[..., None], np.asarray(DIFFERENT, np.uint8), 40)
    show_picture(third, differs.astype(np.uint8), "Pixels of another class are red")
    third.caption(f"{like.same:.2%} of the pixels have the same class; the others are red")
    if (scores := found.scores) is not None:
        _show_scores(found, scores, inspection)


def _show_input(place: Any, inspection: Inspection) -> None:
    """The tensor that both are given, its range drawn from black to white."""
    values = np.nan_to_num(inspection.input.values[:3])  # c h w; float16 may overflow
    low, high = float(values.min()), float(values.max())
    shown = values if len(values) == 3 else np.repeat(values[:1], 3, axis=0)
    scaled = (np.moveaxis(shown, 0, -1) - low) / max(high - low, 1e-12)
    show_picture(place, (scaled * 255 + 0.5).astype(np.uint8), "The input of both")
    height, width = values.shape[1:]
    place.caption(f"What both are given: {height} x {width}, from {low:.2f} to {high:.2f}")


def _show_scores(
    found: Comparison, scores: tuple[np.ndarray, np.ndarray], inspection: Inspection
) -> None:
    count = len(scores[0])
    names = [
        inspection.class_names[k] if k < len(inspection.class_names) else f"class {k}"
        for k in range(count)
    ]
    chosen = min(session.widget("deployed_class", 1), count - 1)
    show_bound(
        st.selectbox, "Class whose scores are shown", "deployed_class", chosen, lambda _: None,
        options=range(count), format_func=lambda k: names[k],
    )  # fmt: skip
    one, other = (side[chosen] for side in scores)
    low, high = float(min(one.min(), other.min())), float(max(one.max(), other.max()))
    places = st.columns(3)
    for place, values, name in zip(places, (one, other), (found.one, found.other), strict=False):
        show_picture(place, _gray(values, low, high), f"{names[chosen]}, {name}")
        place.caption(
            f"{complaints.as_text(name)}: {values.min():.2f} .. {values.max():.2f}; black is "
            f"{low:.2f}, white {high:.2f}"
        )
    difference = np.abs(one - other)
    most = float(difference.max())
    show_picture(places[2], _gray(difference, 0, most), "Their absolute difference")
    places[2].caption(f"Their absolute difference, at most {most:.3g}, which is white")


def _gray(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """UInt8[h w 3]; what is not finite is black."""
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / max(
        high - low, 1e-12
    )
    return np.repeat((scaled.clip(0, 1) * 255 + 0.5).astype(np.uint8)[..., None], 3, axis=2)


def _show_layers(found: Comparison) -> None:
    """How far every layer is apart, in the order of the computation."""
    layers = found.alignment
    if layers is None:
        return
    left, right = layers.unmatched
    st.plotly_chart(
        charts.parting_figure(
            [pair.one.name for pair in layers.pairs],
            [pair.apart for pair in layers.pairs],
            found.tolerance,
            layers.first_above(found.tolerance),
        ),
        key="layers",
    )
    st.caption(
        f"{len(layers.pairs)} layers were matched by kind, size and order; {left} of "
        f"{complaints.as_text(found.one)} and {right} of {complaints.as_text(found.other)} have no "
        "partner. A difference is the root of the mean squared one, in shares of the layer's "
        "standard deviation."
    )
    if (pair := found.parting) is not None:
        rows = [
            {"": side, "layer": one.name, "shape": str(one.seen.shape), "mean": one.seen.mean,
             "std": one.seen.std, "least": one.seen.least, "most": one.seen.most,
             "not finite": one.seen.non_finite}
            for side, one in ((found.one, pair.one), (found.other, pair.other))
        ]  # fmt: skip
        st.markdown("**The first layer where they part**")
        st.dataframe(rows, hide_index=True)
