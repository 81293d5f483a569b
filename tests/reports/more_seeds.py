"""Mistakes of more reports: of the script's output, of the ground truth, of training and export."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage
from PIL import ImageFilter

from examples.materials import Material, file_of, inspect_material, picture_file, weights_file
from tests.reports.report import Make
from tests.reports.seeds import VOC, head_of, ids_of, pixels_of, true_ids

Edit = Callable[[dict[str, torch.Tensor]], Any]
NEAREST, LINEAR = PillowImage.Resampling.NEAREST, PillowImage.Resampling.BILINEAR


def wrote(write: Callable[[np.ndarray], np.ndarray]) -> Make:
    """The script writes a picture that it makes of the logits Float32[C h w]."""

    def make(made: Material) -> Material:
        return replace(made, saved=picture_file(write(inspect_material(made).logits.values)))

    return make


def wrote_file(write: Callable[[np.ndarray], bytes]) -> Make:
    """The script writes a file that it makes of the ids UInt8[h w]."""
    return lambda made: replace(made, saved=write(ids_of(made)))


def ran_with(mistake: Make, *, color: bool = True) -> Make:
    """The script ran another pipeline than the settings say, and wrote what that gives."""

    def make(made: Material) -> Material:
        ids = ids_of(mistake(made))
        return replace(made, saved=picture_file(VOC[ids] if color else ids))

    return make


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


def black_or_white(mask: np.ndarray) -> np.ndarray:
    return (mask * 255).astype(np.uint8)


def voc_file(ids: np.ndarray, **options: Any) -> bytes:
    return picture_file(VOC[ids], **options)


def with_palette(ids: np.ndarray) -> bytes:
    """A PNG of mode P, as VOC's own masks are."""
    picture = PillowImage.fromarray(ids, "P")
    picture.putpalette(VOC.astype(np.uint8).tobytes())
    return file_of(picture)


def as_gray(ids: np.ndarray) -> bytes:
    return file_of(PillowImage.fromarray(VOC[ids]).convert("L"))


def tiled(made: Material) -> Material:
    """Four tiles, each predicted alone, put side by side."""
    pixels = pixels_of(made)
    whole = np.zeros(pixels.shape[:2], np.uint8)
    for top in (0, 128):
        for left in (0, 128):
            part = pixels[top : top + 128, left : left + 128].copy()
            tile = replace(made, picture=picture_file(part), truth=None)
            whole[top : top + 128, left : left + 128] = ids_of(tile)
    return replace(made, saved=picture_file(VOC[whole]))


def of_another(seed: int) -> Make:
    """The script wrote the mask of another picture."""

    def make(made: Material) -> Material:
        from benchmarks.cases import scene

        other = replace(made, picture=picture_file(scene(seed)[0]))
        return replace(made, saved=picture_file(VOC[ids_of(other)]))

    return make


def truth_of_another(seed: int) -> Make:
    def make(made: Material) -> Material:
        from benchmarks.cases import scene

        ids = scene(seed)[1]
        ids = (ids > 0).astype(np.uint8) if true_ids(made).max() <= 1 else ids
        return replace(made, truth=picture_file(ids))

    return make


def truth_file(write: Callable[[np.ndarray], bytes]) -> Make:
    return lambda made: replace(made, truth=write(true_ids(made)))


def picture(edit: Callable[[np.ndarray], np.ndarray]) -> Make:
    """Another picture than was photographed; the truth stays."""
    return lambda made: replace(made, picture=picture_file(edit(pixels_of(made)).copy()))


def resized(ids: np.ndarray, side: int, how: PillowImage.Resampling) -> np.ndarray:
    """Made smaller and larger again."""
    small = PillowImage.fromarray(ids).resize((side, side), how)
    return np.array(small.resize(ids.shape[::-1], how))


def void_edges(value: int) -> Callable[[np.ndarray], np.ndarray]:
    """Two pixels along every edge are void, as in VOC."""

    def edit(ids: np.ndarray) -> np.ndarray:
        edge = np.zeros(ids.shape, bool)
        for axis in (0, 1):
            edge |= np.roll(ids, 1, axis) != ids
            edge |= np.roll(ids, -1, axis) != ids
        return np.where(edge, value, ids).astype(np.uint8)

    return edit


def instances(ids: np.ndarray) -> np.ndarray:
    """Every object its own id."""
    from scipy.ndimage import label

    return label(ids > 0)[0].astype(np.uint8)


def more_classes(count: int) -> Edit:
    """A head of more classes, of which the picture shows few: a network of VOC or COCO."""

    def edit(state: dict[str, torch.Tensor]) -> None:
        name = head_of(state)
        weight, bias = state[name + "weight"], state[name + "bias"]
        more = count - len(bias)
        generator = torch.Generator().manual_seed(4)
        noise = torch.randn((more, *weight.shape[1:]), generator=generator) * weight.std() * 0.3
        state[name + "weight"] = torch.cat([weight, noise])
        state[name + "bias"] = torch.cat([bias, torch.full((more,), float(bias.min()) - 12)])

    return edit


def many_channels(made: Material) -> Material:
    """A network of four bands; its fourth adds little."""
    state = made.weights
    name = next(key for key, tensor in state.items() if tensor.ndim == 4)
    first = state[name]
    state[name] = torch.cat([first, 0.02 * first[:, :1]], 1)
    return replace(made, checkpoint=weights_file(state))


def rows_of_head(order: tuple[int, ...]) -> Edit:
    def edit(state: dict[str, torch.Tensor]) -> None:
        for part in ("weight", "bias"):
            state[head_of(state) + part] = state[head_of(state) + part][list(order)]

    return edit


def kernels_flipped(state: dict[str, torch.Tensor]) -> None:
    """In and out channels exchanged where the shapes allow it."""
    for key, tensor in state.items():
        if tensor.ndim == 4 and tensor.shape[0] == tensor.shape[1]:
            state[key] = tensor.transpose(0, 1).contiguous()


def scaled(factor: float) -> Edit:
    """The head's numbers larger: a mask that is the same, or as they explode."""

    def edit(state: dict[str, torch.Tensor]) -> None:
        state[head_of(state) + "weight"] *= factor
        state[head_of(state) + "bias"] *= factor

    return edit


def negative_variance(state: dict[str, torch.Tensor]) -> None:
    """Weights averaged with a factor of more than one."""
    names = [key for key in state if key.endswith("running_var")]
    for name in names[len(names) // 2 :]:
        state[name] = -state[name]


def dead_layer(state: dict[str, torch.Tensor]) -> None:
    """A BatchNorm whose weight decayed to nothing in the last block."""
    name = [key for key in state if key.endswith("running_mean")][-1]
    for part in ("weight", "bias"):
        state[name.replace("running_mean", part)] *= 0


def zeroed(state: dict[str, torch.Tensor]) -> None:
    """Saved by a rank that had no numbers."""
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.zero_()


def decoder_fresh(state: dict[str, torch.Tensor]) -> None:
    """The second half of the network as it is initialized, and its BatchNorms unused."""
    torch.manual_seed(8)
    names = list(state)
    for key in names[len(names) // 2 :]:
        tensor = state[key]
        if tensor.ndim == 4:
            torch.nn.init.kaiming_uniform_(tensor, a=5**0.5)
        elif key.endswith("running_mean"):
            tensor.zero_()
        elif key.endswith("running_var"):
            tensor.fill_(1)


def half_precision(state: dict[str, torch.Tensor]) -> None:
    for key, tensor in state.items():
        if tensor.is_floating_point():
            state[key] = tensor.half()


def adapted(amount: float) -> Edit:
    """BatchNorm's statistics of a last batch that was all alike."""

    def edit(state: dict[str, torch.Tensor]) -> None:
        for key, tensor in state.items():
            if key.endswith("running_var"):
                tensor *= amount

    return edit


def jpeg(ids: np.ndarray, quality: int = 75) -> bytes:
    return picture_file(ids, "JPEG", quality=quality)


def sixteen(ids: np.ndarray) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(ids.astype(np.uint16)).save(file, "PNG")
    return file.getvalue()


def as_array(make: Callable[[np.ndarray], np.ndarray]) -> Make:
    """The script saves an array of NumPy that it makes of the logits Float32[C h w]."""

    def write(made: Material) -> Material:
        file = io.BytesIO()
        np.save(file, make(inspect_material(made).logits.values))
        return replace(made, saved=file.getvalue())

    return write


def smoothed(ids: np.ndarray) -> bytes:
    """A median filter takes the ragged edges off."""
    return file_of(PillowImage.fromarray(ids * np.uint8(40)).filter(ImageFilter.MedianFilter(9)))


def confidence(made: Material) -> Material:
    """How sure the network is, times 255, in place of its classes."""
    sure = inspect_material(made).labels.confidence
    return replace(made, saved=picture_file((sure * 255).astype(np.uint8)))
