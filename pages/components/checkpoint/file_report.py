"""The parts of the checkpoint page: what the file is, what it contains, and its problems."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from core.errors import InspectionError
from pages.components.state import complaints, inspecting, opening, session
from pages.components.widgets import charts, sidebar
from pages.components.widgets.bound import show_bound

if TYPE_CHECKING:  # torch loads with the first checkpoint, not with the page
    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from pages.components.state.sources import Sources

SHOWN = 300  # names in a list; a longer one is cut and says so
GOOD = ":material/check_circle:"


def show_file(checkpoint: Checkpoint, opened: Sources) -> None:
    """Say what the file is, and which of the weights in it are looked at."""
    from core.checkpoint.health import reason_for
    from core.checkpoint.pickled.policy import in_words

    st.subheader(complaints.as_text(checkpoint.name))
    facts = [
        f"{checkpoint.container}, {checkpoint.num_bytes:,} bytes",
        f"SHA-256 {checkpoint.digest}",
        f"{len(checkpoint.tensors)} tensors, {_count(checkpoint):,} numbers, "
        f"{_bytes(checkpoint) / 1e6:.1f} MB",
    ]
    if checkpoint.wrapper:
        facts.append(f"The weights are under {' / '.join(checkpoint.wrapper)}")
    if reason := reason_for(checkpoint.prefix):
        facts.append(f"{reason}; the names below are without it")
    if checkpoint.kind != "dict":
        modes = {True: ", saved in training mode", False: ", saved in eval mode", None: ""}
        facts.append(
            f"A whole pickled network of the class {checkpoint.kind}{modes[checkpoint.training]}"
        )
    if checkpoint.classes:
        named = ", ".join(checkpoint.classes[:SHOWN])
        facts.append(f"Classes that the file names and that were not instantiated: {named}")
    facts += checkpoint.notes
    st.markdown("\n".join(f"- {complaints.as_text(fact)}" for fact in facts))
    if checkpoint.calls:
        st.warning(complaints.as_text(in_words(checkpoint.calls)), icon=":material/gpp_maybe:")
        _show_account("Everything that the file asks to call", checkpoint.calls)
    _show_candidates(checkpoint, opened)


def _count(checkpoint: Checkpoint) -> int:
    return sum(tensor.numel() for tensor in checkpoint.tensors.values())


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(tensor.nbytes for tensor in checkpoint.tensors.values())


def _show_candidates(checkpoint: Checkpoint, opened: Sources) -> None:
    """Let the user take other weights of the same file."""
    if len(checkpoint.candidates) < 2:
        return
    paths = [str(candidate["path"]) for candidate in checkpoint.candidates]
    words = {
        str(c["path"]): f"{c['path'] or 'the file itself'}: {c['tensors']} tensors, "
        f"{c['bytes'] / 1e6:.1f} MB"
        for c in checkpoint.candidates
    }
    show_bound(
        st.selectbox,
        "Weights in this file",
        f"part_{opened.checkpoint}",
        paths[0],
        session.choose_part,
        options=sorted(paths),
        format_func=lambda path: words[path],
        help="The dashboard runs the weights that are chosen here",
    )


# --- the network ----------------------------------------------------------------------------------


def show_network(checkpoint: Checkpoint, opened: Sources) -> Network | None:
    """Say which network the weights are of; None where that is not known."""
    st.subheader("Network")
    slot = st.empty()
    try:
        network = inspecting.network_of(opened, slot)
    except InspectionError as error:
        st.warning(complaints.as_text(error.message), icon=":material/help:")
        st.info(complaints.as_text(error.remedy), icon=":material/arrow_forward:")
        if error.code:
            st.code(error.code, language="python", wrap_lines=True)
        _show_nearest(checkpoint)
        return None
    finally:
        slot.empty()
    account = network.account
    st.success(
        f"{complaints.as_text(network.architecture)}: {network.num_classes} classes, "
        f"{network.in_channels} input channels; {len(account.matched)} of "
        f"{len(account.matched) + len(account.unexpected)} tensors matched",
        icon=GOOD,
    )
    for note in network.notes:
        st.caption(complaints.as_text(note))
    if network.choices:
        with st.container(horizontal=True):
            sidebar.show_choices(network.choices)
    _show_account("Missing: in the network, not in the file", account.missing)
    _show_account("Unexpected: in the file, not in the network", account.unexpected)
    _show_account("Different shape", account.wrong_shape)
    return network


def _show_nearest(checkpoint: Checkpoint) -> None:
    """The networks that it may be of, with how many tensors fit and the difference."""
    from core.architectures import candidates

    found = [candidate for candidate in candidates(checkpoint) if candidate.account is not None]
    for candidate in found:
        account = candidate.account
        if account is None:
            continue
        title = (
            f"{candidate.architecture}: {len(account.matched)} names fit, "
            f"{len(account.missing)} missing, {len(account.unexpected)} only in the file"
        )
        with st.expander(complaints.as_text(title)):
            _show_account("Missing", account.missing)
            _show_account("Only in the file", account.unexpected)


def _show_account(title: str, keys: Sequence[str]) -> None:
    if not keys:
        return
    with st.expander(f"{title}: {len(keys)}"):
        more = f"\n... and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        st.code("\n".join(keys[:SHOWN]) + more, language=None)


# --- health and heads -----------------------------------------------------------------------------


def show_health(checkpoint: Checkpoint) -> None:
    """List the problems of the layers, or say that there are none."""
    from core.checkpoint.health import examine, heads_in, looked_at

    st.subheader("Health")
    heads = heads_in(checkpoint.tensors)
    facts = examine(checkpoint.tensors, heads)
    for fact in facts:
        st.warning(complaints.as_text(f"{fact.words}."), icon=":material/warning:")
    seen = looked_at(checkpoint.tensors, heads)
    if not facts:
        st.success(complaints.as_text(f"No problem found. Examined: {seen}."), icon=GOOD)
    else:
        st.caption(complaints.as_text(f"Examined: {seen}."))


def show_heads(checkpoint: Checkpoint, network: Network | None) -> None:
    """Say how many classes there are, and which of them the bias prefers."""
    from core.checkpoint.health import heads_in

    st.subheader("Head")
    heads = heads_in(checkpoint.tensors)
    names = network.class_names if network is not None else checkpoint.class_names
    for head in heads:
        kind = "Main head" if head.main else "Auxiliary head"
        guess = "" if head.known else ", assumed because it is the last convolution"
        st.markdown(
            f"{kind} `{head.name}`{guess}: {head.classes} classes from {head.channels} channels"
        )
        if head.bias:
            labels = [names[k] if k < len(names) else "" for k in range(head.classes)]
            st.plotly_chart(
                charts.bias_figure(head.bias, labels),
                key=f"bias_{head.name}",
                alt=f"Bias of each class of {head.name}",
            )
        else:
            st.caption("It has no bias.")
    if not heads:
        st.caption("No convolution that could be a head.")


# --- the tensors ----------------------------------------------------------------------------------


def show_tree(checkpoint: Checkpoint, network: Network | None) -> None:
    """Draw the layers by size, and every tensor with its statistics."""
    st.subheader("Layers and tensors")
    matched = set(network.account.matched) if network is not None else set()
    rows = _rows(checkpoint.place, checkpoint)
    for row in rows:
        if network is not None:
            row["used"] = row["tensor"] in matched
    st.plotly_chart(
        charts.tree_figure({row["tensor"]: row["numbers"] for row in rows}),
        key="tree",
        alt="The network as a tree; each layer is as large as its number of parameters",
    )
    part = st.text_input("Show tensors whose name contains", key="tensor_filter")
    shown = [row for row in rows if part in row["tensor"]]
    picked = st.dataframe(
        shown, key="tensors", hide_index=True, height=320, on_select="rerun",
        selection_mode="single-row",
        column_config={"zeros": st.column_config.NumberColumn(format="percent")},
    )  # fmt: skip
    chosen = picked["selection"]["rows"]
    if shown:
        row = shown[chosen[0] if chosen and chosen[0] < len(shown) else 0]
        _show_histogram(checkpoint, row["tensor"])


@st.cache_data(max_entries=8, show_spinner="Measuring each tensor")
def _rows(key: str, _checkpoint: Checkpoint) -> list[dict[str, Any]]:
    """One row a tensor; cached by the digest of the file and the place in it."""
    from core.checkpoint.health import statistics_of

    return [
        _row(name, tensor, statistics_of(tensor)) for name, tensor in _checkpoint.tensors.items()
    ]


def _row(name: str, tensor: Any, measured: Any) -> dict[str, Any]:
    return {
        "tensor": name,
        "shape": " x ".join(map(str, tensor.shape)) or "one number",
        "kind": str(tensor.dtype).removeprefix("torch."),
        "numbers": tensor.numel(),
        "KB": round(tensor.nbytes / 1e3, 1),
        "mean": measured.mean,
        "std": measured.std,
        "lowest": measured.low,
        "highest": measured.high,
        "zeros": measured.zeros,
        "not finite": measured.not_finite,
    }


def _show_histogram(checkpoint: Checkpoint, name: str) -> None:
    from core.checkpoint.health import histogram_of

    counts, edges = histogram_of(checkpoint.tensors[name])
    st.plotly_chart(
        charts.values_figure(counts, edges, name),
        key="tensor_histogram",
        alt=f"Histogram of the numbers of {name}",
    )


# --- around the weights ---------------------------------------------------------------------------


def show_beside(checkpoint: Checkpoint) -> None:
    """Show what the file holds beside the weights, and what was not read."""
    st.subheader("Beside the weights")
    for stated in checkpoint.stated:
        st.markdown(complaints.as_text(stated.words), help=stated.advice)
    if checkpoint.class_names:
        st.markdown(complaints.as_text(f"Class names: {', '.join(checkpoint.class_names[:40])}"))
    others = [
        {"entry": name, "what": what}
        for name, what in (*checkpoint.left_over.items(), *checkpoint.others.items())
    ]
    if checkpoint.left_over:
        st.markdown(
            f"{len(checkpoint.left_over)} tensors beside the network are left over: a loss, "
            "metrics, or what its class does around it"
        )
    if others:
        st.caption("Parts of the file that are not used, and why")
        st.dataframe(others, hide_index=True, height=min(320, 38 + 35 * len(others)))
    for title, data in (("Plain data", checkpoint.metadata), ("Attributes of its modules",
                                                             checkpoint.attributes)):  # fmt: skip
        _show_data(title, data)
    if not (others or checkpoint.metadata or checkpoint.attributes):
        st.caption("The file contains nothing else.")


def _show_data(title: str, data: Mapping[str, Any]) -> None:
    if data:
        with st.expander(f"{title} ({len(data)})"):
            st.code(json.dumps(data, indent=1, default=str)[:20_000], language="json")


def show_downloads(checkpoint: Checkpoint) -> None:
    """Offer the weights alone, under the names of the network."""
    st.subheader("Download")
    stem = checkpoint.name.rpartition(".")[0] or checkpoint.name
    with st.container(horizontal=True):
        for kind, label in (("safetensors", "Clean safetensors"), ("pth", "Clean state dict")):
            st.download_button(
                label,
                data=partial(opening.clean_file, checkpoint, kind),
                file_name=f"{stem}-{checkpoint.digest[:8]}.{kind}",
                on_click="ignore",
                icon=":material/download:",
                help="Every tensor bit for bit, without prefix and without other data",
            )
