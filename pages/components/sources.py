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
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

import examples
from core.errors import CheckpointError
from core.image import Image, decode_image
from core.recent import Recent
from core.scores import Truth, decode_truth
from core.store import Store

if TYPE_CHECKING:  # torch loads with the first network, not with the page
    from core.architectures import Network

DATA_FOLDER = Path(os.environ.get("MASKSCOPE_DATA", Path.home() / ".cache" / "maskscope"))
ALLOWED_FOLDER = os.environ.get("MASKSCOPE_CHECKPOINTS", "")
NETWORK_BYTES = 2 * 2**30  # all open networks together: eight of ResNet-101
IMAGE_BYTES = 512 * 2**20
WEIGHTS = (".pth", ".pt", ".ckpt", ".tar", ".pkl", ".safetensors")

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


@st.cache_resource
def store() -> Store:
    """The uploads of everybody, on disk."""
    return Store(DATA_FOLDER / "uploads")


@st.cache_resource
def _images() -> Recent[Image]:
    return Recent(IMAGE_BYTES, lambda image: image.pixels.nbytes + image.samples.nbytes)


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
    if source.startswith("example:"):
        path = examples.mask_of(example_scene(source.removeprefix("example:")))
    else:
        path = store().path(source)
    return decode_truth(path.read_bytes(), colors, size)


def is_open(source: str) -> bool:
    """Whether this checkpoint's network is ready, so that nothing needs a progress bar."""
    return _networks().get(source) is not None


def open_network(source: str, progress: Callable[[str], None]) -> Network:
    """Read the checkpoint and rebuild its network, once for everybody.

    Raises:
        InspectionError: it cannot be read, or fits no network that we can build.
    """
    return _networks().get_or_make(source, lambda: _make_network(source, progress))


def _make_network(source: str, progress: Callable[[str], None]) -> Network:
    progress("Starting PyTorch")
    from core.architectures import build_network, load_pretrained
    from core.checkpoint import read_checkpoint

    if source.startswith("torchvision:"):
        return load_pretrained(source.removeprefix("torchvision:"), progress)
    path, name, digest = _checkpoint_file(source)
    progress(f"Reading {path.stat().st_size / 1e6:.0f} MB")
    checkpoint = read_checkpoint(
        path, name=name, digest=digest, folder=DATA_FOLDER / "canonical", progress=progress
    )
    progress("Rebuilding the network")
    network = build_network(checkpoint)
    if source == "example":
        return replace(network, class_names=examples.CLASS_NAMES)
    return network


def _checkpoint_file(source: str) -> tuple[Path, str, str]:
    """Path, the user's name, SHA-256."""
    if source == "example" or source.startswith("folder:"):
        path = examples.CHECKPOINT if source == "example" else _allowed_path(source)
        with path.open("rb") as file:
            return path, path.name, hashlib.file_digest(file, "sha256").hexdigest()
    return store().path(source), store().name(source), source


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
