"""Where picture, checkpoint and ground truth come from, and opening them once for everybody.

A source is a short text that the address bar can carry:

    example:scene_01         a picture of the example, and its ground truth
    example                  the example's checkpoint
    torchvision:fcn_resnet50 torchvision's own weights
    folder:runs/best.pth     a file below the folder that the host allows (MASKSCOPE_CHECKPOINTS)
    <64 hexadecimal digits>  an upload, by its SHA-256
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import numpy as np
import streamlit as st

import examples
from core.errors import CheckpointError
from core.image import Image, decode_image
from core.recent import Recent, forget_oldest
from core.scores import Truth, decode_truth
from core.store import Kept, Role, Run, Store, data_folder, open_store, read_labels

if TYPE_CHECKING:  # torch loads with the first network, not with the page
    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from core.diagnosis import Case
    from core.inspection import Inspection

DATA_FOLDER = data_folder()
ALLOWED_FOLDER = os.environ.get("MASKSCOPE_CHECKPOINTS", "")
NETWORK_BYTES = 2 * 2**30  # all open networks together: eight of ResNet-101
OPEN_CHECKPOINTS = 64  # their tensors are mapped from the disk
CLEAN_BYTES = 2 * 2**30  # of the files that were made for downloads
IMAGE_BYTES = 512 * 2**20
WEIGHTS = (".pth", ".pt", ".ckpt", ".tar", ".pkl", ".bin", ".pt2", ".safetensors", ".onnx", ".zip")
BESIDE = (".json",)  # uploaded together with weights: config.json, preprocessor_config.json

# core.architectures.pretrained_names(), written out so that the page need not load torch for it.
TORCHVISION_NAMES = (
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "fcn_resnet50",
    "fcn_resnet101",
    "lraspp_mobilenet_v3_large",
)


@dataclass(frozen=True)
class Sources:
    """What is open: picture, checkpoint and ground truth ("" for none)."""

    picture: str = f"example:{examples.SCENES[0].stem}"
    checkpoint: str = "example"
    truth: str = f"example:{examples.SCENES[0].stem}"
    part: str = ""  # path of the weights inside the file, where not the first are taken: "ema"
    choices: str = ""  # what keys cannot tell, as a query: "output+stride=8"
    saved: str = ""  # the picture that the user's own script wrote


@st.cache_resource
def store() -> Store:
    """The uploads of everybody, in a folder or where the host wants them."""
    return open_store(DATA_FOLDER)


def sources_of(run: Run) -> Sources:
    """What a run has open; no checkpoint where it came without its weights."""
    snapshot = run.snapshot
    if snapshot.kind == "settings":
        return Sources()
    found = {role: kept.digest for role, kept in run.files.items()}
    return Sources(
        picture=found.get("picture", ""),
        checkpoint=snapshot.pretrained or found.get("checkpoint", ""),
        truth=found.get("truth", ""),
        part=snapshot.part,
        choices=snapshot.choices,
        saved=found.get("saved", ""),
    )


def keep_files(now: Sources, *, weights: bool) -> dict[Role, Kept]:
    """Put everything that is open into the store, the example's files too: they may change.

    Args:
        now: what is open.
        weights: whether the checkpoint is among it; torchvision's own is known by its name.

    Raises:
        InspectionError: a file is gone, or there is no room.
    """
    paths = {"picture": _picture_path(now.picture)}
    if now.truth:
        paths["truth"] = _truth_path(now.truth)
    if now.saved:
        paths["saved"] = store().path(now.saved)
    if weights and not now.checkpoint.startswith("torchvision:"):
        paths["checkpoint"] = _checkpoint_file(now.checkpoint)[0]
    return {role: _kept(path, getattr(now, role)) for role, path in paths.items()}  # type: ignore[misc]


def _kept(path: Path, source: str) -> Kept:
    if ":" not in source and source != "example":
        return Kept(source, store().name(source))
    with path.open("rb") as file:
        return Kept(store().put(file, path.name), path.name)


def keep_bytes(content: bytes, name: str) -> Kept:
    """Put a file that was made here into the store."""
    return Kept(store().put(io.BytesIO(content), name), name)


@st.cache_data(max_entries=8, show_spinner=False)
def open_labels(digest: str) -> np.ndarray:
    """The label map of a run, Int32[h w].

    Raises:
        InspectionError: it is gone, or no label map.
    """
    with store().path(digest).open("rb") as file:
        return read_labels(file)


@st.cache_resource
def _images() -> Recent[Image]:
    return Recent(IMAGE_BYTES, lambda image: image.pixels.nbytes + image.samples.nbytes)


@st.cache_resource
def _checkpoints() -> Recent[Checkpoint]:
    return Recent(OPEN_CHECKPOINTS, lambda _: 1)


@st.cache_resource
def _networks() -> Recent[Network]:
    return Recent(NETWORK_BYTES, _weight)


def _weight(network: Network) -> int:
    return sum(tensor.nbytes for tensor in network.module.state_dict().values())


def example_scene(name: str) -> Path:
    """The picture of the example with this stem; the first one where there is none."""
    return next((path for path in examples.SCENES if path.stem == name), examples.SCENES[0])


def open_image(source: str) -> Image:
    """Decode the picture, once for everybody.

    Raises:
        InspectionError: it cannot be decoded, or is not here any more.
    """
    return _images().get_or_make(source, lambda: decode_image(_picture_path(source).read_bytes()))


def _picture_path(source: str) -> Path:
    if source.startswith("example:"):
        return example_scene(source.removeprefix("example:"))
    return store().path(source)


def open_truth(source: str, colors: np.ndarray, size: tuple[int, int]) -> Truth | None:
    """Read the ground-truth mask, if there is one.

    Raises:
        InspectionError: it cannot be read, or its size is not the picture's.
    """
    if not source:
        return None
    return decode_truth(_truth_path(source).read_bytes(), colors, size)


def _truth_path(source: str) -> Path:
    if source.startswith("example:"):
        return examples.mask_of(example_scene(source.removeprefix("example:")))
    return store().path(source)


def case_of(seen: Inspection, truth: Truth | None, now: Sources) -> Case:
    """Everything that a diagnosis may look at, from the bytes that the user gave."""
    from core.diagnosis import Case

    return Case(
        image=seen.image,
        checkpoint=open_checkpoint(now, lambda _: None),
        network=seen.network,
        settings=seen.settings,
        truth=truth,
        saved=store().path(now.saved).read_bytes() if now.saved else None,
        picture_file=_picture_path(now.picture).read_bytes(),
        truth_file=_truth_path(now.truth).read_bytes() if now.truth else None,
    )


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
        f"{now.checkpoint} {now.part}", lambda: _make_checkpoint(now, progress)
    )


def _network_key(now: Sources) -> str:
    return f"{now.checkpoint} {now.part} {now.choices}"


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
    path, name, digest = _checkpoint_file(now.checkpoint)
    progress(f"Reading {path.stat().st_size / 1e6:.0f} MB")
    checkpoint = read_checkpoint(
        path,
        name=name,
        digest=digest,
        folder=DATA_FOLDER / "canonical",
        choice=now.part,
        progress=progress,
    )
    if digest == _example_digest():  # of a run too
        return replace(checkpoint, metadata={"class_names": list(examples.CLASS_NAMES)})
    return checkpoint


def clean_file(checkpoint: Checkpoint, kind: str) -> bytes:
    """The weights alone, as a file to download."""
    from core.checkpoint.clean import write_clean

    folder = DATA_FOLDER / "clean"
    path = write_clean(checkpoint, kind, folder)  # type: ignore[arg-type]
    forget_oldest(folder, "*.*", CLEAN_BYTES, keep=path.name)
    return path.read_bytes()


def _checkpoint_file(source: str) -> tuple[Path, str, str]:
    """Path, the user's name, SHA-256."""
    if source == "example" or source.startswith("folder:"):
        path = examples.CHECKPOINT if source == "example" else _allowed_path(source)
        with path.open("rb") as file:
            return path, path.name, hashlib.file_digest(file, "sha256").hexdigest()
    return store().path(source), store().name(source), source


@cache
def _example_digest() -> str:
    return _checkpoint_file("example")[2]


def _allowed_path(source: str) -> Path:
    """Follow links first, so that nothing outside the allowed folder is reached."""
    folder = Path(ALLOWED_FOLDER).resolve()
    path = (folder / source.removeprefix("folder:")).resolve()
    if not ALLOWED_FOLDER or not path.is_relative_to(folder) or not path.is_file():
        raise CheckpointError(
            "This address points to a file that is not in the folder that this server allows.",
            remedy="Choose a checkpoint in the sidebar, or upload it.",
        )
    return path


def allowed_files() -> list[str]:
    """Sources of the checkpoints below the allowed folder, at most 500."""
    if not ALLOWED_FOLDER:
        return []
    folder = Path(ALLOWED_FOLDER)
    files = sorted(path for path in folder.rglob("*") if path.suffix in WEIGHTS)
    return [f"folder:{path.relative_to(folder)}" for path in files[:500]]


def checkpoint_name(source: str) -> str:
    """What to call a checkpoint on the page."""
    if source == "example":
        return f"{examples.CHECKPOINT.name} (example)"
    return source.partition(":")[2] if ":" in source else store().name(source)


def picture_name(source: str) -> str:
    """What to call a picture or a mask on the page."""
    if not source:
        return "none"
    return source.partition(":")[2] if ":" in source else store().name(source)
