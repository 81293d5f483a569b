"""The preprocessing as people write it for training, so that both ends feed the network alike.

Steps in another order and precision than the stage's own: equal but for rounding.
"""

from __future__ import annotations

from core.export.script_input import MODES, pads
from core.orientation import TURNS
from core.settings import Preprocessing

CV2 = {  # OpenCV does not smooth before it shrinks; INTER_AREA is its nearest to that
    "bilinear": "cv2.INTER_LINEAR",
    "bilinear-no-antialias": "cv2.INTER_LINEAR",
    "bicubic": "cv2.INTER_CUBIC",
    "nearest": "cv2.INTER_NEAREST_EXACT",
}
NOT_TOLD = "# A picture deeper than 8 bits is windowed to 8 bits before this.\n"
V2_IMPORTS = """\
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2"""
IMAGE_ONLY = '''\
def image_only(function):
    """A step that leaves the mask alone."""
    return v2.Lambda(lambda x: tv_tensors.wrap(function(x), like=x), tv_tensors.Image)'''
PAD = '''\
def pad(x):
    """Black below and at the right, up to a multiple of {multiple}."""
    height, width = x.shape[-2:]
    return v2.functional.pad(x, [0, 0, -width % {multiple}, -height % {multiple}])'''
FIT = '''\
def fit(x):
    """As large as fits into {height} x {width}; of a mask: nearest."""
    height, width = x.shape[-2:]
    scale = min({height} / height, {width} / width)
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    return v2.functional.resize(x, size, {how})'''
BARS = '''\
def pad(x):
    """Bars around it, up to {height} x {width}; those of a mask are class 0."""
    height, width = x.shape[-2:]
    top, left = ({height} - height) // 2, ({width} - width) // 2
    sides = [left, top, {width} - width - left, {height} - height - top]
    fill = 0 if isinstance(x, tv_tensors.Mask) else {fill}
    return v2.functional.pad(x, sides, fill=fill)'''
TURN = '''\
def turn(x):
    """Picture and mask in the orientation in which they are fed."""
    return tv_tensors.wrap(x{steps}, like=x)'''
BARS_OF_LARGEST = (
    "# The bars are {color} of 255; here they are that share of the picture's maximum.\n"
)
BARS_NORMALIZED = (
    "# The bars are {color} on the dashboard, before the z-score; here they are its mean.\n"
)
ZSCORE = '''\
def zscore(x):
    """By mean and std of this picture, without its padding."""
    mean = x.mean((-2, -1), keepdim=True)
    std = x.std((-2, -1), correction=0, keepdim=True)
    return ({x} - mean) / std'''


def torchvision_transform(chosen: Preprocessing) -> str:
    """Python source for `torchvision.transforms.v2`: `transform(image, mask)`."""
    steps = ["v2.ToImage()"]
    steps += ["v2.Grayscale(1)"] if chosen.color == "gray" else []
    steps += ["image_only(lambda x: x.flip(-3)),  # BGR"] if chosen.color == "bgr" else []
    steps += _v2_turned(chosen)
    steps += _v2_scaled(chosen)
    steps += _v2_resized(chosen)
    if pads(chosen):
        kinds = "tv_tensors.Mask" if chosen.zscore else "tv_tensors.Image, tv_tensors.Mask"
        steps.append(f"v2.Lambda(pad, {kinds})")
    steps += _v2_normalized(chosen)
    text = "\n".join(["transform = v2.Compose(", "    [", *map(_line, steps), "    ]", ")\n"])
    note = _note(chosen)
    if chosen.resize == "letterbox" and chosen.scale == "max":
        note += BARS_OF_LARGEST.replace("{color}", str(chosen.pad_color))
    parts = [V2_IMPORTS, *_v2_functions(chosen, text), note + text]
    return "\n\n\n".join(parts)


def albumentations_transform(chosen: Preprocessing) -> str:
    """Python source for Albumentations 2: `transform(image=rgb, mask=ids)`, both NumPy arrays."""
    steps = []
    steps += ["A.ToGray(num_output_channels=1, p=1)"] if chosen.color == "gray" else []
    flip = "lambda image, **_: np.ascontiguousarray(image[..., ::-1])"  # BGR
    steps += [f"A.Lambda(image={flip}, p=1)"] if chosen.color == "bgr" else []
    steps += _a_turned(chosen)
    resized, padded = _a_resized(chosen), _a_padded(chosen)
    parts = [resized, padded, _a_normalized(chosen)]
    if chosen.zscore:  # padding must not count; it is gray then
        parts = [resized, _a_normalized(chosen), padded]
    steps += [step for part in parts for step in part]
    steps += ["ToTensorV2()"]
    text = "\n".join(["transform = A.Compose(", "    [", *map(_line, steps), "    ]", ")"])
    imports = "import albumentations as A\nimport cv2\nimport numpy as np\n"
    imports += "from albumentations.pytorch import ToTensorV2"
    note = _note(chosen)
    if chosen.resize == "letterbox" and chosen.zscore:
        note += BARS_NORMALIZED.replace("{color}", str(chosen.pad_color))
    return f"{imports}\n\n{note}{text}\n"


def _line(step: str) -> str:
    return f"        {step}" + ("" if "),  #" in step else ",")


def _note(chosen: Preprocessing) -> str:
    return NOT_TOLD if chosen.depth == "8" and chosen.scale == "65535" else ""


def _channels(chosen: Preprocessing) -> int:
    return 1 if chosen.color == "gray" else 3


def _mean_std(chosen: Preprocessing) -> tuple[list[float], list[float]]:
    """A second division is a larger std."""
    count = _channels(chosen)
    return list(chosen.mean[:count]), [
        float(f"{s * chosen.divide_again:.9g}") for s in chosen.std[:count]
    ]


# --- torchvision ----------------------------------------------------------------------------------


def _v2_scaled(chosen: Preprocessing) -> list[str]:
    if chosen.scale == "255" and chosen.depth == "8":
        return ["v2.ToDtype(torch.float32, scale=True),  # / 255"]
    steps = ["v2.ToDtype(torch.float32)"]
    if chosen.scale == "max":
        steps.append("image_only(lambda x: x / x.max().clamp(min=1)),  # its own largest")
    elif chosen.scale != "1":
        steps.append(f"image_only(lambda x: x / {chosen.scale})")
    return steps


def _v2_resized(chosen: Preprocessing) -> list[str]:
    if chosen.resize in ("none", "multiple"):
        return []
    if chosen.resize == "letterbox":
        return ["v2.Lambda(fit, tv_tensors.Image, tv_tensors.Mask)"]
    sizes = {"fixed": f"[{chosen.height}, {chosen.width}]", "shorter": f"[{chosen.side}]"}
    size = sizes.get(chosen.resize, f"None, max_size={chosen.side}")
    return [f"v2.Resize({size}, {_v2_how(chosen)}),  # of a mask: nearest"]


def _v2_how(chosen: Preprocessing) -> str:
    mode, antialias = MODES[chosen.interpolation]
    return f"interpolation=v2.InterpolationMode.{mode}, antialias={antialias}"


def _v2_turned(chosen: Preprocessing) -> list[str]:
    if chosen.orientation == "none":
        return []
    return [f"v2.Lambda(turn, tv_tensors.Image, tv_tensors.Mask),  # {chosen.orientation}"]


def _v2_normalized(chosen: Preprocessing) -> list[str]:
    if chosen.zscore:
        again = "" if chosen.divide_again == 1 else f" / {chosen.divide_again!r}"
        return [f"image_only(lambda x: zscore(x){again})"]
    mean, std = _mean_std(chosen)
    plain = not any(mean) and all(value == 1 for value in std)
    return [] if plain else [f"v2.Normalize(mean={mean}, std={std})"]


def _v2_functions(chosen: Preprocessing, text: str) -> list[str]:
    """What the steps call."""
    parts = [IMAGE_ONLY] if "image_only" in text else []
    parts += [TURN.replace("{steps}", _v2_steps(chosen))] if chosen.orientation != "none" else []
    parts += [PAD.replace("{multiple}", str(chosen.multiple))] * (chosen.resize == "multiple")
    parts += [_boxed(chosen, FIT), _boxed(chosen, BARS)] if chosen.resize == "letterbox" else []
    fed = "pad(x)" if pads(chosen) else "x"
    parts += [ZSCORE.replace("{x}", fed)] if chosen.zscore else []
    return parts


def _v2_steps(chosen: Preprocessing) -> str:
    turn = TURNS[chosen.orientation]
    axes = [axis - 2 for axis in turn.reversed_axes]
    return ".transpose(-2, -1)" * turn.transposed + (f".flip({axes})" if axes else "")


def _boxed(chosen: Preprocessing, function: str) -> str:
    fill = f"{chosen.pad_color} / 255" if chosen.scale == "max" else str(chosen.pad_color)
    fill += "" if chosen.scale in ("1", "max") else f" / {chosen.scale}"
    values = {"height": chosen.height, "width": chosen.width, "fill": fill}
    for name, value in {**values, "how": _v2_how(chosen)}.items():
        function = function.replace(f"{{{name}}}", str(value))
    return function


# --- Albumentations -------------------------------------------------------------------------------


def _a_turned(chosen: Preprocessing) -> list[str]:
    turn = TURNS[chosen.orientation]
    steps = ["A.Transpose(p=1)"] * turn.transposed
    steps += ["A.VerticalFlip(p=1)"] * turn.rows + ["A.HorizontalFlip(p=1)"] * turn.columns
    return steps


def _a_padded(chosen: Preprocessing) -> list[str]:
    if chosen.resize == "letterbox":
        size = f"{chosen.height}, {chosen.width}"
        fill = 0 if chosen.zscore else chosen.pad_color
        return [f"A.PadIfNeeded({size}, border_mode=cv2.BORDER_CONSTANT, fill={fill})"]
    if chosen.resize == "multiple":
        by = f"pad_height_divisor={chosen.multiple}, pad_width_divisor={chosen.multiple}"
        border = 'position="top_left", border_mode=cv2.BORDER_CONSTANT, fill=0'
        sizes = f"min_height=None, min_width=None, {by}"
        inside = f"\n            {sizes},\n            {border},\n        "
        return [f"A.PadIfNeeded({inside})"]
    return []


def _a_resized(chosen: Preprocessing) -> list[str]:
    how = f"interpolation={CV2[chosen.interpolation]}"
    if chosen.resize == "letterbox":
        return [f"A.LongestMaxSize(max_size_hw=({chosen.height}, {chosen.width}), {how})"]
    if chosen.resize == "fixed":
        return [f"A.Resize({chosen.height}, {chosen.width}, {how})"]
    name = {"shorter": "SmallestMaxSize", "longer": "LongestMaxSize"}.get(chosen.resize)
    return [f"A.{name}({chosen.side}, {how})"] if name else []


def _a_normalized(chosen: Preprocessing) -> list[str]:
    if chosen.zscore:
        again = f"lambda image, **_: image / np.float32({chosen.divide_again!r})"
        steps = ['A.Normalize(normalization="image_per_channel")']
        return steps + [f"A.Lambda(image={again}, p=1)"] * (chosen.divide_again != 1)
    mean, std = _mean_std(chosen)
    if chosen.scale == "max":
        divide = "lambda image, **_: image / np.float32(max(image.max(), 1))"  # its own largest
        return [
            f"A.Lambda(image={divide}, p=1)",
            _a_normalize(mean, std, 1.0),
        ]
    return [_a_normalize(mean, std, float(chosen.scale))]


def _a_normalize(mean: list[float], std: list[float], largest: float) -> str:
    inside = f"mean={mean}, std={std},\n            max_pixel_value={largest},"
    return f"A.Normalize(\n            {inside}\n        )"
