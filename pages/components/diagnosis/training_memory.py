"""The normalization of the training, as the checkpoint shows it, beside what it is fed now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from core.presets import convention_name
from pages.components.state import complaints
from pages.components.widgets import charts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.diagnosis.normalization.recovered import Recovered

SHOWN = 12  # conventions in the chart
ORDERS = {"rgb": ", RGB", "bgr": ", BGR", "gray": ", gray"}


def show_recovered(recovered: Recovered) -> None:
    """Draw the recovered convention with its margin, and the ranking of all."""
    st.subheader("What the checkpoint shows of its training")
    left, right = st.columns(2)
    with left:
        st.markdown(f"**{complaints.as_text(_answer(recovered))}**")
        st.markdown(complaints.as_text(recovered.reason))
        with st.popover("The numbers", key="recovered_numbers"):
            st.markdown(complaints.as_text(_figures(recovered)))
        if inputs := _inputs(recovered):
            _show_scale(inputs)
    if recovered.ranking:
        names, fits = zip(*recovered.ranking[:SHOWN], strict=True)
        right.plotly_chart(
            charts.fits_figure([convention_name(name) for name in names], fits),
            key="fits",
            alt="How unlike training the picture is under each convention (KL divergence)",
        )
    if recovered.layers:
        left.plotly_chart(
            charts.layers_figure(
                recovered.layers, recovered.layers_then, convention_name(recovered.family)
            ),
            key="layers",
            alt="How unlike training the input is at each of the first BatchNorms (KL divergence)",
        )


def _answer(recovered: Recovered) -> str:
    if recovered.certainty == "cannot tell":
        return "The normalization of the training cannot be determined."
    order = ORDERS.get(recovered.color, "")
    if not recovered.changes:
        return f"The network is fed as in its training{order} ({recovered.certainty})."
    name = convention_name(recovered.family)
    like = f"numbers like those of {name}" if recovered.has_other_numbers else name
    return f"Trained with {like}{order} ({recovered.certainty})."


def _inputs(recovered: Recovered) -> dict[str, float]:
    """What is marked on the scale: the input as it is fed, and under the recovered convention."""
    inputs = {"as fed now": recovered.current} if recovered.current else {}
    if recovered.changes and recovered.kl:
        inputs[convention_name(recovered.family)] = recovered.kl
    return inputs


def _show_scale(inputs: Mapping[str, float]) -> None:
    from core.diagnosis.likeness import SCALE, likeness

    words = ", ".join(f"{name} {likeness(nats)}" for name, nats in inputs.items())
    st.plotly_chart(
        charts.likeness_figure(inputs, SCALE),
        key="likeness",
        alt=f"How unlike training the input is: {words}",
    )


def _figures(recovered: Recovered) -> str:
    parts = (
        [f"{charts.DIVERGENCE} as fed now {recovered.current:.3g} nats"]
        if recovered.current
        else []
    )
    if recovered.changes:
        parts += [f"with this convention {recovered.kl:.3g}"] if recovered.kl else []
        parts.append(f"the next one is {recovered.margin:.3g} times worse")
    if recovered.color in ("rgb", "bgr"):
        parts.append(f"score of this channel order {recovered.order_votes:.2g}")
    return "; ".join(parts)
