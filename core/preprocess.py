"""Picture to tensor: color, orientation, resize, scale, mean, std, second division, dtype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from PIL import Image as PillowImage
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from core.errors import SettingsError
from core.image import Image
from core.orientation import turned
from core.settings import CONTROLS, Orientation, Preprocessing

MAX_PIXELS = 25_000_000  # after resizing, as for pictures
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's mode L
MODES = {
    "bilinear": (InterpolationMode.BILINEAR, True),
    "bilinear-no-antialias": (InterpolationMode.BILINEAR, False),
    "bicubic": (InterpolationMode.BICUBIC, True),
    "nearest": (InterpolationMode.NEAREST_EXACT, False),
}
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
ORDERS = {"rgb": "RGB", "bgr": "BGR", "gray": "Y"}


@dataclass(frozen=True, eq=False)
class InputTensor:
    """What the network is given, and how it came about."""

    tensor: torch.Tensor  # [1 c h w] in the chosen dtype
    base: np.ndarray  # Float32[h w c], in the order fed, turned, resized, padded, before scaling
    gain: tuple[float, ...]  # per channel: tensor = gain * base + offset, before the cast
    offset: tuple[float, ...]
    divisor: float  # of the scaling
    largest: float  # the largest sample that the picture's depth allows
    content: tuple[int, int]  # h, w of the part that is picture; the rest is padding
    notes: tuple[str, ...]
    corner: tuple[int, int] = (0, 0)  # row, column where that part begins
    orientation: Orientation = "none"  # of the picture in it

    @property
    def values(self) -> np.ndarray:
        """Float32[c h w]: the tensor as the network sees it."""
        return self.tensor[0].float().numpy()

    @property
    def unpadded(self) -> np.ndarray:
        """Float32[c h w]: the part of it that is picture."""
        (top, left), (height, width) = self.corner, self.content
        return self.values[:, top : top + height, left : left + width]


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often each value occurs in each channel of a tensor, padding left out."""

    edges: np.ndarray  # Float64[bins + 1], common to all channels
    counts: np.ndarray  # Int64[c bins]
    mean: tuple[float, ...]
    std: tuple[float, ...]


def preprocess(image: Image, preprocessing: Preprocessing) -> InputTensor:
    """Make the network's input.

    Args:
        image: the decoded picture.
        preprocessing: what the user chose.

    Raises:
        SettingsError: a standard deviation of zero, or a size over the limit.

    A white pixel, scaled alone, then normalized:

    >>> from core.colors import encode_png
    >>> from core.image import decode_image
    >>> white = decode_image(encode_png(np.full((1, 1, 3), 255, np.uint8)))
    >>> preprocess(white, Preprocessing(mean=(0, 0, 0), std=(1, 1, 1))).values.ravel().tolist()
    [1.0, 1.0, 1.0]
    >>> chosen = Preprocessing(mean=(1.0, 0.5, 0.0), std=(0.25, 0.5, 0.5))
    >>> preprocess(white, chosen).values.ravel().tolist()  # (1 - mean) / std
    [0.0, 1.0, 2.0]
    """
    samples = image.pixels if preprocessing.depth == "8" else image.samples
    ordered = _ordered(samples, preprocessing.color)
    resized, notes = _resized(turned(ordered, preprocessing.orientation), preprocessing)
    height, width = resized.shape[:2]
    base, corner = _padded(resized, preprocessing)
    if base.shape != resized.shape:
        bars = f"bars of {preprocessing.pad_color}"
        bars = "black" if preprocessing.resize == "multiple" else bars
        notes.append(f"padded {width} x {height} to {base.shape[1]} x {base.shape[0]} with {bars}")
    if preprocessing.orientation != "none":
        words = CONTROLS["orientation"].words[preprocessing.orientation]
        notes.insert(0, f"fed {words}; the logits are turned back")
    divisor = _divisor(samples, preprocessing)
    gain, offset = _affine(resized, divisor, preprocessing)
    tensor = _applied(base, gain, offset, DTYPES[preprocessing.dtype])
    return InputTensor(
        tensor,
        base,
        gain,
        offset,
        divisor,
        _largest(samples),
        (height, width),
        tuple(notes),
        corner,
        preprocessing.orientation,
    )


def channel_histograms(tensor: InputTensor, bins: int = 64) -> Histogram:
    """Bin the values of each channel over their common range."""
    values = tensor.unpadded.reshape(len(tensor.values), -1)
    finite = [channel[np.isfinite(channel)] for channel in values]
    ends = [end for channel in finite if channel.size for end in (channel.min(), channel.max())]
    low, high = (float(min(ends)), float(max(ends))) if ends else (0.0, 1.0)
    edges = np.linspace(low, high if high > low else low + 1e-3, bins + 1)
    counts = np.stack([np.histogram(channel, edges)[0] for channel in finite])
    mean = tuple(float(channel.mean(dtype=np.float64)) for channel in values)
    return Histogram(edges, counts, mean, tuple(float(c.std(dtype=np.float64)) for c in values))


# --- steps ----------------------------------------------------------------------------------------


def _ordered(samples: np.ndarray, color: str) -> np.ndarray:
    """Float32[h w c] in the order fed."""
    if color == "bgr":
        samples = samples[..., ::-1]
    if color == "gray" and samples.dtype == np.uint8:
        samples = np.asarray(PillowImage.fromarray(samples).convert("L"))[..., None]
    elif color == "gray":
        samples = (samples.astype(np.float64) @ np.array(LUMA))[..., None]
    return np.ascontiguousarray(samples, dtype=np.float32)


def _resized(samples: np.ndarray, chosen: Preprocessing) -> tuple[np.ndarray, list[str]]:
    height, width = samples.shape[:2]
    size = target_size(height, width, chosen)
    if size == (height, width):
        return samples, []
    if size[0] * size[1] > MAX_PIXELS:
        raise SettingsError(
            f"Resizing gives {size[1]} x {size[0]} pixels, more than "
            f"{MAX_PIXELS / 1e6:.0f} megapixels.",
            remedy="Choose a smaller size.",
        )
    mode, antialias = MODES[chosen.interpolation]
    planes = torch.from_numpy(samples.copy()).permute(2, 0, 1)
    planes = transforms.resize(planes, list(size), interpolation=mode, antialias=antialias)
    note = f"resized {width} x {height} to {size[1]} x {size[0]}, {chosen.interpolation}"
    if antialias:
        note += " with antialiasing"
    return planes.permute(1, 2, 0).contiguous().numpy(), [note]


def target_size(height: int, width: int, chosen: Preprocessing) -> tuple[int, int]:
    """The h, w to which a picture of this h, w, turned already, is resized before any padding."""
    if chosen.resize == "fixed":
        return chosen.height, chosen.width
    if chosen.resize == "letterbox":
        scale = min(chosen.height / height, chosen.width / width)
        return max(1, round(height * scale)), max(1, round(width * scale))
    if chosen.resize in ("shorter", "longer"):
        side: Literal[0, 1] = int((height > width) == (chosen.resize == "shorter"))  # type: ignore[assignment]
        known = (height, width)[side]
        other = max(1, int(chosen.side * (height, width)[1 - side] / known))  # as torchvision
        return (chosen.side, other) if side == 0 else (other, chosen.side)
    return height, width


def _padded(samples: np.ndarray, chosen: Preprocessing) -> tuple[np.ndarray, tuple[int, int]]:
    """Black at the bottom and at the right, up to a multiple of n; or bars around a letterbox.

    Returns:
        The samples, and the row and column where the picture begins.
    """
    height, width, channels = samples.shape
    if chosen.resize == "letterbox":
        top, left = (chosen.height - height) // 2, (chosen.width - width) // 2
        box = np.full((chosen.height, chosen.width, channels), chosen.pad_color, np.float32)
        box[top : top + height, left : left + width] = samples
        return box, (top, left)
    if chosen.resize != "multiple":
        return samples, (0, 0)
    extra = (-height % chosen.multiple, -width % chosen.multiple)
    return np.pad(samples, ((0, extra[0]), (0, extra[1]), (0, 0))), (0, 0)


def _largest(samples: np.ndarray) -> float:
    """The largest sample of this depth; a float picture's own maximum."""
    if samples.dtype == np.uint8:
        return 255.0
    return 65535.0 if samples.dtype == np.uint16 else float(samples.max()) or 1.0


def _divisor(samples: np.ndarray, chosen: Preprocessing) -> float:
    if chosen.scale == "max":
        return float(samples.max()) or 1.0  # a black picture stays black
    return float(chosen.scale)


def _affine(
    content: np.ndarray, divisor: float, chosen: Preprocessing
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scaling, mean, std and second division as one gain and one offset per channel."""
    channels = content.shape[2]
    if chosen.zscore:
        scaled = content.astype(np.float64) / divisor
        mean = tuple(float(value) for value in scaled.mean(axis=(0, 1)))
        constant = np.ptp(content, axis=(0, 1)) == 0  # rounding gives equal values a std of 1e-17
        std = tuple(float(value) for value in np.where(constant, 0.0, scaled.std(axis=(0, 1))))
    else:
        mean, std = chosen.mean[:channels], chosen.std[:channels]
    _check_std(std, chosen)
    gain = tuple(1 / (divisor * s * chosen.divide_again) for s in std)
    return gain, tuple(-m / (s * chosen.divide_again) for m, s in zip(mean, std, strict=True))


def _check_std(std: tuple[float, ...], chosen: Preprocessing) -> None:
    zero = [name for name, value in zip(ORDERS[chosen.color], std, strict=True) if value == 0]
    if zero and chosen.zscore:
        raise SettingsError(
            f"Channel {', '.join(zero)} of the picture is constant: its std is 0, so it has no "
            "z-score.",
            remedy="Switch the z-score off, or choose another picture.",
        )
    if zero:
        raise SettingsError(
            f"The std of channel {', '.join(zero)} is 0; nothing can be divided by it.",
            remedy="Enter the std of the training, or choose a preset.",
        )


def _applied(
    base: np.ndarray, gain: tuple[float, ...], offset: tuple[float, ...], dtype: torch.dtype
) -> torch.Tensor:
    """[1 c h w], computed in float64 and rounded once, so that it is within 1 ulp of any order."""
    planes = torch.from_numpy(base.copy()).permute(2, 0, 1).double()
    view = (len(gain), 1, 1)
    planes = planes * torch.tensor(gain, dtype=torch.float64).view(view)
    planes = planes + torch.tensor(offset, dtype=torch.float64).view(view)
    return planes.to(torch.float32).to(dtype)[None].contiguous()
