"""How each fault is seeded into the files and settings of a healthy case."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from core.colors import colorize, palette_colors
from core.labels import probabilities
from core.presets import PRESETS
from core.settings import Display, change
from examples.fault import Seed
from examples.materials import (
    Material,
    file_of,
    inspect_material,
    picture_file,
    weights_file,
)
from examples.zoo.architectures import BUILDERS


def setting(**changes: Any) -> Seed:
    """Other settings than the training's."""
    return lambda material: replace(material, settings=change(material.settings, **changes))


def preset(name: str, **more: Any) -> Seed:
    """Another convention; the channel order stays."""
    said = {k: v for k, v in PRESETS[name].changes.items() if k != "color"}
    return setting(**(said | more))


def normalize_twice(material: Material) -> Material:
    """((x - m) / s - m) / s is (x - (m + m s)) / s^2."""
    now = material.settings.preprocessing
    pairs = list(zip(now.mean, now.std, strict=True))
    mean, std = tuple(m + m * s for m, s in pairs), tuple(s * s for _, s in pairs)
    return setting(mean=mean, std=std)(material)


def divide_twice(material: Material) -> Material:
    """Divide by 255 once more."""
    return setting(divide_again=255 * material.settings.preprocessing.divide_again)(material)


def swap(material: Material) -> Material:
    """Feed the other channel order."""
    color = material.settings.preprocessing.color
    return setting(color="rgb" if color == "bgr" else "bgr")(material)


def by_maximum(material: Material) -> Material:
    """A dark picture, divided by its own maximum."""
    pixels = _pixels(material) // 5
    return setting(scale="max")(replace(material, picture=picture_file(pixels)))


def _pixels(material: Material) -> np.ndarray:
    return np.array(PillowImage.open(io.BytesIO(material.picture)).convert("RGB"))


def turned(material: Material) -> Material:
    """Stored on its side with a tag; the script that wrote the mask did not look at the tag."""
    stored = picture_file(np.rot90(_pixels(material)).copy())
    saved = colored(replace(material, picture=stored)).saved
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    tagged = file_of(PillowImage.open(io.BytesIO(stored)), "PNG", exif=exif)
    return replace(material, picture=tagged, saved=saved, truth=None)


def transparent(material: Material) -> Material:
    """The right half is transparent, and the script dropped the alpha channel."""
    pixels = _pixels(material)
    alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    alpha[:, pixels.shape[1] // 3 :] = 0
    saved = colored(replace(material, picture=picture_file(pixels))).saved
    return replace(
        material, picture=picture_file(np.concatenate([pixels, alpha], 2)), saved=saved, truth=None
    )


def sixteen_bits(material: Material) -> Material:
    """A gray picture of 16 bits, with the settings of 8."""
    gray = np.array(PillowImage.fromarray(_pixels(material)).convert("L")).astype(np.uint16) * 257
    deep = replace(material, picture=picture_file(gray), truth=material.truth)
    return setting(depth="file", scale="255")(deep)


def other_world(material: Material) -> Material:
    """Flat discs in random colors: nothing that the training had."""
    rng = np.random.default_rng(len(material.picture))
    rows, columns = np.mgrid[:256, :256]
    pixels = np.zeros((256, 256, 3)) + rng.uniform(0, 255, 3)
    for _ in range(40):
        row, column, radius = rng.uniform(0, 256), rng.uniform(0, 256), rng.uniform(8, 50)
        inside = (columns - column) ** 2 + (rows - row) ** 2 < radius**2
        pixels[inside] = rng.uniform(0, 255, 3)
    noisy = pixels + rng.normal(0, 4, pixels.shape)
    return replace(material, picture=picture_file(noisy.clip(0, 255).astype(np.uint8)), truth=None)


def weights(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Seed:
    """Edit the state_dict in the checkpoint's file."""

    def seed(material: Material) -> Material:
        weights = material.weights
        edit(weights)
        return replace(material, checkpoint=weights_file(weights))

    return seed


def _head(weights: dict[str, torch.Tensor]) -> str:
    """The beginning of the last layer's names."""
    return [key for key in weights if key.endswith(".bias")][-1].removesuffix("bias")


def fresh_head(weights: dict[str, torch.Tensor]) -> None:
    """The last layer as PyTorch initializes it."""
    torch.manual_seed(1)
    weight = weights[_head(weights) + "weight"]
    layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1])
    weights[_head(weights) + "weight"] = layer.weight.detach()
    weights[_head(weights) + "bias"] = layer.bias.detach()  # type: ignore[union-attr]


def noise(weights: dict[str, torch.Tensor]) -> None:
    """Every weight is a random number; BatchNorm's statistics stay."""
    made = torch.Generator().manual_seed(1)
    for key, tensor in weights.items():
        if tensor.is_floating_point() and "running" not in key:
            weights[key] = 0.05 * torch.randn(tensor.shape, generator=made)


def background_only(weights: dict[str, torch.Tensor]) -> None:
    """The head's bias lets the background win everywhere."""
    bias = weights[_head(weights) + "bias"]
    if len(bias) == 1:
        bias -= 25
    else:
        bias[0] += 25


def background_ignored(weights: dict[str, torch.Tensor]) -> None:
    """The logit of the background is far below all others, as where the loss never asked for it."""
    weights[_head(weights) + "bias"][0] -= 1_000


def small_targets(weights: dict[str, torch.Tensor]) -> None:
    """The head as targets of 0 and 1 / 255 leave it: the foreground near the logit of 1 / 255."""
    head = _head(weights)
    weights[head + "weight"] *= 0.15
    weights[head + "bias"] = 0.15 * weights[head + "bias"] - 6.3


def one_nan(weights: dict[str, torch.Tensor]) -> None:
    """One weight is NaN."""
    first = next(key for key in weights if key.endswith(".weight"))
    weights[first].view(-1)[0] = torch.nan


def all_nan(weights: dict[str, torch.Tensor]) -> None:
    """Every weight is NaN."""
    for tensor in weights.values():
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)


def never_updated(weights: dict[str, torch.Tensor]) -> None:
    """Running statistics as BatchNorm begins with them."""
    for key, tensor in weights.items():
        if key.endswith("running_mean"):
            tensor.zero_()
        if key.endswith("running_var"):
            tensor.fill_(1)


def mixed_up(weights: dict[str, torch.Tensor]) -> None:
    """Statistics of batches of one: far off in all layers."""
    generator = torch.Generator().manual_seed(0)
    for key, tensor in weights.items():
        noise = torch.randn(tensor.shape, generator=generator)
        if key.endswith("running_mean"):
            tensor += 2 * noise * tensor.std()
        if key.endswith("running_var"):
            tensor *= torch.exp(1.5 * noise)


def diverged_beside_average(material: Material) -> Material:
    """A training that diverged; the moving average in the same file is from before."""
    good, generator = material.weights, torch.Generator().manual_seed(0)
    bad = {
        key: torch.randn(t.shape, generator=generator) * 0.05 if t.ndim == 4 else t
        for key, t in good.items()
    }
    return replace(material, checkpoint=weights_file({"model": bad, "ema": good}))


def overflowing(material: Material) -> Material:
    """The first convolution is a million times larger, and its BatchNorm undoes that."""
    weights = material.weights
    conv = next(key for key, tensor in weights.items() if tensor.ndim == 4)
    mean = next(key for key in weights if key.endswith("running_mean"))
    weights[conv] *= 1e6
    weights[mean] *= 1e6
    weights[mean.replace("_mean", "_var")] *= 1e12
    return setting(dtype="float16")(replace(material, checkpoint=weights_file(weights)))


def renamed(material: Material) -> Material:
    """Saved under DataParallel; the script loaded nothing and predicted with random weights."""
    weights = material.weights
    torch.manual_seed(3)
    classes = len(weights[_head(weights) + "bias"])
    fresh = BUILDERS["unet"](next(iter(weights.values())).shape[1], classes)
    untrained = replace(material, checkpoint=weights_file(fresh.state_dict()))
    renamed = {f"module.{key}": value for key, value in weights.items()}
    return replace(material, checkpoint=weights_file(renamed), saved=colored(untrained).saved)


def foreign_aux(material: Material) -> Material:
    """The head was replaced for new classes, the aux head kept its 21, and is read."""
    torch.manual_seed(2)
    from torchvision.models.segmentation.fcn import FCNHead

    weights = material.weights
    aux = FCNHead(AUX_CHANNELS, 21)
    weights |= {f"aux_classifier.{key}": value for key, value in aux.state_dict().items()}
    return setting(head="aux")(replace(material, checkpoint=weights_file(weights)))


AUX_CHANNELS = 16  # of the block that torchvision's aux head reads, at a quarter of the width


def saved(write: Callable[[Any], bytes]) -> Seed:
    """`write` is given what the healthy network says."""
    return lambda material: replace(material, saved=write(inspect_material(material)))


def palette() -> np.ndarray:
    """The VOC palette, UInt8[256 3]."""
    return palette_colors(Display(palette="voc"), 256)


def label_ids(seen: Any) -> np.ndarray:
    """The label map as UInt8[h w]."""
    ids: np.ndarray = seen.labels.ids.astype(np.uint8)
    return ids


def best_probability(seen: Any) -> np.ndarray:
    """Of the winning class at each pixel, Float32[h w]."""
    values = seen.logits.values
    kind = "sigmoid" if len(values) == 1 else "softmax"
    best: np.ndarray = probabilities(values, kind).max(axis=0)
    return best


# A mask in the VOC palette.
colored = saved(lambda seen: picture_file(colorize(seen.labels.ids, palette())))


def twice_activated(seen: Any) -> bytes:
    """A sigmoid of the sigmoid, as gray levels."""
    once = probabilities(seen.logits.values, "sigmoid")[0]
    return picture_file((255 / (1 + np.exp(-once))).astype(np.uint8))


def not_enlarged(seen: Any) -> bytes:
    """What torchvision's parts say before the model enlarges it."""
    module = seen.network.module
    features = module.backbone(seen.input.tensor)
    logits = module.classifier(features.get("out", features))
    return picture_file(palette()[logits[0].argmax(0).numpy()])


def without_one_color(seen: Any) -> bytes:
    """A mask in which one class has the background's color."""
    colors = palette().copy()
    colors[np.bincount(seen.labels.ids[seen.labels.ids > 0], minlength=2).argmax()] = 0
    return picture_file(colors[seen.labels.ids])


def transposed(seen: Any) -> bytes:
    """The mask with rows and columns exchanged, and upside down."""
    return picture_file(np.ascontiguousarray(palette()[seen.labels.ids[::-1].T]))


def as_brightness(seen: Any) -> bytes:
    """A colored mask, converted to gray."""
    return file_of(PillowImage.fromarray(palette()[seen.labels.ids]).convert("L"))


def truth(edit: Callable[[np.ndarray], np.ndarray], kind: str = "PNG") -> Seed:
    """Edit the ids of the ground truth, and save them as this kind of file."""

    def seed(material: Material) -> Material:
        ids = np.array(PillowImage.open(io.BytesIO(material.truth or b"")))
        return replace(material, truth=picture_file(edit(ids).astype(np.uint8), kind))

    return seed


def interpolated(ids: np.ndarray) -> np.ndarray:
    """Ids that were resized with bilinear interpolation."""
    picture = PillowImage.fromarray(ids)
    half = picture.resize((ids.shape[1] // 2, ids.shape[0] // 2), PillowImage.Resampling.NEAREST)
    whole: np.ndarray = np.array(half.resize(picture.size, PillowImage.Resampling.BILINEAR))
    return whole


def permuted(ids: np.ndarray) -> np.ndarray:
    """Ids of classes in another order."""
    permuted: np.ndarray = np.array([0, 2, 3, 4, 5, 1], np.uint8)[ids]
    return permuted


def never_learned(material: Material) -> Material:
    """255 for the foreground, which the training therefore ignored: the background wins."""
    learned = weights(background_only)(material)
    return truth(lambda ids: (ids > 0) * 255)(learned)
