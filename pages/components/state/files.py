"""The files behind sources: kept in the store, found again, decoded once for everybody."""

from __future__ import annotations

import hashlib
import io
import os
from functools import cache
from pathlib import Path

import numpy as np
import streamlit as st

import examples
from core.errors import CheckpointError, MissingFileError
from core.image import Image, Raster, picture_of, read_guarded, read_raster
from core.image.nifti import MIDDLE
from core.recent import Recent
from core.scores import Truth, decode_truth
from core.settings import Preprocessing
from core.store import Kept, Role, Store, data_folder, open_store, read_labels
from core.timing import timed
from pages.components.state.sources import WEIGHTS, Sources

DATA_FOLDER = data_folder()
ALLOWED_FOLDER = os.environ.get("MASKSCOPE_CHECKPOINTS", "")
IMAGE_BYTES = 512 * 2**20
TRUTH_BYTES = 128 * 2**20


@st.cache_resource
def store() -> Store:
    """The uploads of everybody, in a folder or where the host wants them."""
    return open_store(DATA_FOLDER)


def keep_files(now: Sources, *, weights: bool) -> dict[Role, Kept]:
    """Put everything that is open into the store, the example's files too: they may change.

    Args:
        now: what is open.
        weights: whether the checkpoint is among it; torchvision's own is known by its name.

    Raises:
        InspectionError: a file is gone, or there is no room.
    """
    paths = {"picture": picture_path(now.picture)}
    if now.truth:
        paths["truth"] = truth_path(now.truth)
    if now.saved:
        paths["saved"] = store().path(now.saved)
    if weights and not now.checkpoint.startswith("torchvision:"):
        paths["checkpoint"] = checkpoint_file(now.checkpoint)[0]
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
def _truths() -> Recent[Raster]:
    return Recent(TRUTH_BYTES, lambda raster: raster.values.nbytes)


def _is_ours(source: str) -> bool:
    """Whether a file is decoded here, and not in a process with little time and memory."""
    return source.startswith("example:")


def example_scene(name: str) -> Path:
    """The picture of the example with this stem; the first one where there is none."""
    return next((path for path in examples.SCENES if path.stem == name), examples.SCENES[0])


def open_image(source: str, chosen: Preprocessing | None = None) -> Image:
    """Decode the picture, once for everybody.

    Args:
        source: of the picture.
        chosen: which bands, which slice and which window; None for the usual ones.

    Raises:
        InspectionError: it cannot be decoded, or is not here any more.
    """
    how = chosen or Preprocessing()

    def decoded() -> Image:
        content = picture_path(source).read_bytes()
        with timed("decode"):
            return picture_of(content, how, guarded=not _is_ours(source))

    return _images().get_or_make(f"{source} {how.bands} {how.cut} {how.shown}", decoded)


def picture_path(source: str) -> Path:
    """Where the bytes of a picture are."""
    if source.startswith("example:"):
        return example_scene(source.removeprefix("example:"))
    return store().path(source)


def open_truth(
    source: str, colors: np.ndarray, size: tuple[int, int], cut: tuple[int, int] = MIDDLE
) -> Truth | None:
    """Read the ground-truth mask, if there is one; of a volume the slice of the picture.

    Raises:
        InspectionError: it cannot be read, or its size is not the picture's.
    """
    if not source:
        return None

    def read(content: bytes) -> Raster:
        reader = read_raster if _is_ours(source) else read_guarded
        return _truths().get_or_make(f"{source} {cut}", lambda: reader(content, cut=cut))

    return decode_truth(truth_path(source).read_bytes(), colors, size, read=read)


def truth_path(source: str) -> Path:
    """Where the bytes of a ground truth are."""
    if source.startswith("example:"):
        return examples.mask_of(example_scene(source.removeprefix("example:")))
    return store().path(source)


def checkpoint_file(source: str) -> tuple[Path, str, str]:
    """Path, the user's name, SHA-256."""
    if source == "example" or source.startswith("folder:"):
        path = examples.CHECKPOINT if source == "example" else _allowed_path(source)
        with path.open("rb") as file:
            return path, path.name, hashlib.file_digest(file, "sha256").hexdigest()
    return store().path(source), store().name(source), source


def version_of(source: str) -> str:
    """What tells a checkpoint in the host's folder from what replaces it; others never change.

    Raises:
        CheckpointError: it is not there any more.
    """
    if not source.startswith("folder:"):
        return ""
    now = _allowed_path(source).stat()
    return f"{now.st_size} bytes, {now.st_mtime_ns} ns, inode {now.st_ino}"


@cache
def example_digest() -> str:
    """SHA-256 of the example's checkpoint."""
    return checkpoint_file("example")[2]


def _allowed_path(source: str) -> Path:
    """Follow links first, so that nothing outside the allowed folder is reached."""
    folder = Path(ALLOWED_FOLDER).resolve()
    try:
        path = (folder / source.removeprefix("folder:")).resolve()
        allowed = bool(ALLOWED_FOLDER) and path.is_relative_to(folder) and path.is_file()
    except (OSError, ValueError):  # longer than a file's name may be, or with NUL in it
        allowed = False
    if not allowed:
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
    return _name(source)


def picture_name(source: str) -> str:
    """What to call a picture or a mask on the page."""
    if not source:
        return "none"
    return _name(source)


def _name(source: str) -> str:
    if ":" in source:
        return source.partition(":")[2]
    try:
        return store().name(source)
    except MissingFileError:
        return "an upload that is gone"
