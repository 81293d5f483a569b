"""The first half of the script: a picture's file to the network's input, as the settings say.

It mirrors core/image/ and core/preprocess.py operation by operation, in the same precision and
memory layout; that makes its numbers the same, bit for bit.
"""

from __future__ import annotations

from core.export.pieces import Piece, indented
from core.image import ImageFacts
from core.orientation import TURNS
from core.settings import Preprocessing

SHALLOW = '''\
def load_picture(path: str) -> np.ndarray:
    """UInt8[h w 3], RGB: turned as its EXIF tag says, transparency over white."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode.startswith(("I", "F")):
        raise SystemExit(f"{path} is deeper than 8 bits; this script was written for 8.")
    return np.array(picture.convert("RGB"))'''
DEEP = '''\
def load_picture(path: str) -> np.ndarray:
    """The samples [h w 3] of a gray picture deeper than 8 bits, turned as its EXIF tag says."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if not picture.mode.startswith(("I", "F")):
        raise SystemExit(f"{path} has 8 bits a sample; this script was written for deeper ones.")
    samples = np.array(picture){absent}
    if samples.dtype.kind == "f":
        samples = np.where(np.abs(samples) < 1e30, samples, 0).astype(np.float32)
    if picture.mode.startswith("I;16"):
        samples = samples.astype(np.uint16)
    return np.repeat(samples[..., None], 3, axis=2)'''
BANDED = '''\
def load_picture(path: str) -> np.ndarray:
    """The samples [h w 3] of the bands BANDS."""
    samples = {read}
    if samples.ndim == 2:
        samples = samples[..., None]
    if samples.shape[0] < samples.shape[-1]:
        samples = np.moveaxis(samples, 0, -1)  # c h w{absent}
    if samples.dtype.kind == "f":
        samples = np.where(np.abs(samples) < 1e30, samples, 0).astype(np.float32)
    elif samples.dtype not in (np.uint8, np.uint16):
        samples = samples.astype(np.int32)
    return np.ascontiguousarray(samples{turned}[..., BANDS])'''
VOLUME = '''\
def load_picture(path: str) -> np.ndarray:
    """The samples [h w 3] of one slice of a NIfTI volume, as it is stored."""
    samples = np.asarray(nibabel.load(path).dataobj[SLICE])
    if samples.dtype.names:
        samples = np.stack([samples[name] for name in "RGB"], axis=-1)
    if samples.dtype.kind == "f":
        samples = np.where(np.abs(samples) < 1e30, samples, 0).astype(np.float32)
    elif samples.dtype not in (np.uint8, np.uint16):
        samples = samples.astype(np.int32)
    if samples.ndim == 2:
        samples = np.repeat(samples[..., None], 3, axis=2)
    return np.ascontiguousarray(samples.swapaxes(0, 1))  # rows first'''
STACKED = '''\
def load_picture(*paths: str) -> np.ndarray:
    """The samples [h w 3] of the bands BANDS of all files, one behind the other."""
    parts = [load_bands(path) for path in paths]
    samples = np.concatenate(parts, axis=-1){absent}
    if samples.dtype.kind == "f":
        samples = np.where(np.abs(samples) < 1e30, samples, 0).astype(np.float32)
    elif samples.dtype not in (np.uint8, np.uint16):
        samples = samples.astype(np.int32)
    return np.ascontiguousarray(samples[..., BANDS])


def load_bands(path: str) -> np.ndarray:
    """The samples [h w c] of one file."""
    samples = {read}
    if samples.ndim == 2:
        samples = samples[..., None]
    return np.moveaxis(samples, 0, -1) if samples.shape[0] < samples.shape[-1] else samples'''
PILLOW = ("np.array(Image.open(path))", "from PIL import Image")
READ = {  # how what Pillow does not read as it is comes in
    "NPY": ("np.load(path, allow_pickle=False).squeeze()", "import numpy as np"),
    "TIFF": ("tifffile.imread(path, key=0)", "import tifffile"),
    "PNG": ("cv2.imread(path, cv2.IMREAD_UNCHANGED)[..., 2::-1]", "import cv2"),
}
STACKS = {  # the same of one file of a stack; all others as Pillow opens them
    **{kind: READ[kind] for kind in ("NPY", "TIFF")},
    "NIFTI": ("np.asarray(nibabel.load(path).dataobj[SLICE]).swapaxes(0, 1)", "import nibabel"),
}
WINDOW = '''\
def as_8_bit(samples: np.ndarray) -> np.ndarray:
    """UInt8: from 0 to the smallest 2^k - 1 that holds all; floats 0..1, 0..255, or their range."""
    low, high = float(samples.min()), float(samples.max())
    if samples.dtype.kind in "ui" and low >= 0:
        low, high = 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    elif low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if high <= 1 else 255.0
    elif high <= low:
        high = low + 1
    scaled = (samples.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(scaled.clip(0, 255)).astype(np.uint8)'''
CHOSEN_WINDOW = '''\
def as_8_bit(samples: np.ndarray) -> np.ndarray:
    """UInt8: what is {low:g} and below becomes 0, {high:g} and above 255."""
    scaled = (samples.astype(np.float64) - {low!r}) * (255 / ({high!r} - {low!r}))
    return np.rint(scaled.clip(0, 255)).astype(np.uint8)'''
MODES = {
    "bilinear": ("BILINEAR", True),
    "bilinear-no-antialias": ("BILINEAR", False),
    "bicubic": ("BICUBIC", True),
    "nearest": ("NEAREST_EXACT", False),
}
COLORS = {"rgb": "RGB", "bgr": "BGR", "gray": "gray"}


def loading(chosen: Preprocessing, about: ImageFacts) -> Piece:
    """Read the picture.

    Args:
        chosen: what the network is fed.
        about: the picture that is open; others of its kind are read in the same way.
    """
    code, constants, imports = _load(about)
    if about.volume:
        sliced, cut, needs = _slice(chosen, about)
        stacked = about.format == "STACK"
        code = code if stacked else sliced
        constants = (*constants, *cut) if stacked else cut
        imports = tuple({*imports, *needs}) if stacked else needs
    if is_deep(about) and chosen.depth == "8":
        low, high = chosen.shown or (0.0, 0.0)
        window = CHOSEN_WINDOW.format(low=low, high=high) if chosen.shown else WINDOW
        code = f"{code}\n\n\n{window}"
    return Piece(code, constants, imports)


def _slice(
    chosen: Preprocessing, about: ImageFacts
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Function, constants and imports for one slice: the axis that is chosen, and where it is."""
    axis, place = chosen.cut
    last = about.volume[axis - 1]
    index = min(place, last) - 1 if place else last // 2
    sides = about.mode.count(" x ") + 1  # of the file: two, three, or more for several volumes
    parts = [str(index) if number == axis else "slice(None)" for number in (1, 2, 3)]
    parts = [*parts[:sides], *["0"] * (sides - 3)]
    cut = f"SLICE = ({', '.join(parts)})  # slice {index + 1} across {'xyz'[axis - 1]}"
    return VOLUME, (cut,), ("import nibabel", "import numpy as np")


def is_deep(about: ImageFacts) -> bool:
    """Whether the picture has more than 8 bits a sample."""
    return about.window is not None


def package_of(about: ImageFacts) -> str:
    """What reads such a picture, besides Pillow and NumPy; "" for nothing."""
    if about.format == "STACK":
        return {"TIFF": "tifffile", "NIFTI": "nibabel"}.get(_stacked(about), "")
    if about.format in ("HEIF", "NIFTI"):
        return {"HEIF": "pillow-heif", "NIFTI": "nibabel"}[about.format]
    return (
        {"TIFF": "tifffile", "PNG": "opencv-python"}.get(about.format, "") if _banded(about) else ""
    )


def _banded(about: ImageFacts) -> bool:
    """Whether Pillow would change the numbers of such a file (core/image/tiff.py)."""
    odd = about.mode.endswith("bands") or ";" in about.mode.removeprefix("I;")
    return about.format == "NPY" or (about.format in READ and odd)


def _stacked(about: ImageFacts) -> str:
    """The kind of the files of a stack."""
    return about.mode.partition(" ")[0]


def _bands(about: ImageFacts) -> str:
    places = [0, 0, 0] if about.bands < 3 else [band - 1 for band in about.chosen]
    return f"BANDS = {places}  # which of the file are red, green and blue, from 0"


def _load(about: ImageFacts) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Function, constants and imports."""
    if about.format == "STACK":
        read, needs = STACKS.get(_stacked(about), PILLOW)
        code = _without_absent(STACKED.replace("{read}", read), about)
        return code, (_bands(about),), tuple({needs, "import numpy as np"})
    if _banded(about):
        read, needs = READ[about.format]
        code = BANDED.replace("{read}", read).replace("{turned}", _upright(about))
        return _without_absent(code, about), (_bands(about),), tuple({needs, "import numpy as np"})
    imports = ("from PIL import Image, ImageOps", "import numpy as np")
    if about.format == "HEIF":
        known = "pillow_heif.register_heif_opener()"
        return SHALLOW, (known,), (*imports, "import pillow_heif")
    return _without_absent(DEEP, about) if is_deep(about) else SHALLOW, (), imports


def _without_absent(code: str, about: ImageFacts) -> str:
    """The code, with a line for what the file itself calls "no data"."""
    line = f"\n    samples = np.where(samples == {about.no_data!r}, 0, samples)  # no data"
    return code.replace("{absent}", "" if about.no_data is None else line)


def _upright(about: ImageFacts) -> str:
    """What turns samples that nothing has turned yet, as `core/image/decode.py` does."""
    turned, places = "", about.orientation
    if places in (5, 6, 7, 8):
        turned += ".swapaxes(0, 1)"
    rows, columns = places in (3, 4, 7, 8), places in (2, 3, 6, 7)
    if rows or columns:
        turned += f"[{'::-1' if rows else ':'}, {'::-1' if columns else ':'}]"
    return turned


def preprocessing(chosen: Preprocessing, *, deep: bool) -> Piece:
    """Make the network's input out of the samples."""
    windowed = ["samples = as_8_bit(samples)"] * (deep and chosen.depth == "8")
    whole = deep and chosen.depth == "file"
    body = [
        *windowed,
        *(["largest = float(samples.max()) or 1.0"] if chosen.scale == "max" else []),
        *_ordered(chosen.color, whole=whole),
        *_turned(chosen),
        *_resized(chosen),
        *(_statistics(chosen) if chosen.zscore else []),
        *_padded(chosen),
        *_normalized(chosen),
    ]
    resizes = chosen.resize in ("fixed", "shorter", "longer", "letterbox")
    imports = ["import torch"]
    if resizes:
        imports += ["from torchvision.transforms.v2 import InterpolationMode"]
        imports += ["from torchvision.transforms.v2.functional import resize"]
    place = "tuple[int, int]" if chosen.resize == "multiple" else "tuple[int, int, int, int]"
    gives = f"tuple[torch.Tensor, {place}]" if pads(chosen) else "torch.Tensor"
    head = f"def preprocess(samples: np.ndarray) -> {gives}:"
    return Piece(
        f'{head}\n    """{_told(chosen)}"""\n{indented(body)}', _constants(chosen), tuple(imports)
    )


def pads(chosen: Preprocessing) -> bool:
    """Whether `preprocess` also returns which part is picture."""
    return place_of(chosen) != ""


def place_of(chosen: Preprocessing) -> str:
    """The names under which the script knows which part is picture; "" where all of it is."""
    places = {"multiple": "(height, width)", "letterbox": "(top, left, height, width)"}
    return places.get(chosen.resize, "")


def _told(chosen: Preprocessing) -> str:
    channels = 1 if chosen.color == "gray" else 3
    kind = {"float32": "Float32", "float16": "Float16", "bfloat16": "BFloat16"}[chosen.dtype]
    part = {
        "multiple": ", and the size without padding",
        "letterbox": ", and the place of the picture",
    }
    more = part.get(chosen.resize, "")
    return f"{kind}[1 {channels} h w] in {COLORS[chosen.color]} order{more}."


# --- steps, in the order of core/preprocess.py ----------------------------------------------------


def _ordered(color: str, *, whole: bool) -> list[str]:
    lines = []
    fed = "samples"
    if color == "bgr":
        fed = "samples[..., ::-1]"
    elif color == "gray" and whole:
        lines = ["samples = samples.astype(np.float64) @ np.array([0.299, 0.587, 0.114])  # luma"]
        fed = "samples[..., None]"
    elif color == "gray":
        lines = ['samples = np.asarray(Image.fromarray(samples).convert("L"))']
        fed = "samples[..., None]"
    return [*lines, f"samples = np.ascontiguousarray({fed}, dtype=np.float32)"]


def _turned(chosen: Preprocessing) -> list[str]:
    """As core/orientation.py: rows and columns change places, then each may be reversed."""
    turn = TURNS[chosen.orientation]
    if turn == TURNS["none"]:
        return []
    steps = [slice_of(turn.rows), slice_of(turn.columns)]
    places = ".transpose(1, 0, 2)" if turn.transposed else ""
    order = f"[{', '.join(steps)}]" if turn.reversed_axes else ""
    return [f"samples = np.ascontiguousarray(samples{places}{order})  # {chosen.orientation}"]


def slice_of(is_reversed: bool) -> str:
    """How an axis is indexed."""
    return "::-1" if is_reversed else ":"


def _resized(chosen: Preprocessing) -> list[str]:
    if chosen.resize in ("none", "multiple"):
        return []
    lines = []
    size = "[HEIGHT, WIDTH]"
    if chosen.resize == "letterbox":
        size = "size"
        lines = [
            "scale = min(HEIGHT / samples.shape[0], WIDTH / samples.shape[1])",
            "size = [max(1, round(side * scale)) for side in samples.shape[:2]]",
        ]
    elif chosen.resize != "fixed":
        least = "min" if chosen.resize == "shorter" else "max"
        known, size = f"{least}(samples.shape[:2])", "size"
        lines = [f"size = [max(1, int(SIDE * side / {known})) for side in samples.shape[:2]]"]
    mode, antialias = MODES[chosen.interpolation]
    return [
        *lines,
        "planes = torch.from_numpy(samples).permute(2, 0, 1)",
        f"planes = resize(planes, {size}, InterpolationMode.{mode}, antialias={antialias})",
        "samples = planes.permute(1, 2, 0).contiguous().numpy()",
    ]


def _statistics(chosen: Preprocessing) -> list[str]:
    divided = _divided("samples.astype(np.float64)", chosen)
    return [
        f"scaled = {divided}",
        "mean, std = scaled.mean(axis=(0, 1)), scaled.std(axis=(0, 1))  # of this picture",
    ]


def _divided(value: str, chosen: Preprocessing) -> str:
    return value if chosen.scale == "1" else f"{value} / {_divisor(chosen)}"


def _divisor(chosen: Preprocessing) -> str:
    return "largest" if chosen.scale == "max" else chosen.scale


def _padded(chosen: Preprocessing) -> list[str]:
    if not pads(chosen):
        return []
    if chosen.resize == "letterbox":
        return [
            "height, width = samples.shape[:2]",
            "top, left = (HEIGHT - height) // 2, (WIDTH - width) // 2",
            "box = np.full((HEIGHT, WIDTH, samples.shape[2]), PAD_COLOR, np.float32)",
            "box[top : top + height, left : left + width] = samples",
            "samples = box",
        ]
    return [
        "height, width = samples.shape[:2]",
        "below, right = -height % MULTIPLE, -width % MULTIPLE",
        "samples = np.pad(samples, ((0, below), (0, right), (0, 0)))  # black",
    ]


def _normalized(chosen: Preprocessing) -> list[str]:
    """Like core: one gain and one offset in float64, rounded once."""
    lines = []
    if (gain := _gain(chosen)) or _shifts(chosen):
        value = "samples.astype(np.float64)"
        scaled = f"{value} * {gain}" if gain else value
        lines = [f"# {_formula(chosen)}, rounded once", f"samples = {scaled}{_offset(chosen)}"]
    cast = "" if chosen.dtype == "float32" else f".to(torch.{chosen.dtype})"
    x = f"x.permute(2, 0, 1)[None]{cast}.contiguous()"
    return [
        *lines,
        "x = torch.from_numpy(samples.astype(np.float32))",
        f"return {x}, {place_of(chosen)}" if pads(chosen) else f"return {x}",
    ]


def _scales(chosen: Preprocessing) -> bool:
    return chosen.zscore or chosen.std[: _channels(chosen)] != (1.0,) * _channels(chosen)


def _shifts(chosen: Preprocessing) -> bool:
    return chosen.zscore or any(chosen.mean[: _channels(chosen)])


def _channels(chosen: Preprocessing) -> int:
    return 1 if chosen.color == "gray" else 3


def _std(chosen: Preprocessing) -> str:
    return "std" if chosen.zscore else "STD" if _scales(chosen) else ""


def _gain(chosen: Preprocessing) -> str:
    divisor = "" if chosen.scale == "1" else _divisor(chosen)
    below = _product(divisor, _std(chosen), _again(chosen))
    return f"(1 / {below})" if below else ""


def _again(chosen: Preprocessing) -> str:
    value = chosen.divide_again
    return "" if value == 1 else repr(int(value) if value == int(value) else value)


def _product(*factors: str) -> str:
    given = [factor for factor in factors if factor]
    return f"({' * '.join(given)})" if len(given) > 1 else "".join(given)


def _offset(chosen: Preprocessing) -> str:
    if not _shifts(chosen):
        return ""
    mean = "mean" if chosen.zscore else "MEAN"
    below = _product(_std(chosen), _again(chosen))
    return f" - {mean} / {below}" if below else f" - {mean}"


def _formula(chosen: Preprocessing) -> str:
    """The same as people write it."""
    value = _divided("x", chosen)
    mean, std = ("mean", "std") if chosen.zscore else ("MEAN", "STD")
    if _shifts(chosen):
        value = f"({value} - {mean})"
    if _scales(chosen):
        value = f"{value} / {std}"
    return value if chosen.divide_again == 1 else f"{value} / {_again(chosen)}"


def _constants(chosen: Preprocessing) -> tuple[str, ...]:
    lines = []
    count = _channels(chosen)
    if not chosen.zscore and _shifts(chosen):
        lines.append(f"MEAN = np.array({list(chosen.mean[:count])})")
    if not chosen.zscore and _scales(chosen):
        lines.append(f"STD = np.array({list(chosen.std[:count])})")
    if chosen.resize in ("fixed", "letterbox"):
        lines.append(f"HEIGHT, WIDTH = {chosen.height}, {chosen.width}")
    if chosen.resize == "letterbox":
        lines.append(f"PAD_COLOR = {chosen.pad_color}  # of the bars, 0 to 255")
    if chosen.resize in ("shorter", "longer"):
        lines.append(f"SIDE = {chosen.side}  # pixels of the {chosen.resize} side")
    if chosen.resize == "multiple":
        lines.append(f"MULTIPLE = {chosen.multiple}  # of pixels: the network's sizes")
    return tuple(lines)
