"""How the mistakes of public reports get into the files of a healthy case."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from core.colors import colorize, palette_colors
from core.settings import Display, change
from examples.materials import (
    Material,
    file_of,
    inspect_material,
    opened,
    picture_file,
    weights_file,
)
from examples.seeds import fresh_head, palette, weights
from tests.reports.report import Make

VOC = palette_colors(Display(palette="voc"), 256)


def pixels_of(made: Material) -> np.ndarray:
    return np.array(PillowImage.open(io.BytesIO(made.picture)).convert("RGB"))


def ids_of(made: Material) -> np.ndarray:
    return inspect_material(made).labels.ids.astype(np.uint8)


def true_ids(made: Material) -> np.ndarray:
    return np.array(PillowImage.open(io.BytesIO(made.truth or b"")))


def written(change_it: Callable[[np.ndarray], np.ndarray]) -> Make:
    """The script writes the colored mask, changed."""
    return lambda made: replace(made, saved=picture_file(change_it(VOC[ids_of(made)]).copy()))


def fed(change_it: Callable[[np.ndarray], np.ndarray]) -> Make:
    """The script feeds another picture than it read, and writes the mask of that."""

    def make(made: Material) -> Material:
        wrong = replace(made, picture=picture_file(change_it(pixels_of(made)).copy()))
        return replace(made, saved=picture_file(VOC[ids_of(wrong)]))

    return make


def by_weights(edit: Callable[[dict[str, torch.Tensor]], Any]) -> Make:
    """The script predicted with other weights than those of the file."""
    return lambda made: replace(made, saved=picture_file(VOC[ids_of(weights(edit)(made))]))


def truth_as(change_it: Callable[[np.ndarray], np.ndarray]) -> Make:
    """Another ground truth."""
    return lambda made: replace(made, truth=picture_file(change_it(true_ids(made)).copy()))


def saved_as(wrap: Callable[[dict[str, torch.Tensor]], Any]) -> Make:
    """The same weights, as common training code leaves them."""
    return lambda made: replace(made, checkpoint=weights_file(wrap(made.weights)))


def both(*makes: Make) -> Make:
    def make(made: Material) -> Material:
        for one in makes:
            made = one(made)
        return made

    return make


def setting(**changes: Any) -> Make:
    return lambda made: replace(made, settings=change(made.settings, **changes))


def head_of(state: dict[str, torch.Tensor]) -> str:
    return [key for key in state if key.endswith(".bias")][-1].removesuffix("bias")


def shifted(*shifts: tuple[int, float]) -> Callable[[dict[str, torch.Tensor]], None]:
    """Add to the head's bias by channel."""

    def edit(state: dict[str, torch.Tensor]) -> None:
        for channel, by in shifts:
            state[head_of(state) + "bias"][channel] += by

    return edit


def flattened(state: dict[str, torch.Tensor]) -> None:
    """As with targets of 0 and 1 / 255: the foreground's logits near log(1 / 255), others below."""
    state[head_of(state) + "weight"] *= 0.69
    state[head_of(state) + "bias"].mul_(0.69).sub_(6.5)


def two_classes(made: Material) -> Material:
    """One logit as two: softmax([0, x]) decides as sigmoid(x) > 0.5."""
    state = made.weights
    for part in ("weight", "bias"):
        one = state[head_of(state) + part]
        state[head_of(state) + part] = torch.cat([torch.zeros_like(one), one])
    return replace(made, checkpoint=weights_file(state))


def lagging(share: float) -> Callable[[dict[str, torch.Tensor]], None]:
    """Running statistics that are still near those that BatchNorm begins with."""

    def edit(state: dict[str, torch.Tensor]) -> None:
        for key, tensor in state.items():
            if key.endswith("running_mean"):
                tensor *= share
            if key.endswith("running_var"):
                tensor.mul_(share).add_(1 - share)

    return edit


def noise(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Numbers at random in every convolution."""
    generator = torch.Generator().manual_seed(0)
    return {
        key: torch.randn(t.shape, generator=generator) * 0.05 if t.ndim == 4 else t
        for key, t in state.items()
    }


def scrambled(state: dict[str, torch.Tensor]) -> None:
    state.update(noise(state))


def decoder_not_loaded(state: dict[str, torch.Tensor]) -> None:
    """The second half of the convolutions as they are initialized."""
    torch.manual_seed(5)
    convolutions = [key for key, tensor in state.items() if tensor.ndim == 4]
    for key in convolutions[len(convolutions) // 2 :]:
        torch.nn.init.kaiming_uniform_(state[key], a=5**0.5)
    fresh_head(state)


def letterboxed(made: Material) -> Material:
    """Bars above and below, fed, and never cropped from the mask."""
    pixels = pixels_of(made)
    boxed = np.pad(pixels, ((64, 64), (0, 0), (0, 0)), constant_values=114)
    wrong = replace(made, picture=picture_file(boxed))
    mask = PillowImage.fromarray(VOC[ids_of(wrong)]).resize(pixels.shape[1::-1], 0)
    return replace(made, saved=file_of(mask))


def flips_not_returned(made: Material) -> Material:
    """The mean of the picture's and the mirrored picture's logits, not mirrored back."""
    plain = inspect_material(made).logits.values
    mirrored = replace(made, picture=picture_file(pixels_of(made)[:, ::-1].copy()))
    mean = (plain + inspect_material(mirrored).logits.values) / 2
    return replace(made, saved=picture_file(VOC[mean.argmax(0)]))


def enlarged_linearly(made: Material) -> Material:
    """Ids made smaller and larger again, as if they were brightness."""
    small = PillowImage.fromarray(ids_of(made)).resize((96, 96), 0)
    return replace(made, saved=file_of(small.resize((256, 256), PillowImage.Resampling.BILINEAR)))


def figure(made: Material) -> Material:
    """What plt.savefig writes: the mask as viridis, white around it, and axes."""
    ids = ids_of(made)
    colors = np.array([[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81],
                       [253, 231, 37]], np.uint8)  # fmt: skip
    canvas = np.full((480, 640, 3), 255, np.uint8)
    large = np.array(PillowImage.fromarray(colors[ids]).resize((370, 370), 0))
    canvas[58:428, 143:513] = large
    canvas[57:429, [142, 513]] = 0
    canvas[[57, 428], 142:514] = 0
    return replace(made, saved=picture_file(canvas))


def nothing_but(value: int) -> Make:
    return lambda made: replace(
        made, saved=picture_file(np.full(pixels_of(made).shape[:2], value, np.uint8))
    )


def colors_of_truth(name: str) -> Make:
    """A ground truth in the colors of a palette, as RGB."""
    colors = palette_colors(Display(palette=name), 256)
    return lambda made: replace(made, truth=picture_file(colors[true_ids(made)]))


def right_output(made: Material) -> Material:
    return replace(made, saved=picture_file(colorize(ids_of(made), palette())))


def refusal(made: Material) -> str:
    """What is said of a checkpoint that no network is built from."""
    _, _, error = opened(made.checkpoint, made.name)
    return "" if error is None else f"{error.message} {error.remedy} {error.code}"
