"""Settings: everything a user can choose, as one frozen value with one part per stage.

It is the single currency of the app: sliders write it, the address bar carries it, presets are
values of its first part, and a cache key is its digest beside those of picture and checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from core.errors import SettingsError

Triple = tuple[float, float, float]

Color = Literal["rgb", "bgr", "gray"]
Depth = Literal["8", "file"]
Scale = Literal["255", "1", "65535", "max"]
Resize = Literal["none", "fixed", "shorter", "longer", "multiple"]
Interpolation = Literal["bilinear", "bilinear-no-antialias", "bicubic", "nearest"]
Dtype = Literal["float32", "float16", "bfloat16"]
Mode = Literal["eval", "train"]
Head = Literal["out", "aux"]
Upsampling = Literal["bilinear", "nearest"]
Rule = Literal["auto", "argmax", "threshold", "per_class"]
Activation = Literal["auto", "none", "softmax", "sigmoid"]


@dataclass(frozen=True)
class Preprocessing:
    """Picture to tensor, in this order: color, resize, scale, mean/std, second division, dtype."""

    color: Color = "rgb"  # gray: luma of ITU-R 601, as Pillow's "L", one channel
    depth: Depth = "8"  # 8: a deeper picture is windowed to 8 bit; file: the file's own numbers
    scale: Scale = "255"  # the divisor; max: the picture's own largest sample
    mean: Triple = (0.0, 0.0, 0.0)  # per channel in the order fed, units after scaling
    std: Triple = (1.0, 1.0, 1.0)
    divide_again: float = 1.0  # a few networks divide by 255 once more after mean and std
    zscore: bool = False  # mean and std of this picture per channel instead of the fixed ones
    resize: Resize = "none"
    height: int = 520  # for resize = fixed, pixels
    width: int = 520
    side: int = 520  # for resize = shorter | longer, pixels
    multiple: int = 32  # for resize = multiple: black at the right and at the bottom
    interpolation: Interpolation = "bilinear"
    dtype: Dtype = "float32"


# Of Preprocessing: what a convention of feeding fixes. All but the order of the channels become one
# gain and one offset per channel, which the browser applies itself.
CONVENTION = ("mean", "std", "scale", "color", "divide_again", "zscore")
AFFINE = tuple(name for name in CONVENTION if name != "color")


@dataclass(frozen=True)
class Forwarding:
    """Tensor to logits."""

    mode: Mode = "eval"  # train: BatchNorm uses this picture's statistics (dropout stays off)
    head: Head = "out"
    upsampling: Upsampling = "bilinear"  # of the logits, back to the picture's size


@dataclass(frozen=True)
class Decoding:
    """Logits to labels."""

    rule: Rule = "auto"  # auto: argmax, or a threshold where there is one channel
    activation: Activation = "auto"  # auto: softmax for argmax, sigmoid for a threshold
    threshold: float = 0.5  # on the activated value


@dataclass(frozen=True)
class Display:
    """Labels to colors."""

    palette: str = "safe"
    custom: tuple[str, ...] = ()  # "#rrggbb" by class id, for palette = custom
    alpha: float = 0.6  # opacity of the mask over the picture, 0..1
    ignore_index: int = 255  # ground-truth ids that do not count; -1: all count
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All stages' settings together."""

    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    forwarding: Forwarding = field(default_factory=Forwarding)
    decoding: Decoding = field(default_factory=Decoding)
    display: Display = field(default_factory=Display)


PARTS: dict[str, Any] = get_type_hints(Settings)
HINTS: dict[str, Any] = {k: v for part in PARTS.values() for k, v in get_type_hints(part).items()}
PART_OF = {f.name: name for name, part in PARTS.items() for f in fields(part)}
if len(PART_OF) != sum(len(fields(part)) for part in PARTS.values()):
    raise TypeError(
        "two parts of Settings share a field name"
    )  # the flat forms below need unique ones


def flatten(settings: Settings) -> dict[str, Any]:
    """Every choice by its name, nothing omitted; tuples stay tuples."""
    return {name: getattr(getattr(settings, part), name) for name, part in PART_OF.items()}


def change(settings: Settings, **changes: Any) -> Settings:
    """A copy with some choices changed by name, whichever part they are in.

    Raises:
        SettingsError: a name that does not exist, or a value outside its type or range.
    """
    for name, part in PART_OF.items():
        if name in changes:
            value = _checked(name, changes.pop(name))
            settings = replace(
                settings, **{part: replace(getattr(settings, part), **{name: value})}
            )
    if changes:
        raise _unusable(", ".join(changes), "no such setting")
    return settings


def digest(value: Any) -> str:
    """A short name for a frozen value, equal for equal values: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(asdict(value), sort_keys=True).encode()).hexdigest()[:16]


# --- as text: the address bar ---------------------------------------------------------------------


def to_query(settings: Settings) -> dict[str, str]:
    """The address-bar form: every choice explicit, so that a link outlives a changed default."""
    return {name: _to_text(value) for name, value in flatten(settings).items()}


def from_query(query: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """Read the address bar back.

    Returns:
        The settings, and the names whose value was unusable and fell back to the default.
        Names that are no settings are left to others.
    """
    settings, ignored = Settings(), []
    for name in PART_OF.keys() & query.keys():
        try:
            settings = change(settings, **{name: _from_text(name, query[name])})
        except (SettingsError, ValueError):
            ignored.append(name)
    return settings, tuple(sorted(ignored))


def _to_text(value: Any) -> str:
    if isinstance(value, tuple):
        joint = "|" if value and isinstance(value[0], str) else ","  # names may hold commas
        return joint.join(_to_text(item) for item in value)
    if isinstance(value, bool):
        return "1" if value else "0"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _from_text(name: str, text: str) -> Any:
    hint = HINTS[name]
    if hint == Triple:
        return tuple(float(item) for item in text.split(","))
    if hint == tuple[str, ...]:
        return tuple(item for item in text.split("|") if item)
    if hint is bool:
        return {"1": True, "0": False}[text] if text in ("0", "1") else text
    return hint(text) if hint in (int, float) else text


# --- limits ---------------------------------------------------------------------------------------

LIMITS: dict[str, tuple[float, float]] = {
    "std": (-1e6, 1e6),  # 0 is refused by preprocess, with the channel's name
    "mean": (-1e6, 1e6),
    "divide_again": (1e-6, 1e6),
    "height": (1, 4096),
    "width": (1, 4096),
    "side": (1, 4096),
    "multiple": (1, 512),
    "threshold": (-1e6, 1e6),
    "alpha": (0, 1),
    "ignore_index": (-1, 65535),
}
MAX_NAMES = 1024  # colors or class names
MAX_NAME = 80  # characters


def _checked(name: str, value: Any) -> Any:
    hint = HINTS[name]
    if hint == tuple[str, ...]:
        texts = tuple(str(item) for item in value)
        if len(texts) > MAX_NAMES or any(len(text) > MAX_NAME for text in texts):
            raise _unusable(name, f"at most {MAX_NAMES} entries of {MAX_NAME} characters")
        return texts
    if hint == Triple:
        numbers = tuple(_number(name, float, item) for item in value)
        if len(numbers) != 3:
            raise _unusable(name, "three numbers are needed, one per channel")
        return numbers
    if hint in (int, float):
        return _number(name, hint, value)
    if value not in ((True, False) if hint is bool else get_args(hint) or (value,)):
        raise _unusable(name, f"{value!r} is not one of {', '.join(map(repr, get_args(hint)))}")
    return value


def _number(name: str, kind: type, value: Any) -> Any:
    low, high = LIMITS[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _unusable(name, f"{value!r} is not a number from {low:g} to {high:g}")
    return kind(value)


def _unusable(name: str, why: str) -> SettingsError:
    return SettingsError(
        f"The setting {name} cannot be used: {why}.", remedy="Choose another value."
    )
