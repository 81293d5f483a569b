"""How a preprocessing function is called, and the tensor in what it returns.

Torchvision takes a PIL picture or a tensor, Albumentations `image=` an array, a processor of
transformers `images=`, and a function of one's own whatever its author wrote: the forms are tried,
that of the user's own picture first.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from maskscope.errors import PreprocessError

KEYS = ("image", "pixel_values", "img", "input", "inputs", "x")  # of dicts, in this order
RETURN = "Let it return one tensor [c h w] of floats: the one that the model is given."
CHANNELS = (1, 3, 4)
Call = Callable[[Any, Any], Any]

CALLS: dict[str, Call] = {
    "f(x)": lambda f, x: f(x),
    "f(image=x)": lambda f, x: f(image=x),
    "f(images=x)": lambda f, x: f(images=x, return_tensors="pt"),
}


@dataclass(frozen=True, eq=False)
class Returned:
    """What the function returned for one picture."""

    values: np.ndarray  # Float32[c h w]
    dtype: str  # of the tensor: "float32", "float16", "uint8", ...
    notes: tuple[str, ...]  # sentences about its form


@dataclass(frozen=True, eq=False)
class Way:
    """One way to call the function that works."""

    function: Any
    form: str  # what it is given: "a PIL picture"
    call: str  # a key of CALLS

    def __call__(self, pixels: np.ndarray) -> Returned:
        """Call it.

        Args:
            pixels: UInt8[h w 3], or UInt8[h w] of a gray picture.

        Raises:
            PreprocessError: it returns something else than one picture.
        """
        with tempfile.TemporaryDirectory(prefix="maskscope-") as folder:
            given = FORMS[self.form](pixels, Path(folder))
            return returned(CALLS[self.call](self.function, given))


# --- what it is given -----------------------------------------------------------------------------


def _pil(pixels: np.ndarray, _: Path) -> PillowImage.Image:
    return PillowImage.fromarray(pixels)


def _array(pixels: np.ndarray, _: Path) -> np.ndarray:
    return pixels.copy()  # it may write into what it is given


def _tensor(pixels: np.ndarray, _: Path) -> torch.Tensor:
    planes = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(planes))


def _unit(pixels: np.ndarray, folder: Path) -> torch.Tensor:
    return _tensor(pixels, folder).float() / 255


def _path(pixels: np.ndarray, folder: Path) -> str:
    path = folder / "picture.png"
    PillowImage.fromarray(pixels).save(path, compress_level=1)
    return str(path)


FORMS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "a PIL picture": _pil,
    "an array UInt8[h w 3]": _array,
    "a tensor UInt8[3 h w]": _tensor,
    "a tensor [3 h w] of 0 to 1": _unit,
    "a path": _path,
}


def _own_form(picture: Any) -> str:
    """In which form the user holds their picture."""
    if isinstance(picture, str | os.PathLike):
        return "a path"
    if isinstance(picture, np.ndarray):
        return "an array UInt8[h w 3]"
    if isinstance(picture, torch.Tensor):
        return (
            "a tensor [3 h w] of 0 to 1" if picture.is_floating_point() else "a tensor UInt8[3 h w]"
        )
    return "a PIL picture"


def find_way(function: Any, picture: Any, pixels: np.ndarray) -> Way:
    """The first way to call the function that gives a tensor of one picture.

    Args:
        function: the user's.
        picture: as the user gave it.
        pixels: UInt8[h w 3] or UInt8[h w], the same.

    Raises:
        PreprocessError: none does; it quotes the function's own words about the user's own form.
    """
    if not callable(function):
        raise PreprocessError(
            f"preprocess is of the type {type(function).__name__}, which cannot be called.",
            remedy="Give the function or the transform itself.",
        )
    said: list[PreprocessError] = []
    raised: list[Exception] = []
    for way in _ways(function, picture):
        try:
            way(pixels)
            return way
        except PreprocessError as error:
            said.append(error)
        except Exception as error:  # border to foreign code: another form may be the right one
            raised.append(error)
    raise said[0] if said else _stopped(raised[0], picture)


def _ways(function: Any, picture: Any) -> Iterator[Way]:
    first = _own_form(picture)
    for form in (first, *(form for form in FORMS if form != first)):
        yield from (Way(function, form, call) for call in CALLS)


def _stopped(error: Exception, picture: Any) -> PreprocessError:
    detail = (str(error).strip().splitlines() or [""])[0][:200]
    return PreprocessError(
        f"Your preprocess stops on this picture: {type(error).__name__}: {detail}. It was called "
        f"with {', '.join(FORMS)}, with and without image= and images=.",
        remedy="Give a function that takes the picture as you gave it here, or settings=... with "
        "the numbers instead.",
    )


# --- what it returns ------------------------------------------------------------------------------


def returned(output: Any) -> Returned:
    """The tensor of one picture in what a function returned.

    Raises:
        PreprocessError: there is none.
    """
    if isinstance(output, Mapping) or hasattr(output, "keys"):
        return returned(_of_dict(output))
    if isinstance(output, tuple | list) and output and not _is_number(output[0]):
        return returned(output[0])  # picture and mask; a list of one picture
    if not isinstance(output, torch.Tensor | np.ndarray):
        raise PreprocessError(
            f"Your preprocess returns {type(output).__name__}, not a tensor.", remedy=RETURN
        )
    return _planes(torch.as_tensor(output).detach().cpu())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _of_dict(output: Any) -> Any:
    found = [output[key] for key in KEYS if key in output]
    if not found:
        names = ", ".join(map(str, list(output.keys())[:8]))
        raise PreprocessError(
            f"Your preprocess returns a dict with the entries {names}, none of them known as the "
            "picture.",
            remedy='Give a function that picks it: lambda x: transform(x)["..."].',
        )
    return found[0]


def _planes(tensor: torch.Tensor) -> Returned:
    dtype, notes = str(tensor.dtype).removeprefix("torch."), []
    if tensor.ndim == 4 and len(tensor) != 1:
        raise PreprocessError(
            f"Your preprocess returns a batch of {len(tensor)}: shape {tuple(tensor.shape)}.",
            remedy="Give one that returns one picture; crops and tiles are looked at one by one.",
        )
    values = tensor[0] if tensor.ndim == 4 else tensor
    if values.ndim == 2:
        values = values[None]
    if values.ndim != 3 or not values.numel() or values.is_complex():
        raise PreprocessError(
            f"Your preprocess returns the shape {tuple(tensor.shape)}.", remedy=RETURN
        )
    if values.shape[0] not in CHANNELS and values.shape[2] in CHANNELS:
        values = values.permute(2, 0, 1)
        notes.append(
            "It returns height, width, channels; networks take channels first: x.permute(2, 0, 1)."
        )
    if not tensor.is_floating_point():
        notes.append(f"It returns {dtype}, and a network takes floats: x.float().")
    return Returned(values.float().contiguous().numpy(), dtype, tuple(notes))
