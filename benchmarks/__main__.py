"""`make bench`: what we do beside what one would do instead; medians of interleaved runs."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image as PillowImage
from torchvision.transforms import v2 as transforms

import examples
from benchmarks import reading
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.colors import colorize, palette_colors
from core.diagnosis.normalization.first_layer import gauge_of
from core.engine import Engine
from core.image import Image, decode_image
from core.inference import forward
from core.inspection import run_stages
from core.preprocess import preprocess
from core.presets import IMAGENET_MEAN, IMAGENET_STD, apply_preset
from core.settings import Settings, change
from pages.components.viewer.planes import result_plane

ROUNDS = 15


def main() -> None:
    """Print one line a comparison."""
    image = decode_image(examples.SCENES[0].read_bytes())
    path = examples.CHECKPOINT
    network = build_network(read_checkpoint(path, name=path.name, digest="example"))
    settings = apply_preset(Settings(), "imagenet")
    engine = Engine()
    seen = run_stages(image, network, settings, forward=engine.runner())
    tensor = preprocess(image, settings.preprocessing)
    size = image.pixels.shape[:2]

    def once() -> None:
        forward(network, tensor, settings.forwarding, size=size)

    _compare("a new mean, all stages", lambda: _fresh(image, network, settings),
             "the forward alone", once)  # fmt: skip
    threshold = change(settings, rule="per_class", threshold=0.4)
    _compare("a new threshold, all stages",
             lambda: run_stages(
                 image, network, threshold, forward=engine.runner(), previous=seen
             ),
             "the forward alone", once)  # fmt: skip
    _compare("planes of one answer", lambda: result_plane(seen, 1),
             "the same as four PNGs", lambda: _four_pngs(seen))  # fmt: skip
    _compare("preprocess()", lambda: preprocess(image, settings.preprocessing),
             "torchvision's ToImage, ToDtype, Normalize", lambda: _torchvision(image))  # fmt: skip
    gauge = gauge_of(network.module, tensor.base)
    assert gauge is not None
    _compare("the gauge, a new mean", lambda: gauge.divergence(tensor.gain, tensor.offset),
             "the forward alone", once)  # fmt: skip
    _compare("the gauge, a new picture", lambda: gauge_of(network.module, tensor.base),
             "the forward alone", once)  # fmt: skip
    contiguous = tensor.tensor.contiguous()
    plain = build_network(read_checkpoint(path, name=path.name, digest="plain")).module
    plain = plain.to(memory_format=torch.contiguous_format)
    with torch.inference_mode():
        _compare("forward, channels last", once, "forward, contiguous", lambda: plain(contiguous))
    reading.report()


def _fresh(image: Image, network: object, settings: Settings) -> None:
    run_stages(image, network, settings, forward=Engine().runner())  # type: ignore[arg-type]


def _four_pngs(seen: object) -> None:
    labels = seen.labels  # type: ignore[attr-defined]
    colors = palette_colors(seen.settings.display, labels.num_classes)  # type: ignore[attr-defined]
    mask = colorize(labels.ids, colors)
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


def _compare(
    name: str, ours: Callable[[], object], other: str, theirs: Callable[[], object]
) -> None:
    mine, reference = [], []
    ours(), theirs()  # warm up
    for _ in range(ROUNDS):
        mine.append(_seconds(ours))
        reference.append(_seconds(theirs))
    a, b = statistics.median(mine), statistics.median(reference)
    print(f"{name}: {a * 1e3:.1f} ms, {a / b:.2f} x {other} ({b * 1e3:.1f} ms)")


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
