"""Settings: everything a user can choose, as one frozen value with one part per stage.

It is the single currency of the app: sliders write it, the address bar carries it, presets are
values of its first part, and a cache key is its digest beside those of picture and checkpoint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal, get_args, get_type_hints

from core.errors import SettingsError

Triple = tuple[float, float, float]

Color = Literal["rgb", "bgr", "gray"]
Axis = Literal["3", "2", "1"]
Depth = Literal["8", "file"]
Scale = Literal["255", "1", "65535", "max"]
Resize = Literal["none", "fixed", "shorter", "longer", "multiple", "letterbox"]
Orientation = Literal[
    "none", "90", "180", "270", "mirrored", "flipped", "transposed", "transversed"
]
Interpolation = Literal["bilinear", "bilinear-no-antialias", "bicubic", "nearest"]
Dtype = Literal["float32", "float16", "bfloat16"]
Mode = Literal["eval", "train"]
Head = Literal["out", "aux"]
Upsampling = Literal["bilinear", "nearest"]
Flip = Literal["none", "horizontal", "both"]
Rule = Literal["auto", "argmax", "threshold", "per_class"]
Activation = Literal["auto", "none", "softmax", "sigmoid"]
Palette = Literal["voc", "cityscapes", "ade20k", "safe", "gray", "custom"]


@dataclass(frozen=True)
class Control:
    """What a field of the settings says of itself: sidebar, limits and JSON follow from it."""

    label: str
    words: Mapping[str, str] = field(default_factory=dict)  # of values that are not plain by name
    limits: tuple[float, float] = (-1e6, 1e6)  # of numbers, both included
    step: float = 0.01  # of a float in the sidebar; whole numbers go by 1
    beside: tuple[str, Sequence[Any]] | None = None  # asked only where that one has such a value
    since: int = 1  # schema of the JSON that first had it; older files get the default


FIXED = ("resize", ("fixed", "letterbox"))
SIDE = ("resize", ("shorter", "longer"))
SIZED = ("resize", ("fixed", "shorter", "longer", "letterbox"))
BOXED = ("resize", ("letterbox",))
LARGEST_WINDOW = 4096  # pixels
WINDOWED = ("window", range(1, LARGEST_WINDOW + 1))


@dataclass(frozen=True)
class Preprocessing:
    """Picture to tensor: color, orientation, resize, scale, mean/std, second division, dtype."""

    # Of a file with more than three bands, counted from 1; of others nothing is to be chosen.
    red_band: Annotated[int, Control("Red band", limits=(1, 64), since=3)] = 1
    green_band: Annotated[int, Control("Green band", limits=(1, 64), since=3)] = 2
    blue_band: Annotated[int, Control("Blue band", limits=(1, 64), since=3)] = 3
    # Of a volume (NIfTI): which of its axes is cut, and where, from 1.
    slice_axis: Annotated[
        Axis, Control("Slice across", {"3": "z", "2": "y", "1": "x"}, since=5)
    ] = "3"
    slice_index: Annotated[int, Control("Slice (0: the middle)", limits=(0, 16384), since=5)] = 0
    # Of samples deeper than 8 bits: which are shown, and fed where the depth is 8; 0: automatic.
    window_level: Annotated[
        float, Control("Window level", limits=(-1e6, 1e6), step=1.0, since=5)
    ] = 0.0
    window_width: Annotated[
        float, Control("Window width (0: automatic)", limits=(0, 2e6), step=1.0, since=5)
    ] = 0.0
    color: Annotated[
        Color,  # gray: luma of ITU-R 601, as Pillow's "L", one channel
        Control(
            "Channel order",
            {"rgb": "RGB", "bgr": "BGR (as cv2.imread gives it)", "gray": "gray, one channel"},
        ),
    ] = "rgb"
    depth: Annotated[
        Depth,
        Control(
            "Depth",
            {"8": "8 bit (deeper pictures are windowed)", "file": "the file's own numbers"},
            since=2,
        ),
    ] = "8"
    scale: Annotated[
        Scale,  # the divisor; max: the picture's own largest sample
        Control(
            "Scale",
            {
                "255": "divide by 255",
                "1": "leave as it is",
                "65535": "divide by 65535",
                "max": "divide by the picture's maximum",
            },
        ),
    ] = "255"
    # Per channel in the order fed, in the units after scaling. A std of 0 is refused by preprocess.
    mean: Annotated[Triple, Control("Mean", step=0.001)] = (0.0, 0.0, 0.0)
    std: Annotated[Triple, Control("Std", step=0.001)] = (1.0, 1.0, 1.0)
    divide_again: Annotated[  # a few networks divide by 255 once more after mean and std
        float, Control("Divide again by", limits=(1e-6, 1e6), step=1.0, since=2)
    ] = 1.0
    # Mean and std of this picture per channel instead of the fixed ones.
    zscore: Annotated[bool, Control("z-score of each picture")] = False
    resize: Annotated[
        Resize,
        Control(
            "Resize",
            {
                "fixed": "to height x width",
                "shorter": "shorter side to",
                "longer": "longer side to",
                "multiple": "pad to a multiple of",  # black at the right and at the bottom
                "letterbox": "letterbox: fit inside height x width",  # bars on both sides
            },
        ),
    ] = "none"
    height: Annotated[int, Control("Height", limits=(1, 4096), beside=FIXED)] = 520  # pixels
    width: Annotated[int, Control("Width", limits=(1, 4096), beside=FIXED)] = 520
    side: Annotated[int, Control("Side", limits=(1, 4096), beside=SIDE)] = 520
    multiple: Annotated[
        int, Control("Multiple", limits=(1, 512), beside=("resize", ("multiple",)))
    ] = 32
    interpolation: Annotated[
        Interpolation,
        Control(
            "Interpolation",
            {"bilinear-no-antialias": "bilinear without antialiasing"},
            beside=SIZED,
        ),
    ] = "bilinear"
    pad_color: Annotated[  # of a letterbox's bars, in units of the samples that are fed
        int, Control("Pad color", limits=(0, 255), beside=BOXED, since=4)
    ] = 114  # of YOLO; others take 0 or 128
    orientation: Annotated[
        Orientation,  # the picture is turned before it is resized, its logits are turned back
        Control(
            "Orientation",
            {
                "none": "as it is",
                "90": "turned left by 90°",
                "180": "turned by 180°",
                "270": "turned right by 90°",
                "mirrored": "mirrored left to right",
                "flipped": "upside down",
                "transposed": "rows and columns exchanged",
                "transversed": "exchanged and turned by 180°",
            },
            since=4,
        ),
    ] = "none"
    dtype: Annotated[Dtype, Control("Data type")] = "float32"

    @property
    def bands(self) -> tuple[int, int, int]:
        """Which bands of a file are red, green and blue, from 1."""
        return self.red_band, self.green_band, self.blue_band

    @property
    def cut(self) -> tuple[int, int]:
        """Across which axis of a volume, and which slice, from 1; 0 is the middle one."""
        return int(self.slice_axis), self.slice_index

    @property
    def shown(self) -> tuple[float, float] | None:
        """Which samples are shown as 0 and 255; None where the numbers themselves tell."""
        half = self.window_width / 2
        return (self.window_level - half, self.window_level + half) if half > 0 else None


SLICE = ("slice_axis", "slice_index")
WINDOW = ("window_level", "window_width")
BANDS = ("red_band", "green_band", "blue_band")

# Of Preprocessing: what a convention of feeding fixes. All but the order of the channels become one
# gain and one offset per channel, which the browser applies itself.
CONVENTION = ("mean", "std", "scale", "color", "divide_again", "zscore")
AFFINE = tuple(name for name in CONVENTION if name != "color")


@dataclass(frozen=True)
class Forwarding:
    """Tensor to logits."""

    mode: Annotated[
        Mode,  # train: BatchNorm uses this picture's statistics (dropout stays off)
        Control(
            "BatchNorm",
            {"eval": "eval(): stored statistics", "train": "train(): this picture's statistics"},
        ),
    ] = "eval"
    head: Annotated[Head, Control("Output", {"out": "main head", "aux": "auxiliary head"})] = "out"
    upsampling: Annotated[  # back to the picture's size
        Upsampling, Control("Upsampling of the logits")
    ] = "bilinear"
    window: Annotated[  # side of a sliding window in pixels of the tensor; 0: the whole at once
        int, Control("Sliding window (0: none)", limits=(0, LARGEST_WINDOW), since=4)
    ] = 0
    overlap: Annotated[  # share of a window that the next one covers too
        float, Control("Overlap of windows", limits=(0, 0.75), step=0.05, beside=WINDOWED, since=4)
    ] = 0.5
    flip: Annotated[
        Flip,  # logits are averaged over flipped views, each flipped back
        Control(
            "Average over flipped views",
            {"horizontal": "mirrored too", "both": "mirrored, upside down, and both"},
            since=4,
        ),
    ] = "none"


@dataclass(frozen=True)
class Decoding:
    """Logits to labels."""

    rule: Annotated[
        Rule,  # auto: argmax, or a threshold where there is one channel
        Control("Rule", {"auto": "automatic", "per_class": "per class with a threshold"}),
    ] = "auto"
    activation: Annotated[
        Activation,  # auto: softmax for argmax, sigmoid for a threshold; none after the network's
        Control("Activation", {"auto": "automatic"}),
    ] = "auto"
    threshold: Annotated[float, Control("Threshold")] = 0.5  # on the activated value


@dataclass(frozen=True)
class Display:
    """Labels to colors."""

    palette: Annotated[Palette, Control("Palette")] = "safe"
    # "#rrggbb" by class id, for palette = custom.
    custom: Annotated[tuple[str, ...], Control("Colors")] = ()
    # Of the mask over the picture.
    alpha: Annotated[float, Control("Opacity", limits=(0, 1), step=0.05)] = 0.6
    ignore_index: Annotated[
        int,  # ground-truth ids that do not count; -1: all count
        Control("Ignored id of the ground truth", limits=(-1, 65535)),
    ] = 255
    class_names: Annotated[tuple[str, ...], Control("Class names, one a line")] = ()


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
CONTROLS: dict[str, Control] = {
    name: hint.__metadata__[0]
    for part in PARTS.values()
    for name, hint in get_type_hints(part, include_extras=True).items()
}
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


# --- limits ---------------------------------------------------------------------------------------

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
    low, high = CONTROLS[name].limits
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise _unusable(name, f"{value!r:.20} is not a number from {low:g} to {high:g}")
    try:
        return kind(value)
    except OverflowError as error:  # an integer that no float can be
        raise _unusable(name, "the number is too large") from error


def _unusable(name: str, why: str) -> SettingsError:
    return SettingsError(
        f"The setting {name} cannot be used: {why}.", remedy="Choose another value."
    )
