"""Part `stages`: single stages of ours beside what one would write; on the example's network."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image as PillowImage
from torchvision.transforms import v2 as transforms

import examples
from benchmarks.performance.effort import Effort, Said, interleaved, table
from core.architectures import Network, build_network
from core.checkpoint import read_checkpoint
from core.colors import colorize, palette_colors
from core.diagnosis.normalization.first_layer import gauge_of
from core.engine import in_this_thread
from core.image import Image, decode_image
from core.inference import forward
from core.inspection import Inspection, run_stages
from core.preprocess import preprocess
from core.presets import IMAGENET_MEAN, IMAGENET_STD, apply_preset
from core.settings import Settings, change
from pages.components.viewer.planes import result_plane

Pair = tuple[str, Callable[[], object], str, Callable[[], object]]


def measure(effort: Effort) -> Said:
    """One row a comparison."""
    rows: list[tuple[object, ...]] = []
    for name, ours, other, theirs in _pairs():
        took = interleaved({"ours": ours, "theirs": theirs}, effort.rounds)
        rows.append((name, 1e3 * took["ours"], other, 1e3 * took["theirs"],
                     took["ours"] / took["theirs"]))  # fmt: skip
    return Said({}, table(("ours", "ms", "beside", "ms", "ours / beside"), rows))


def _pairs() -> list[Pair]:
    path = examples.CHECKPOINT
    image = decode_image(examples.SCENES[0].read_bytes())
    network = build_network(read_checkpoint(path, name=path.name, digest="example"))
    settings = apply_preset(Settings(), "imagenet")
    seen = run_stages(image, network, settings, forward=in_this_thread)
    threshold = change(settings, rule="per_class", threshold=0.4)

    def staged(chosen: Settings, previous: Inspection | None = None) -> Callable[[], object]:
        return lambda: run_stages(image, network, chosen, forward=in_this_thread, previous=previous)

    alone = _alone(image, network, settings)
    gauge = gauge_of(network.module, seen.input.base)
    assert gauge is not None
    return [
        ("a new mean, all stages", staged(settings), "the forward alone", alone),
        ("a new threshold, all stages", staged(threshold, seen), "the forward alone", alone),
        ("planes of one answer", lambda: result_plane(seen, 1),
         "the same as four PNGs", lambda: _four_pngs(seen)),
        ("preprocess()", lambda: preprocess(image, settings.preprocessing),
         "torchvision's ToImage, ToDtype, Normalize", lambda: _torchvision(image)),
        ("the gauge, a new mean", lambda: gauge.divergence(seen.input.gain, seen.input.offset),
         "the forward alone", alone),
        ("the gauge, a new picture", lambda: gauge_of(network.module, seen.input.base),
         "the forward alone", alone),
    ]  # fmt: skip


def _alone(image: Image, network: Network, settings: Settings) -> Callable[[], object]:
    tensor = preprocess(image, settings.preprocessing)
    size = image.pixels.shape[:2]
    return lambda: forward(network, tensor, settings.forwarding, size=size)


def _four_pngs(seen: Inspection) -> None:
    labels = seen.labels
    mask = colorize(labels.ids, palette_colors(seen.settings.display, labels.num_classes))
    gray = (labels.confidence * 255).astype(np.uint8)
    for pixels in (mask, gray, gray, mask):
        PillowImage.fromarray(pixels).save(io.BytesIO(), "PNG")


def _torchvision(image: Image) -> None:
    transforms.Compose(
        [
            transforms.ToImage(),
            transforms.ToDtype(torch.float32, scale=True),
            transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )(PillowImage.fromarray(image.pixels))
