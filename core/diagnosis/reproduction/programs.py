"""Programs with a common mistake, repeated on this case: the label map or picture each gives."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.thresholds import REPEATED_CUTS
from core.image import TURNS, Image, decode_image, read_raster
from core.labels import probabilities
from core.presets import PRESETS
from core.settings import AFFINE, flatten


@dataclass(frozen=True, eq=False)
class Program:
    """One thing that people do."""

    cause: str
    words: str  # what was done, as the end of "your file is what ... writes"
    fix: str
    code: str
    make: Callable[[Measurements], np.ndarray]  # Int[h w], of any size
    exact: bool = False  # values are compared as they are, not as names of classes
    changes: Mapping[str, Any] = field(default_factory=dict)  # what undoes it in the settings


def without_forward(measured: Measurements) -> Iterator[Program]:
    """Other decisions and other savings of the same logits."""
    one = measured.channels == 1
    if one:
        yield Program(
            "R1",
            "argmax over the single channel",
            "Decide with a sigmoid and a threshold.",
            "mask = model(x).sigmoid()[0, 0] > 0.5",
            lambda f: np.zeros(f.case.image.pixels.shape[:2], np.int32),
        )
    yield Program(
        "D2",
        "a cast of the probabilities to uint8",
        "Decide first, then scale; a cast cuts every probability below 1 to 0.",
        "Image.fromarray((probs > 0.5).astype(np.uint8) * 255)",
        lambda f: _foreground(f).astype(np.int32),
        exact=True,
    )
    if measured.channels <= 2:
        yield from _thresholds(measured)
        yield Program(
            "R5",
            "a sigmoid applied twice",
            "Apply the sigmoid once.",
            "probs = model(x)  # the network ends in a sigmoid already",
            lambda f: (_twice(f) * 255).astype(np.int32),
            exact=True,
        )
    if measured.channels > 1:
        yield from _axes(measured)
    yield Program(
        "R8",
        "a decision at the size of the logits, never enlarged,",
        "Enlarge the logits to the picture before the decision.",
        "logits = F.interpolate(logits, size=image.shape[:2], mode='bilinear')",
        _small,
    )


def _foreground(measured: Measurements) -> np.ndarray:
    """Of the foreground where there are one or two channels, else of the winner: Float32[h w]."""
    values = measured.seen.logits.values
    if len(values) == 1:
        foreground: np.ndarray = probabilities(values, "sigmoid")[0]
        return foreground
    all_of_them = probabilities(values, "softmax")
    chosen: np.ndarray = all_of_them[1] if len(values) == 2 else all_of_them.max(axis=0)
    return chosen


def _twice(measured: Measurements) -> np.ndarray:
    once = _foreground(measured)
    again: np.ndarray = 1 / (1 + np.exp(-once))
    return again


def _thresholds(measured: Measurements) -> Iterator[Program]:
    yield Program(
        "R3",
        "comparing logits with 0.5, without a sigmoid,",
        "Apply the sigmoid, or compare the logits with 0.",
        "mask = model(x).sigmoid() > 0.5",
        lambda f: (f.seen.logits.values[-1] > 0.5).astype(np.int32),
    )
    for threshold in REPEATED_CUTS:
        if measured.rule[0] == "threshold" and threshold == measured.settings.decoding.threshold:
            continue
        yield Program(
            "R4",
            f"a threshold of {threshold:g}",
            "Use the threshold of the training; 0.5 where it is not known.",
            f"mask = probs > {measured.settings.decoding.threshold:g}",
            lambda f, t=threshold: (_foreground(f) > t).astype(np.int32),  # type: ignore[misc]
        )


def _axes(measured: Measurements) -> Iterator[Program]:
    for axis, name in ((1, "rows"), (2, "columns")):
        yield Program(
            "R6",
            f"argmax over the {name} instead of the classes",
            "Take the argmax over the classes: dimension 1 of [1 C h w].",
            "labels = logits.argmax(dim=1)[0]",
            lambda f, a=axis: f.seen.logits.values.argmax(axis=a).astype(np.int32),  # type: ignore[misc]
            exact=True,
        )


def _small(measured: Measurements) -> np.ndarray:
    """The decision at the size that the network returned."""
    ids = measured.seen.labels.ids
    height, width = measured.seen.logits.output_size
    rows = ((np.arange(height) + 0.5) * len(ids) / height).astype(int)
    columns = ((np.arange(width) + 0.5) * ids.shape[1] / width).astype(int)
    small: np.ndarray = ids[rows][:, columns]
    return small


# --- with a forward each --------------------------------------------------------------------------


def with_forward(measured: Measurements) -> Iterator[Program]:
    """Other inputs, modes and precisions; the likely ones first."""
    yield from _turned(measured)
    yield from _flattened(measured)
    yield _setting(
        "B2", "a forward in training mode", "Call eval() first.", "model.eval()", mode="train"
    )
    if measured.network.aux_classes is not None:
        yield _setting(
            "R8", "the aux head", "Read the head.", "logits = model(x)['out']", head="aux"
        )
    yield from _conventions(measured)
    yield _setting(
        "N2", "a forward in float16", "Run in float32.", "model.float()(x.float())", dtype="float16"
    )


def _setting(cause: str, words: str, fix: str, code: str, **changes: Any) -> Program:
    return Program(cause, words, fix, code, lambda f: f.under(changes).labels.ids)


def _conventions(measured: Measurements) -> Iterator[Program]:
    """The picture fed otherwise than the settings say."""
    now = flatten(measured.settings)
    color = "bgr" if now["color"] == "rgb" else "rgb"
    if now["color"] != "gray":
        yield _setting(
            "P6",
            "red and blue swapped",
            "Give the channels in the order of the training.",
            "image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
            color=color,
        )
    right = "x = (image / 255 - mean) / std"
    for words, changes in (
        ("feeding pixels of 0 to 1 without mean and std", _in_this_order("unit")),
        ("feeding pixels of 0 to 255", _in_this_order("bytes")),
    ):
        if any(now[name] != value for name, value in changes.items()):
            yield _setting("P1", words, "Normalize as in the training.", right, **changes)
    imagenet = _in_this_order("imagenet")
    if any(now[name] != value for name, value in imagenet.items()):
        yield _setting(
            "P3",
            "feeding with ImageNet's mean and std",
            "Leave mean and std out.",
            "x = image / 255",
            **imagenet,
        )
    if not now["zscore"]:
        double = _twice_normalized(now["mean"], now["std"])
        if double != (now["mean"], now["std"]):
            yield _setting(
                "P2",
                "the normalization applied twice",
                "Apply it once.",
                right,
                mean=double[0],
                std=double[1],
            )


def _in_this_order(preset: str) -> dict[str, Any]:
    """A preset's numbers, with the channels in the order that the settings have."""
    return {name: PRESETS[preset].changes[name] for name in AFFINE}


def _twice_normalized(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """((x - m) / s - m) / s as one mean and one std."""
    pairs = list(zip(mean, std, strict=True))
    return tuple(m + m * s for m, s in pairs), tuple(s * s for _, s in pairs)


def _turned(measured: Measurements) -> Iterator[Program]:
    file = measured.case.picture_file
    if measured.case.image.facts.orientation not in TURNS or file is None:
        return
    yield Program(
        "F1",
        "reading the picture as it is stored, not turned as its EXIF tag says,",
        "Turn the picture when it is opened.",
        "image = ImageOps.exif_transpose(Image.open(path))",
        lambda f: f.of_picture(as_stored(file)).labels.ids,
    )


def as_stored(file: bytes) -> Image:
    """The picture without its EXIF tag and without its transparency."""
    return _decoded(read_raster(file).as_pillow().convert("RGB"))


def _flattened(measured: Measurements) -> Iterator[Program]:
    file = measured.case.picture_file
    if not measured.case.image.facts.alpha or file is None:
        return
    for words, make in (
        ("looking under transparent pixels", as_stored),
        ("laying transparent pixels on black", on_black),
    ):
        yield Program(
            "F2",
            words,
            "Lay the picture on the background of the training.",
            "image = Image.alpha_composite(background, image.convert('RGBA')).convert('RGB')",
            lambda f, m=make: f.of_picture(m(file)).labels.ids,  # type: ignore[misc]
        )


def on_black(file: bytes) -> Image:
    """The picture with black under its transparency."""
    return decode_image(file, background=(0, 0, 0))


def _decoded(picture: PillowImage.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return decode_image(file.getvalue())
