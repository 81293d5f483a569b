"""Checkpoints and networks, opened once for everybody who looks at the same file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import streamlit as st

import examples
from core.recent import Recent, forget_oldest
from pages.components.state import files
from pages.components.state.sources import Sources

if TYPE_CHECKING:  # torch loads with the first network, not with the page
    import torch

    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from core.diagnosis import Case
    from core.inspection import Inspection
    from core.scores import Truth

NETWORK_BYTES = 2 * 2**30  # all open networks together: eight of ResNet-101
CHECKPOINT_BYTES = 256 * 2**20  # of what is known of all open ones; tensors are mapped from disk
KNOWN_BYTES, PER_BYTE = 2 * 2**20, 8  # of a small one; Python's objects for a byte of JSON
CLEAN_BYTES = 2 * 2**30  # of the files that were made for downloads


@st.cache_resource
def _checkpoints() -> Recent[Checkpoint]:
    return Recent(CHECKPOINT_BYTES, lambda one: KNOWN_BYTES + PER_BYTE * one.report_bytes)


@st.cache_resource
def _networks() -> Recent[Network]:
    return Recent(NETWORK_BYTES, _weight)


def _weight(network: Network) -> int:
    return sum(tensor.nbytes for tensor in network.module.state_dict().values())


def is_open(now: Sources) -> bool:
    """Whether this network is ready, so that nothing needs a progress bar."""
    return _networks().get(_network_key(now)) is not None


def open_network(now: Sources, progress: Callable[[str], None]) -> Network:
    """Read the checkpoint and rebuild its network, once for everybody.

    Raises:
        InspectionError: it cannot be read, or fits no network that we can build.
    """
    return _networks().get_or_make(_network_key(now), lambda: _make_network(now, progress))


def open_checkpoint(now: Sources, progress: Callable[[str], None]) -> Checkpoint:
    """Read the checkpoint, once for everybody; its tensors stay on disk.

    Raises:
        InspectionError: it cannot be read.
    """
    return _checkpoints().get_or_make(
        f"{_file_key(now)} {now.part}", lambda: _make_checkpoint(now, progress)
    )


def tensors_of(now: Sources) -> Callable[[], Mapping[str, torch.Tensor]]:
    """What opens the tensors of a checkpoint by name, in any thread."""
    return lambda: open_checkpoint(now, lambda _: None).tensors


def _network_key(now: Sources) -> str:
    return f"{_file_key(now)} {now.part} {now.choices}"


def _file_key(now: Sources) -> str:
    """A file that was replaced is another one."""
    return f"{now.checkpoint} {files.version_of(now.checkpoint)}"


def _make_network(now: Sources, progress: Callable[[str], None]) -> Network:
    checkpoint = open_checkpoint(now, progress)
    from core.architectures import build_network

    progress("Rebuilding the network")
    return build_network(checkpoint, dict(parse_qsl(now.choices)))


def _make_checkpoint(now: Sources, progress: Callable[[str], None]) -> Checkpoint:
    progress("Starting PyTorch")
    from core.architectures import read_pretrained
    from core.checkpoint import read_checkpoint

    if now.checkpoint.startswith("torchvision:"):
        return read_pretrained(now.checkpoint.removeprefix("torchvision:"), progress)
    path, name, digest = files.checkpoint_file(now.checkpoint)
    progress(f"Reading {path.stat().st_size / 1e6:.0f} MB")
    checkpoint = read_checkpoint(
        path,
        name=name,
        digest=digest,
        folder=files.DATA_FOLDER / "canonical",
        choice=now.part,
        progress=progress,
    )
    if digest == files.example_digest():  # of a run too
        return replace(checkpoint, metadata={"class_names": list(examples.CLASS_NAMES)})
    return checkpoint


def clean_file(checkpoint: Checkpoint, kind: str) -> bytes:
    """The weights alone, as a file to download."""
    from core.checkpoint.clean import write_clean

    folder = files.DATA_FOLDER / "clean"
    path = write_clean(checkpoint, kind, folder)  # type: ignore[arg-type]
    forget_oldest(folder, "*.*", CLEAN_BYTES, keep=path.name)
    return path.read_bytes()


def case_of(seen: Inspection, truth: Truth | None, now: Sources) -> Case:
    """Everything that a diagnosis may look at, from the bytes that the user gave."""
    from core.diagnosis import Case, others_in

    def opened(part: str) -> tuple[Checkpoint, Network]:
        other = replace(now, part=part, choices="")
        return open_checkpoint(other, lambda _: None), open_network(other, lambda _: None)

    checkpoint = open_checkpoint(now, lambda _: None)
    return Case(
        image=seen.image,
        checkpoint=checkpoint,
        network=seen.network,
        settings=seen.settings,
        truth=truth,
        saved=files.store().path(now.saved).read_bytes() if now.saved else None,
        picture_file=files.picture_path(now.picture).read_bytes(),
        truth_file=files.truth_path(now.truth).read_bytes() if now.truth else None,
        others=others_in(checkpoint, opened),
    )
