"""The exported script beside a file of its owner, run here, and the label map it has to write."""

from __future__ import annotations

import io
import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from PIL import Image
from torch import nn

from core.architectures import Network
from core.checkpoint import Checkpoint
from core.export.label_map import label_png
from core.export.script import inference_script
from core.image import picture_of
from core.inference import forward
from core.inspection import Inspection
from core.labels import decode_labels
from core.preprocess import preprocess
from core.settings import Settings, change


def scene(size: tuple[int, int] = (70, 54)) -> bytes:
    """A PNG of soft colors, width and height as given."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    channels = [rows * 3, columns * 2, (rows * columns) // 9]
    pixels = np.stack(channels, axis=-1) % 256
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def of_a_repository(name: str, **contents: object) -> dict[str, ModuleType]:
    """Modules to be found under a dotted name, the last with these contents."""
    made = {}
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        made[".".join(parts[:end])] = ModuleType(".".join(parts[:end]))
    vars(made[name]).update(contents)
    return made


class Returns(nn.Module):
    """A network that hands its logits out as its repository does."""

    def __init__(self, module: nn.Module, wrap: object) -> None:
        super().__init__()
        self.__dict__["inner"], self.wrap = module, wrap

    def load_state_dict(self, weights: object, strict: bool = True) -> object:
        return self.inner.load_state_dict(weights, strict=strict)

    def eval(self) -> nn.Module:
        self.inner.eval()
        return self

    def to(self, **options: object) -> nn.Module:
        self.inner.to(**options)
        return self

    def forward(self, x: torch.Tensor) -> object:
        return self.wrap(self.inner(x))


def label_maps(
    network: Network,
    checkpoint: Checkpoint,
    place: Path,
    modules: dict[str, ModuleType],
    monkeypatch: object,
    picture: bytes | None = None,
    **changes: object,
) -> tuple[bytes, bytes]:
    """What the script writes beside the checkpoint's file, and what the app shows.

    Args:
        network: the rebuilt network.
        checkpoint: its file lies in `place`.
        place: a folder of the test's own.
        modules: what the script finds beside itself.
        monkeypatch: pytest's.
        picture: the bytes of a NIfTI volume in place of `scene`.
        changes: of the settings.
    """
    settings = change(Settings(), **({"resize": "fixed", "height": 64, "width": 96} | changes))
    content = picture or scene()
    image = picture_of(content, settings.preprocessing, guarded=False)
    tensor = preprocess(image, settings.preprocessing)
    logits = forward(network, tensor, settings.forwarding, size=image.pixels.shape[:2])
    labels = decode_labels(logits.values, settings.decoding)
    inspection = Inspection(image, network, settings, tensor, logits, labels)
    (place / "inference.py").write_text(inference_script(inspection, checkpoint))
    name = "picture.nii" if picture else "picture.png"
    (place / name).write_bytes(content)
    for path, module in modules.items():
        monkeypatch.setitem(sys.modules, path, module)
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["inference.py", name, "labels.png"])
    runpy.run_path("inference.py", run_name="__main__")
    return (place / "labels.png").read_bytes(), label_png(labels, settings.display)
