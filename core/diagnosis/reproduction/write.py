"""A decision to the file: cast, resize, palette and encoding, as scripts write masks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from core.colors import COLORED, palette_colors
from core.diagnosis.reproduction.program import Choice, Program
from core.diagnosis.reproduction.resize import PILLOW, resized
from core.diagnosis.reproduction.written import Written, numbers
from core.diagnosis.thresholds import BYTE_VALUES
from core.settings import Display

Size = tuple[int, int]

# --- whole numbers of 8 bits ----------------------------------------------------------------------

INSTEAD = "The network is fine: look colors up by id."
AS_IDS = "mask = mask.astype(np.uint8)"
TIMES = "mask = mask.astype(np.uint8) * np.uint8({})"
OF_FLOAT = "mask = (mask * 255).astype(np.uint8)"


def cast_choices(num_ids: int) -> Iterator[Choice]:
    """What becomes of ids, or of probabilities, as numbers of a picture."""
    yield Choice("cast", "ids", "ids as they are", (AS_IDS,), "D1", INSTEAD)
    yield Choice("cast", "times 255", "255 times the ids", (TIMES.format(255),), "D3", INSTEAD, 255)
    if num_ids > 2:
        factor = 255 / (num_ids - 1)
        lines = (f"mask = (mask * (255 / {num_ids - 1})).astype(np.uint8)",)
        yield Choice("cast", "spread", "ids spread over the gray levels", lines, value=factor)
    lines = ("mask = (mask / mask.max() * 255).astype(np.uint8)",)
    yield Choice("cast", "by maximum", "ids divided by their maximum", lines)
    lines = ("mask = mask.astype(np.uint16)",)
    yield Choice("cast", "16 bits", "ids in 16 bits", lines, "D7", INSTEAD)
    yield Choice("cast", "float 255", "probabilities times 255", (OF_FLOAT,))


def times(factor: int) -> Choice:
    """Ids multiplied by any whole number."""
    return Choice("cast", f"times {factor}", f"{factor} times the ids", (TIMES.format(factor),),
                  "D3" if factor == 255 else "", INSTEAD, factor)  # fmt: skip


def cast(mask: np.ndarray, choice: Choice) -> np.ndarray:
    """UInt8[h w], or UInt16[h w]; what does not fit wraps around, as in NumPy."""
    key = choice.key
    if key == "16 bits":
        return mask.astype(np.int64).astype(np.uint16)
    if key == "float 255":
        return _wrapped(mask * np.float32(255))
    if key == "spread":
        return _wrapped(mask * choice.value)
    if key == "by maximum":
        return _wrapped(mask / (mask.max() or 1) * 255)
    made = _wrapped(mask)
    factor = np.uint8(choice.value or 1)
    product: np.ndarray = made * factor
    return product


def _wrapped(values: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.nan_to_num(values).astype(np.int64).astype(np.uint8)
    return made


# --- back at the picture's size -------------------------------------------------------------------

INTERPOLATED = "Resize ids to the nearest pixel only; what lies between two ids is another class."
BACK_WORDS = {
    "pil nearest": "Pillow's resize of the mask to the nearest pixel",
    "cv2 nearest": "cv2's resize of the mask to the nearest pixel",
    "pil bilinear": "Pillow's bilinear resize of the mask",
    "pil bicubic": "Pillow's bicubic resize of the mask, its default,",
    "cv2": "cv2's bilinear resize of the mask, its default,",
}
OF_COLORS = "colors "  # how keys begin that resize what the palette has made


def back_choices() -> Iterator[Choice]:
    """No resize of the mask first, as is right; else of its numbers, or of its colors."""
    yield Choice("back", "none", "no resize of the mask")
    for key, words in BACK_WORDS.items():
        cause = "" if "nearest" in key else "R9"
        yield Choice("back", key, words, (_resize_line(key),), cause, INTERPOLATED, key)
    for key in ("pil bilinear", "pil bicubic", "cv2"):
        words = BACK_WORDS[key].replace("the mask", "the colored mask")
        yield Choice("back", OF_COLORS + key, words, (), "R9", INTERPOLATED, key)


def _resize_line(how: str) -> str:
    if how.startswith("pil"):
        mode = f"Image.Resampling.{PILLOW[how.removeprefix('pil ')]}"
        return f"mask = np.array(Image.fromarray(mask).resize((width, height), {mode}))"
    mode = "nearest" if "nearest" in how else "bilinear"
    planes = "torch.from_numpy(np.atleast_3d(mask)).permute(2, 0, 1)[None].float()"
    made = f"F.interpolate({planes}, size=(height, width), mode={mode!r}).round().byte()"
    return f"mask = {made}[0].permute(1, 2, 0).squeeze(2).numpy()  # as cv2.resize"


def resized_mask(mask: np.ndarray, how: str, size: Size) -> np.ndarray:
    """UInt8[h w] or UInt8[h w 3] at another size."""
    made = resized(mask[..., None] if mask.ndim == 2 else mask, size, how)
    return made[..., 0] if mask.ndim == 2 else made


def colors_first(palette: Choice, back: Choice) -> Iterator[Choice]:
    """The same two choices where the mask is resized after it was colored: lines in that order."""
    yield replace(back, lines=())
    yield replace(palette, lines=(*palette.lines, _resize_line(back.value)))


# --- colors ---------------------------------------------------------------------------------------

LUMA = "The network is fine: keep the palette's indices, never convert them to gray."
RED_FIRST = "cv2 writes blue, green, red: give it mask[..., ::-1]."
ORDERS = (("", ""), (" bgr", "[..., ::-1]  # as cv2.imwrite takes it"))


def palette_choices(custom: tuple[str, ...], num_ids: int) -> Iterator[Choice]:
    """No palette first; then every palette that is known, as it is, in BGR, and as brightness."""
    yield Choice("palette", "none", "gray levels")
    for name in (*COLORED, "custom") if custom else COLORED:
        display = Display(palette=name, custom=custom if name == "custom" else ())
        yield from named_palette(name, palette_colors(display, num_ids)[:num_ids])


def named_palette(name: str, colors: np.ndarray) -> Iterator[Choice]:
    """A table of colors, UInt8[n 3], in the three ways in which it is used."""
    table = f"palette = np.array({colors.tolist()}, np.uint8)  # {name}"
    for suffix, code in ORDERS:
        cause, words = (
            ("D9", f"the palette {name} in BGR") if suffix else ("", f"the palette {name}")
        )
        lines = (table, f"mask = palette[mask]{code}")
        value = np.ascontiguousarray(colors[:, ::-1]) if suffix else colors
        yield Choice("palette", name + suffix, words, lines, cause, RED_FIRST, value)
    luma = np.array(PillowImage.fromarray(colors[None]).convert("L"))[0]
    lines = (table, 'mask = np.array(Image.fromarray(palette[mask]).convert("L"))')
    words = f"the brightnesses of the palette {name}"
    yield Choice("palette", f"{name} gray", words, lines, "D5", LUMA, luma)


def own_palette(values: dict[int, int], color: bool) -> Choice:
    """The table that the file itself shows: the value of every id that occurs."""
    values = {k % BYTE_VALUES: value for k, value in values.items()}  # "no class" is cast to 255
    size = max(values) + 1
    table = np.zeros((size, 3) if color else size, np.uint8)
    for k, value in values.items():
        table[k] = (value >> 16, value >> 8 & 255, value & 255) if color else value
    lines = (f"palette = np.array({table.tolist()}, np.uint8)", "mask = palette[mask]")
    return Choice("palette", "own", "a palette of your own", lines, value=table)


def colored(mask: np.ndarray, palette: Choice) -> np.ndarray:
    """UInt8[h w] to UInt8[h w 3], or to UInt8[h w] where the palette's brightness is written."""
    if palette.value is None:
        return mask
    table = palette.value
    missing = np.zeros((BYTE_VALUES - len(table), *table.shape[1:]), np.uint8)
    made: np.ndarray = np.take(np.concatenate([table, missing]), mask, axis=0)
    return made


# --- the file -------------------------------------------------------------------------------------


def file_choice(written: Written | None) -> Choice:
    """What the file itself says of how it was encoded; without one, as is right."""
    if written is None or written.jpeg is None:
        lines = ('Image.fromarray(mask).save("mask.png")',)
        return Choice("file", "lossless", "a file without loss", lines)
    options = ", ".join(f"{name}={value!r}" for name, value in written.jpeg.items())
    lines = (f'Image.fromarray(mask).save("mask.jpg", {options})',)
    words = f"a JPEG of quality {written.jpeg.get('quality', 'its own')}"
    return Choice("file", "jpeg", words, lines, "D6", "Save masks as PNG.")


def encoded(mask: np.ndarray, jpeg: dict[str, Any] | None) -> bytes:
    """The file: PNG, or a JPEG with these options."""
    file = io.BytesIO()
    PillowImage.fromarray(mask).save(file, "PNG" if jpeg is None else "JPEG", **(jpeg or {}))
    return file.getvalue()


def in_file(mask: np.ndarray, jpeg: dict[str, Any] | None) -> np.ndarray:
    """The numbers that are read back from such a file, Int[h w] or [h w 3]."""
    if jpeg is None:
        gray = mask.ndim == 3 and bool((mask == mask[..., :1]).all())
        return mask[..., 0] if gray else mask
    content = encoded(mask, jpeg)
    with PillowImage.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return numbers(picture)


def drawn(mask: np.ndarray, program: Program, size: Size) -> np.ndarray:
    """The mask that a program writes, UInt8[h w], UInt16[h w] or UInt8[h w 3].

    Args:
        mask: its decision, Int32 or Float32 [h w].
        program: of which cast, back and palette are obeyed.
        size: h, w of the picture, to which `back` resizes.
    """
    made, back = cast(mask, program["cast"]), program["back"]
    first = back.value is not None and not back.key.startswith(OF_COLORS)
    if first:
        made = resized_mask(made, back.value, size)
    if made.dtype == np.uint8:
        made = colored(made, program["palette"])
    if back.value is not None and not first:
        made = resized_mask(made, back.value, size)
    return made
