"""What a user has on the disk, and how it becomes a case: through the real decoders and readers."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from core.architectures import Network, build_network
from core.checkpoint import Checkpoint, read_checkpoint
from core.colors import palette_colors
from core.diagnosis import Case, others_in
from core.engine import Runner, in_this_thread
from core.errors import InspectionError
from core.image import decode_image
from core.inspection import Inspection, run_stages
from core.scores import Truth, as_two_classes, decode_truth
from core.settings import Display, Settings

COLORS = 256  # of a palette that is asked what colors mean


@dataclass(frozen=True)
class Material:
    """Files as bytes, and the settings beside them."""

    picture: bytes
    checkpoint: bytes
    name: str  # of the checkpoint's file
    settings: Settings
    truth: bytes | None = None
    saved: bytes | None = None  # what the user's own script wrote

    @property
    def weights(self) -> dict[str, torch.Tensor]:
        """The state_dict in the file, which is one or has one at "model"."""
        loaded = torch.load(io.BytesIO(self.checkpoint), weights_only=True)
        loaded = loaded.get("model", loaded)
        return {
            key: tensor.clone(memory_format=torch.contiguous_format)
            for key, tensor in loaded.items()
        }


def case_of(material: Material) -> Case:
    """Open every file as the app does; what cannot be opened is None, with the reason.

    Raises:
        ImageError: the picture cannot be decoded, so there is nothing to explain.
    """
    image = decode_image(material.picture)
    checkpoint, network, error = opened(material.checkpoint, material.name)

    def open_part(part: str) -> tuple[Checkpoint, Network]:
        other, its_network, refused = opened(material.checkpoint, material.name, part)
        if other is None or its_network is None:
            raise refused or ValueError("this part has no network")
        return other, its_network

    size = image.pixels.shape[:2]
    truth, refused = _truth(material, (size[0], size[1]))
    truth = as_two_classes(truth, max(2, network.num_classes) if network else COLORS)
    return Case(
        image,
        checkpoint,
        network,
        material.settings,
        truth,
        material.saved,
        error or refused,
        picture_file=material.picture,
        others=others_in(checkpoint, open_part) if checkpoint else {},
        truth_file=material.truth,
    )


def inspect_material(material: Material, forward: Runner = in_this_thread) -> Inspection:
    """What the network says under these settings; `forward` is the door to it.

    Raises:
        InspectionError: there is no network, or a stage cannot be computed.
    """
    case = case_of(material)
    if case.network is None:
        raise case.error or ValueError("this material has no network")
    return run_stages(case.image, case.network, material.settings, forward=forward)


@lru_cache(maxsize=8)
def opened(
    content: bytes, name: str, part: str = ""
) -> tuple[Checkpoint | None, Network | None, InspectionError | None]:
    """Read the checkpoint's file and build its network; the last ones are kept."""
    path = _folder() / f"{hashlib.sha256(content).hexdigest()[:16]}{Path(name).suffix}"
    path.write_bytes(content)
    checkpoint = None
    try:
        digest = hashlib.sha256(content).hexdigest()
        checkpoint = read_checkpoint(path, name=name, digest=digest, choice=part)
        return checkpoint, build_network(checkpoint), None
    except InspectionError as error:
        return checkpoint, None, error


@lru_cache(maxsize=1)
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="maskscope-materials-"))


def _truth(
    material: Material, size: tuple[int, int]
) -> tuple[Truth | None, InspectionError | None]:
    if material.truth is None:
        return None, None
    try:
        colors = palette_colors(Display(palette=material.settings.display.palette), COLORS)
        return decode_truth(material.truth, colors, size), None
    except InspectionError as error:
        return None, error


def picture_file(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """UInt8[h w], UInt8[h w 3], UInt8[h w 4] or UInt16[h w] as a file."""
    return file_of(PillowImage.fromarray(pixels), kind, **options)


def file_of(picture: PillowImage.Image, kind: str = "PNG", **options: object) -> bytes:
    """A Pillow picture as a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def weights_file(weights: Mapping[str, Any]) -> bytes:
    """A state_dict as torch.save writes it."""
    file = io.BytesIO()
    torch.save(weights, file)
    return file.getvalue()
