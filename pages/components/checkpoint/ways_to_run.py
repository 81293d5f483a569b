"""How fast the network runs here, by each path, and whether all of them say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.components.state import inspecting, session

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.architectures import Network
    from core.engine.choice import Choice, Path


def show_ways(network: Network | None) -> None:
    """The paths as they were measured on the picture of the dashboard; nothing before that."""
    found = _found(network)
    if found is None or not found.paths:
        return
    st.subheader("Ways to run it")
    st.caption(
        "Measured on this machine, on the picture of the dashboard. While a slider moves, "
        f"{found.fastest.name} answers; at rest, and for every number, finding, export and share, "
        "plain float32 does."
    )
    plain = found.paths[0].seconds
    st.dataframe([_row(path, plain) for path in found.paths], hide_index=True)


def _found(network: Network | None) -> Choice | None:
    good = session.tab().good
    if network is None or good is None:
        return None
    seen = good[0].inspection
    if seen.network.checkpoint_digest != network.checkpoint_digest:
        return None
    return inspecting.fast_paths().known(network, seen.input, seen.settings.forwarding)


def _row(path: Path, plain: float) -> dict[str, Any]:
    measured = path.seconds > 0
    return {
        "path": path.name,
        "forward": f"{path.seconds * 1000:.0f} ms" if measured else "",
        "times faster": f"{plain / path.seconds:.2f}" if measured else "",
        "same class": f"{path.agreement:.3%}" if measured else "",
        "largest logit difference": f"{path.largest:.1e}" if measured else "",
        "passed over because": path.why,
    }
