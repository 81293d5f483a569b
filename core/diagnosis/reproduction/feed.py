"""Array to tensor, and tensor to logits: layout, numbers, precision, mode, head and views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from core.diagnosis.reproduction.program import Choice
from core.diagnosis.thresholds import BYTE_VALUES
from core.presets import PRESETS
from core.settings import AFFINE, Forwarding, Preprocessing

# --- which axis is which --------------------------------------------------------------------------

AXES = "Give the array as [channels, height, width], not turned: permute(2, 0, 1)."
TURNS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], str]] = {
    # key: (words, function of [h w ...], the same in Python)
    "mirrored": ("the picture mirrored", lambda a: a[:, ::-1], "image[:, ::-1]"),
    "flipped": ("the picture upside down", lambda a: a[::-1], "image[::-1]"),
    "half turn": (
        "the picture turned by 180 degrees",
        lambda a: a[::-1, ::-1],
        "image[::-1, ::-1]",
    ),
    "transposed": (
        "height and width exchanged, as by transpose(2, 1, 0),",
        lambda a: a.swapaxes(0, 1),
        "image.swapaxes(0, 1)",
    ),
    "quarter turn": (
        "the picture turned by 90 degrees",
        lambda a: np.rot90(a),
        "np.rot90(image)",
    ),
    "three quarters": (
        "the picture turned by 270 degrees",
        lambda a: np.rot90(a, 3),
        "np.rot90(image, 3)",
    ),
    "other diagonal": (
        "the picture mirrored at its other diagonal",
        lambda a: np.rot90(a, 2).swapaxes(0, 1),
        "np.rot90(image, 2).swapaxes(0, 1)",
    ),
}
PERMUTED = "x = torch.from_numpy(np.array({})).permute(2, 0, 1)[None].double()"
RESHAPED = "x = torch.from_numpy(np.array(image)).reshape(1, -1, *image.shape[:2]).double()"


def layout_choices() -> Iterator[Choice]:
    """[h w c] to [1 c h w], the right way first."""
    yield Choice("layout", "permute", "permute(2, 0, 1)", (PERMUTED.format("image"),))
    for key, (words, _, code) in TURNS.items():
        yield Choice("layout", key, words, (PERMUTED.format(code),), "F7", AXES)
    words = "a reshape in place of permute"
    yield Choice("layout", "reshape", words, (RESHAPED,), "F7", AXES)


def laid_out(image: np.ndarray, layout: str) -> np.ndarray:
    """[h w c] as it is fed, [c h w], of the same type."""
    if layout == "reshape":
        return np.ascontiguousarray(image).reshape(image.shape[2], *image.shape[:2])
    if layout in TURNS:
        image = TURNS[layout][1](image)
    return np.ascontiguousarray(image.transpose(2, 0, 1))


# --- scaling, mean and std ------------------------------------------------------------------------

CONVENTION = "Normalize as in the training."
NAMED = {  # preset: (words, cause)
    "unit": ("feeding pixels of 0 to 1 without mean and std", "P1"),
    "bytes": ("feeding pixels of 0 to 255", "P1"),
    "imagenet": ("feeding with ImageNet's mean and std", "P3"),
    "symmetric": ("feeding pixels of -1 to 1", "P3"),
    "caffe": ("feeding pixels of 0 to 255 minus Caffe's means", "P3"),
    "clip": ("feeding with CLIP's mean and std", "P3"),
    "zscore": ("feeding z-scores of the picture", "P5"),
}


def numbers_choices(chosen: Preprocessing) -> Iterator[Choice]:
    """Scale, mean and std of the settings first; then what other scripts do."""
    right = {name: getattr(chosen, name) for name in AFFINE}
    channels = 1 if chosen.color == "gray" else 3
    yield _numbers("right", "the normalization of the settings", right, "", channels)
    seen = [right]
    for key, words, cause, changes in _otherwise(right):
        if changes not in seen:
            seen.append(changes)
            yield _numbers(key, words, changes, cause, channels)


def _otherwise(right: dict[str, Any]) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    for name, (words, cause) in NAMED.items():
        yield name, words, cause, {key: PRESETS[name].changes[key] for key in AFFINE}
    if not right["zscore"]:
        pairs = list(zip(right["mean"], right["std"], strict=True))
        twice = {
            "mean": tuple(m + m * s for m, s in pairs),  # ((x - m) / s - m) / s
            "std": tuple(s * s for _, s in pairs),
        }
        yield "twice", "the normalization applied twice", "P2", right | twice
    again = right | {"divide_again": right["divide_again"] * 255}
    yield "255 twice", "dividing by 255 twice", "P2", again
    if right["scale"] == "255":
        yield (
            "unscaled",
            "mean and std of pixels that were never scaled",
            "P4",
            right | {"scale": "1"},
        )
        yield "maximum", "dividing by the picture's own maximum", "P5", right | {"scale": "max"}


def _numbers(key: str, words: str, values: dict[str, Any], cause: str, channels: int) -> Choice:
    lines = tuple(_arithmetic(values, channels))
    return Choice("numbers", key, words, lines, cause, CONVENTION, tuple(values.items()))


def _arithmetic(values: Mapping[str, Any], channels: int) -> Iterator[str]:
    divisor = {"max": "image.max()"}.get(values["scale"], values["scale"])
    if divisor != "1":
        yield f"x = x / {divisor}"
    if values["zscore"]:
        yield "x = (x - x.mean((2, 3), True)) / x.std((2, 3), unbiased=False, keepdim=True)"
    elif any(values["mean"]) or set(values["std"]) != {1.0}:
        for name in ("mean", "std"):
            numbers = ", ".join(f"{value:.9g}" for value in values[name][:channels])
            yield f"{name} = torch.tensor([{numbers}], dtype=x.dtype).view(1, -1, 1, 1)"
        yield "x = (x - mean) / std"
    if values["divide_again"] != 1:
        yield f"x = x / {values['divide_again']:g}"


def normalized(planes: np.ndarray, values: Mapping[str, Any]) -> torch.Tensor:
    """[c h w] to Float32[1 c h w], computed in float64 and rounded once; of bytes by a table."""
    divisor = values["scale"]
    divisor = float(planes.max()) or 1.0 if divisor == "max" else float(divisor)
    if planes.dtype != np.uint8 or values["zscore"]:
        return _computed(torch.from_numpy(planes.astype(np.float64))[None], values, divisor)
    every = torch.arange(BYTE_VALUES, dtype=torch.float64).expand(1, len(planes), 1, -1)
    table = _computed(every, values, divisor)[0, :, 0].numpy()
    shown = [np.take(row, plane) for row, plane in zip(table, planes, strict=True)]
    return torch.from_numpy(np.stack(shown)[None])


def _computed(x: torch.Tensor, values: Mapping[str, Any], divisor: float) -> torch.Tensor:
    x = x / divisor
    if values["zscore"]:
        x = (x - x.mean((2, 3), True)) / x.std((2, 3), unbiased=False, keepdim=True)
    elif any(values["mean"]) or set(values["std"]) != {1.0}:
        mean, std = (
            torch.tensor(values[name][: x.shape[1]], dtype=torch.float64).view(1, -1, 1, 1)
            for name in ("mean", "std")
        )
        x = (x - mean) / std
    made: torch.Tensor = (x / values["divide_again"]).float()
    return made


# --- how the network is run -----------------------------------------------------------------------


def precision_choices(right: str) -> Iterator[Choice]:
    """float32, and what is faster on a GPU."""
    said = {
        "float32": "x = x.float()",
        "float16": "model, x = model.half(), x.half()",
        "bfloat16": "model, x = model.bfloat16(), x.bfloat16()",
    }
    yield Choice("precision", right, f"a forward in {right}", (said[right],), value=right)
    for key in ("float32", "float16"):
        if key != right:
            fix = "Run in float32."
            words = f"a forward in {key}"
            yield Choice("precision", key, words, (said[key],), "N2", fix, key)


def mode_choices(right: str) -> Iterator[Choice]:
    """Evaluation or training; dropout stays off, as two forwards would differ."""
    for key in ("eval", "train"):
        words = "a forward in training mode" if key == "train" else "a forward in evaluation mode"
        lines = (f"model.{key}()",)
        cause = "" if key == right else "B2"
        yield Choice("mode", key, words, lines, cause, "Call eval() first.", key)


def head_choices(right: str, has_aux: bool) -> Iterator[Choice]:
    """The output, or the auxiliary head where there is one."""
    for key in ("out", "aux") if has_aux else ("out",):
        words = "the aux head" if key == "aux" else "the network's output"
        lines = ('aux = model\nmodel = lambda x: aux(x)["aux"]',) if key == "aux" else ()
        cause = "" if key == right else "R8"
        yield Choice("head", key, words, lines, cause, "Read the head that was trained.", key)


AVERAGED = "Flip the second view's logits back before the average."
SEAMS = "Let the tiles overlap and average them, or feed the picture whole."


def views_choices(fed: tuple[int, int]) -> Iterator[Choice]:
    """The whole input at once; its average with a mirrored one; tiles without overlap."""
    yield Choice("views", "whole", "one forward of the whole input", ("logits = model(x)",))
    words = "an average of two views, of which the mirrored one was not flipped back,"
    average = ("logits = (model(x) + model(x.flip(3))) / 2",)
    yield Choice("views", "mirrored", words, average, "S2", AVERAGED)
    for tile in (256, 128, 512, 64):
        if tile < max(fed):
            words = f"tiles of {tile} x {tile} that do not overlap"
            lines = (
                "one = lambda t: F.interpolate(model(t), size=t.shape[2:], mode='bilinear')",
                f"rows = [torch.cat([one(t) for t in row.split({tile}, 3)], 3)"
                f" for row in x.split({tile}, 2)]",
                "logits = torch.cat(rows, 2)",
            )
            yield Choice("views", f"tiles {tile}", words, lines, "S2", SEAMS, tile)


def views_of(x: torch.Tensor, views: Choice) -> list[torch.Tensor]:
    """What the network is fed, one after the other."""
    if views.key == "mirrored":
        return [x, x.flip(3)]
    if views.value:
        rows = torch.split(x, views.value, 2)
        return [tile for row in rows for tile in torch.split(row, views.value, 3)]
    return [x]


def joined(logits: list[torch.Tensor], x: torch.Tensor, views: Choice) -> torch.Tensor:
    """The logits of all views of x, [1 C h w] in the precision of the forward, as lines do it."""
    if views.value:
        sizes = [(tile.shape[2], tile.shape[3]) for tile in views_of(x, views)]
        whole = [enlarged(tile, size) for tile, size in zip(logits, sizes, strict=True)]
        across = -(-x.shape[3] // views.value)
        rows = [torch.cat(whole[k : k + across], 3) for k in range(0, len(whole), across)]
        return torch.cat(rows, 2)
    return sum(logits[1:], logits[0]) / len(logits)


def enlarged(values: torch.Tensor, size: tuple[int, int], mode: str = "bilinear") -> torch.Tensor:
    """[1 C h w] at another size, bilinear or nearest."""
    return values if values.shape[2:] == size else F.interpolate(values, size=size, mode=mode)


def forwarding(mode: str, head: str) -> Forwarding:
    """The settings of one forward."""
    return Forwarding(
        mode="train" if mode == "train" else "eval", head="aux" if head == "aux" else "out"
    )
