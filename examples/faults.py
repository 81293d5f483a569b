"""Every fault that a user may have, seeded into the files and settings of a healthy case."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from core.colors import colorize, palette_colors
from core.diagnosis.causes import CAUSES
from core.labels import probabilities
from core.presets import PRESETS
from core.settings import Display, change
from examples.materials import (
    Material,
    file_of,
    inspect_material,
    picture_file,
    weights_file,
)
from examples.zoo.architectures import BUILDERS
from examples.zoo.networks import Member

Seed = Callable[[Material], Material]
Needs = Callable[[Member], bool]


@dataclass(frozen=True)
class Fault:
    """One fault: how it is made, and what it is to be called."""

    name: str
    causes: tuple[str, ...]  # ids of core.diagnosis.CAUSES that are right
    seed: Seed
    describe: str  # a sentence for the gallery
    needs: Needs = lambda member: True  # which networks can have it

    @property
    def on_truth(self) -> bool:
        """Whether it lies in the ground truth."""
        return CAUSES[self.causes[0]].stage == "truth"


# --- settings -------------------------------------------------------------------------------------


def _set(**changes: Any) -> Seed:
    return lambda material: replace(material, settings=change(material.settings, **changes))


def _preset(name: str, **more: Any) -> Seed:
    """Another convention; the channel order stays."""
    said = {k: v for k, v in PRESETS[name].changes.items() if k != "color"}
    return _set(**(said | more))


def _normalize_twice(material: Material) -> Material:
    """((x - m) / s - m) / s is (x - (m + m s)) / s^2."""
    now = material.settings.preprocessing
    pairs = list(zip(now.mean, now.std, strict=True))
    mean, std = tuple(m + m * s for m, s in pairs), tuple(s * s for _, s in pairs)
    return _set(mean=mean, std=std)(material)


def _divide_twice(material: Material) -> Material:
    return _set(divide_again=255 * material.settings.preprocessing.divide_again)(material)


def _swap(material: Material) -> Material:
    color = material.settings.preprocessing.color
    return _set(color="rgb" if color == "bgr" else "bgr")(material)


def _by_maximum(material: Material) -> Material:
    """A dark picture, divided by its own maximum."""
    pixels = _pixels(material) // 5
    return _set(scale="max")(replace(material, picture=picture_file(pixels)))


# --- the picture ----------------------------------------------------------------------------------


def _pixels(material: Material) -> np.ndarray:
    return np.array(PillowImage.open(io.BytesIO(material.picture)).convert("RGB"))


def _turned(material: Material) -> Material:
    """Stored on its side with a tag; the script that wrote the mask did not look at the tag."""
    stored = picture_file(np.rot90(_pixels(material)).copy())
    saved = _colored(replace(material, picture=stored)).saved
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    tagged = file_of(PillowImage.open(io.BytesIO(stored)), "PNG", exif=exif)
    return replace(material, picture=tagged, saved=saved, truth=None)


def _transparent(material: Material) -> Material:
    """The right half is transparent, and the script dropped the alpha channel."""
    pixels = _pixels(material)
    alpha = np.full((*pixels.shape[:2], 1), 255, np.uint8)
    alpha[:, pixels.shape[1] // 3 :] = 0
    saved = _colored(replace(material, picture=picture_file(pixels))).saved
    return replace(
        material, picture=picture_file(np.concatenate([pixels, alpha], 2)), saved=saved, truth=None
    )


def _sixteen_bits(material: Material) -> Material:
    gray = np.array(PillowImage.fromarray(_pixels(material)).convert("L")).astype(np.uint16) * 257
    deep = replace(material, picture=picture_file(gray), truth=material.truth)
    return _set(depth="file", scale="255")(deep)


def _other_world(material: Material) -> Material:
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


# --- the checkpoint -------------------------------------------------------------------------------


def _weights(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Seed:
    def seed(material: Material) -> Material:
        weights = material.weights
        edit(weights)
        return replace(material, checkpoint=weights_file(weights))

    return seed


def _head(weights: dict[str, torch.Tensor]) -> str:
    """The beginning of the last layer's names."""
    return [key for key in weights if key.endswith(".bias")][-1].removesuffix("bias")


def _fresh_head(weights: dict[str, torch.Tensor]) -> None:
    torch.manual_seed(1)
    weight = weights[_head(weights) + "weight"]
    layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 1)
    weights[_head(weights) + "weight"] = layer.weight.detach()
    weights[_head(weights) + "bias"] = layer.bias.detach()  # type: ignore[union-attr]


def _background_only(weights: dict[str, torch.Tensor]) -> None:
    bias = weights[_head(weights) + "bias"]
    if len(bias) == 1:
        bias -= 25
    else:
        bias[0] += 25


def _one_nan(weights: dict[str, torch.Tensor]) -> None:
    first = next(key for key in weights if key.endswith(".weight"))
    weights[first].view(-1)[0] = torch.nan


def _all_nan(weights: dict[str, torch.Tensor]) -> None:
    for tensor in weights.values():
        if tensor.is_floating_point():
            tensor.fill_(torch.nan)


def _never_updated(weights: dict[str, torch.Tensor]) -> None:
    for key, tensor in weights.items():
        if key.endswith("running_mean"):
            tensor.zero_()
        if key.endswith("running_var"):
            tensor.fill_(1)


def _mixed_up(weights: dict[str, torch.Tensor]) -> None:
    """Statistics of batches of one: far off in all layers."""
    generator = torch.Generator().manual_seed(0)
    for key, tensor in weights.items():
        noise = torch.randn(tensor.shape, generator=generator)
        if key.endswith("running_mean"):
            tensor += 2 * noise * tensor.std()
        if key.endswith("running_var"):
            tensor *= torch.exp(1.5 * noise)


def _overflowing(material: Material) -> Material:
    """The first convolution is a million times larger, and its BatchNorm undoes that."""
    weights = material.weights
    conv = next(key for key, tensor in weights.items() if tensor.ndim == 4)
    mean = next(key for key in weights if key.endswith("running_mean"))
    weights[conv] *= 1e6
    weights[mean] *= 1e6
    weights[mean.replace("_mean", "_var")] *= 1e12
    return _set(dtype="float16")(replace(material, checkpoint=weights_file(weights)))


def _renamed(material: Material) -> Material:
    """Saved under DataParallel; the script loaded nothing and predicted with random weights."""
    weights = material.weights
    torch.manual_seed(3)
    classes = len(weights[_head(weights) + "bias"])
    fresh = BUILDERS["unet"](next(iter(weights.values())).shape[1], classes)
    untrained = replace(material, checkpoint=weights_file(fresh.state_dict()))
    renamed = {f"module.{key}": value for key, value in weights.items()}
    return replace(material, checkpoint=weights_file(renamed), saved=_colored(untrained).saved)


def _foreign_aux(material: Material) -> Material:
    """The head was replaced for new classes, the aux head kept its 21, and is read."""
    torch.manual_seed(2)
    from torchvision.models.segmentation.fcn import FCNHead

    weights = material.weights
    aux = FCNHead(AUX_CHANNELS, 21)
    weights |= {f"aux_classifier.{key}": value for key, value in aux.state_dict().items()}
    return _set(head="aux")(replace(material, checkpoint=weights_file(weights)))


AUX_CHANNELS = 16  # of the block that torchvision's aux head reads, at a quarter of the width


# --- what the script wrote ------------------------------------------------------------------------


def _saved(write: Callable[[Any], bytes]) -> Seed:
    """`write` is given what the healthy network says."""
    return lambda material: replace(material, saved=write(inspect_material(material)))


def _palette() -> np.ndarray:
    return palette_colors(Display(palette="voc"), 256)


_colored = _saved(lambda seen: picture_file(colorize(seen.labels.ids, _palette())))


def _ids(seen: Any) -> np.ndarray:
    ids: np.ndarray = seen.labels.ids.astype(np.uint8)
    return ids


def _best(seen: Any) -> np.ndarray:
    values = seen.logits.values
    kind = "sigmoid" if len(values) == 1 else "softmax"
    best: np.ndarray = probabilities(values, kind).max(axis=0)
    return best


def _twice_activated(seen: Any) -> bytes:
    once = probabilities(seen.logits.values, "sigmoid")[0]
    return picture_file((255 / (1 + np.exp(-once))).astype(np.uint8))


def _small(seen: Any) -> bytes:
    """What torchvision's parts say before the model enlarges it."""
    module = seen.network.module
    features = module.backbone(seen.input.tensor)
    logits = module.classifier(features.get("out", features))
    return picture_file(_palette()[logits[0].argmax(0).numpy()])


def _without_one_color(seen: Any) -> bytes:
    colors = _palette().copy()
    colors[np.bincount(seen.labels.ids[seen.labels.ids > 0], minlength=2).argmax()] = 0
    return picture_file(colors[seen.labels.ids])


def _as_brightness(seen: Any) -> bytes:
    return file_of(PillowImage.fromarray(_palette()[seen.labels.ids]).convert("L"))


# --- the ground truth -----------------------------------------------------------------------------


def _truth(edit: Callable[[np.ndarray], np.ndarray], kind: str = "PNG") -> Seed:
    def seed(material: Material) -> Material:
        ids = np.array(PillowImage.open(io.BytesIO(material.truth or b"")))
        return replace(material, truth=picture_file(edit(ids).astype(np.uint8), kind))

    return seed


def _interpolated(ids: np.ndarray) -> np.ndarray:
    picture = PillowImage.fromarray(ids)
    half = picture.resize((ids.shape[1] // 2, ids.shape[0] // 2), PillowImage.Resampling.NEAREST)
    whole: np.ndarray = np.array(half.resize(picture.size, PillowImage.Resampling.BILINEAR))
    return whole


def _permuted(ids: np.ndarray) -> np.ndarray:
    return np.array([0, 2, 3, 4, 5, 1], np.uint8)[ids]


# --- which networks can have it -------------------------------------------------------------------


def _plain(member: Member) -> bool:
    """Fed without mean and std."""
    return member.family in ("unit", "bytes") and not any(member.convention["mean"])


def _usual(member: Member) -> bool:
    """Fed with mean and std of pixels from 0 to 1."""
    said = member.convention
    return said["scale"] == "255" and set(said["std"]) != {1.0} and not said["zscore"]


def _rare(member: Member) -> bool:
    """A z-score is not among them: what BatchNorm remembers of it looks like ImageNet's numbers."""
    return member.family == "divided again"


def _one(member: Member) -> bool:
    return member.classes == 1


def _many(member: Member) -> bool:
    return member.classes > 2


def _colors(member: Member) -> bool:
    return member.channels == 3


def _torchvision(member: Member) -> bool:
    return member.architecture in ("deeplab", "fcn", "lraspp")


def _file(member: Member) -> bool:
    """A plain state_dict, with BatchNorm."""
    return not member.exported


FAULTS: tuple[Fault, ...] = (
    Fault("pixels from 0 to 1 for normalized", ("P1",), _preset("unit"),
          "The network expects mean and std, the script only divides by 255.", _usual),
    Fault("pixels from 0 to 255 for normalized", ("P1",), _preset("bytes"),
          "The network expects normalized pixels, the script feeds the bytes.", _usual),
    Fault("divided by 255 twice", ("P2",), _divide_twice,
          "The script divides by 255, and ToTensor does so again.",
          lambda m: not _rare(m)),
    Fault("mean and std twice", ("P2",), _normalize_twice,
          "Normalized in the script and again in the transform.", _usual),
    Fault("16-bit scale for 8 bits", ("P2",), _set(scale="65535"),
          "A picture of 8 bits is divided by 65535.", _usual),
    Fault("ImageNet's numbers added", ("P3",), _preset("imagenet"),
          "The training only divided by 255, the tool adds ImageNet's mean and std.",
          lambda m: m.family == "unit" and _plain(m)),
    Fault("-1 to 1 for 0 to 1", ("P3",), _preset("symmetric"),
          "The training fed 0 to 1, the script -1 to 1.",
          lambda m: m.family == "unit" and _plain(m)),
    Fault("scale of 255 missing", ("P4",), _set(scale="1"),
          "A float array went through ToTensor, which does not scale it.", _usual),
    Fault("divided by its own maximum", ("P5",), _by_maximum,
          "A dark picture is divided by its maximum instead of 255.", _usual),
    Fault("red and blue swapped", ("P6",), _swap,
          "cv2.imread gives BGR, the network was trained on RGB, or the other way round.",
          _colors),
    Fault("a rare convention not followed", ("P7",), _preset("unit"),
          "The network was trained on a second division by 255; the script does not divide again.",
          _rare),
    Fault("training mode", ("B2",), _set(mode="train"),
          "The script forgot model.eval().", _file),
    Fault("half precision overflows", ("N2",), _overflowing,
          "An activation is over 65504, the largest number of float16.", _file),
    Fault("argmax over one channel", ("R1",), _set(rule="argmax"),
          "Argmax over one channel is always 0.", _one),
    Fault("softmax over one channel", ("R1",), _set(activation="softmax"),
          "Softmax over one channel is always 1.", _one),
    Fault("threshold on logits", ("R3",), _set(activation="none", threshold=0.9),
          "Logits are compared as if they were probabilities.", _one),
    Fault("threshold too high", ("R4",), _set(threshold=0.99999),
          "Nothing reaches the threshold.", _one),
    Fault("threshold too low", ("R4",), _set(threshold=1e-9),
          "Everything is over the threshold.", _one),
    Fault("sigmoid twice", ("R5",), _saved(_twice_activated),
          "The script applies a sigmoid to what went through one.", _one),
    Fault("argmax over rows", ("R6",),
          _saved(lambda seen: picture_file(seen.logits.values.argmax(1).astype(np.uint8))),
          "The batch dimension is missing, so argmax(1) runs over the rows.", _many),
    Fault("the background's channel", ("R7",),
          _saved(lambda seen: picture_file((1 - _ids(seen)) * 255)),
          "The script shows the channel of the background.", _one),
    Fault("not enlarged", ("R8",), _saved(_small),
          "The logits were never enlarged to the picture.", _torchvision),
    Fault("names of DataParallel", ("W1",), _renamed,
          "load_state_dict(strict=False) loaded nothing; the script predicted with chance.",
          lambda m: m.architecture == "unet" and _many(m)),
    Fault("head never trained", ("W3",), _weights(_fresh_head),
          "The last layer was made anew after loading.", lambda m: _file(m) and _many(m)),
    Fault("names of other classes", ("W4",),
          _set(class_names=tuple(f"class {k}" for k in range(21))),
          "The list of names is that of another network.", _many),
    Fault("aux head of other classes", ("W5", "R8"), _foreign_aux,
          "The aux head kept its 21 classes, and the script reads it.",
          lambda m: m.architecture in ("deeplab", "fcn")),
    Fault("a weight is NaN", ("W6",), _weights(_one_nan),
          "One tensor holds a number that is none.", _file),
    Fault("training ended in NaN", ("N1",), _weights(_all_nan),
          "The loss became NaN, and every weight after it.", _file),
    Fault("pictures of another world", ("W7",), _other_world,
          "The weights are right, for pictures of another kind.",
          lambda m: _file(m) and _many(m)),
    Fault("statistics never updated", ("B1",), _weights(_never_updated),
          "BatchNorm's statistics are those that it is made with.", _file),
    Fault("statistics mixed up", ("B1",), _weights(_mixed_up),
          "BatchNorm's statistics come from batches of one.", _file),
    Fault("only background learned", ("T1",), _weights(_background_only),
          "The background leads everywhere, whatever is fed.", _file),
    Fault("truth of 0 and 255", ("T2",), _truth(lambda ids: (ids > 0) * 255),
          "The ground truth says 255 where it means 1.", _one),
    Fault("truth spread over gray", ("T2",), _truth(lambda ids: ids.astype(int) * 50),
          "The ids were multiplied so that one can see them.", _many),
    Fault("truth shifted by one", ("T3",), _truth(lambda ids: ids.astype(int) + 1),
          "The ids begin at 1.", _many),
    Fault("truth with exchanged ids", ("T3",), _truth(_permuted),
          "The list of classes is in another order.", _many),
    Fault("truth interpolated", ("T4",), _truth(_interpolated),
          "The ground truth was resized with bilinear interpolation.", _many),
    Fault("much too small", ("S1",), _set(resize="fixed", height=48, width=48),
          "The picture is fed at a fraction of the training's size."),
    Fault("EXIF ignored", ("F1",), _turned,
          "The script ignored the tag that says the picture is on its side.", _many),
    Fault("transparency dropped", ("F2",), _transparent,
          "The script dropped the alpha channel and saw what lies beneath.", _many),
    Fault("gray for color", ("F3",), _set(color="gray"),
          "One channel is fed to a network of three.", _colors),
    Fault("color for gray", ("F3",), _set(color="rgb"),
          "Three channels are fed to a network of one.", lambda m: m.channels == 1),
    Fault("16 bits as 8", ("F4",), _sixteen_bits,
          "Samples of 16 bits are divided by 255.", lambda m: m.convention["scale"] == "255"),
    Fault("ids as gray levels", ("D1",), _saved(lambda seen: picture_file(_ids(seen))),
          "Ids 0 to 5 are 0 to 5 of 255: black to the eye."),
    Fault("probabilities cast", ("D2",),
          _saved(lambda seen: picture_file(_best(seen).astype(np.uint8))),
          "A cast to whole numbers makes 0 of every probability below 1."),
    Fault("ids times 255", ("D3",),
          _saved(lambda seen: picture_file(_ids(seen) * np.uint8(255))),
          "2 times 255 is 254 in 8 bits, 3 times 255 is 253.", _many),
    Fault("a class is black", ("D4",), _saved(_without_one_color),
          "One class has the color of the background.", _many),
    Fault("palette too short", ("D4",), _set(palette="custom", custom=("#000000", "#ff0000")),
          "The list of colors has two entries, the network six classes.", _many),
    Fault("palette as brightness", ("D5",), _saved(_as_brightness),
          "A colored mask was converted to gray.", _many),
    Fault("mask as JPEG", ("D6",),
          _saved(lambda seen: picture_file(_palette()[seen.labels.ids], "JPEG", quality=75)),
          "JPEG invents values at every edge.", _many),
    Fault("ids in 16 bits", ("D7",),
          _saved(lambda seen: picture_file(seen.labels.ids.astype(np.uint16))),
          "Ids in a file of 16 bits are shown as black.", _many),
)  # fmt: skip
