"""Class activation map (Grad-CAM): which places of the last feature map speak for a class.

Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391; for segmentation the logit of one pixel, or
its mean over a mask, takes the place of the score (Vinogradova et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np
import torch
import torch.nn.functional as F

from core.architectures.families.living_model import LivingModule
from core.architectures.onnx.onnx_program import OnnxModule
from core.architectures.program.program_module import ProgramModule
from core.errors import ForwardError
from core.feature_maps import FeatureMap, feature_maps
from core.inference import at_picture, call, checked, prepared, resized
from core.inspection import Inspection
from core.labels import Labels
from core.operators import stopped
from core.orientation import TURNS
from core.preprocess import InputTensor
from core.views import windows

SAME = 1e-4  # of the largest: rounding of float32 over a few operations
NO_GRADIENTS = "A class activation map needs gradients, and {} gives none."
ALIKE = "every pixel of this class gives this map, as behind that layer each is weighed alone"
Window = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class ActivationMap:
    """How much each place speaks for the class."""

    values: np.ndarray  # Float32[h w] at the picture's size, 0..1 of the largest; 0 where none does
    channel: int  # whose logit was asked about
    against: bool  # whether its negative was: what speaks against the only foreground
    layer: str  # the last feature map before the classifier, by its name in the network
    size: tuple[int, int]  # h, w of that map
    channels: int  # of that map
    notes: tuple[str, ...]


def activation_map(
    inspection: Inspection, pin: tuple[int, int], *, of_mask: bool = False
) -> ActivationMap:
    """Ask why the class of a pixel wins there; one forward, and a gradient of its last layers.

    Args:
        inspection: what is on the screen.
        pin: row and column of the pixel.
        of_mask: take the mean logit over all pixels of its class instead of the pixel's.

    Returns:
        The map, enlarged bilinearly. The network is as it was: no gradient is kept, no layer
        changed.

    Raises:
        ForwardError: the network gives no gradients, has no feature map, or stops.
    """
    _refuse_graphs(inspection)
    tensor, channels = inspection.input, len(inspection.logits.values)
    asked = _Asked.of(inspection.labels, channels, pin, of_mask)
    x, forwarding = tensor.tensor.float(), inspection.settings.forwarding
    module = prepared(inspection.network, x, forwarding, [])
    height, width = x.shape[2:]
    window = _window(tensor, pin, inspection)
    size = inspection.image.pixels.shape[:2]

    def placed(values: torch.Tensor) -> torch.Tensor:
        """[1 1 h w] of the window to [h w] of the picture."""
        whole = _around(values, window, (height, width))
        return at_picture(whole, tensor, "bilinear", size)[0, 0]

    view = x[:, :, *window].contiguous(memory_format=torch.channels_last)
    try:
        with torch.enable_grad(), feature_maps(module, channels + 1) as maps:
            output = checked(call(module, view, forwarding.head), view)
            logit = output[:, asked.channel : asked.channel + 1].float()
            score = asked.score(placed(resized(logit, view.shape[2:], "bilinear")))
            found, gradient = _last(maps, score)
    except ForwardError:
        raise
    except Exception as exc:
        raise stopped(exc, tuple(view.shape)) from exc
    with torch.no_grad():
        cam = placed(resized(_weighed(found.values, gradient), view.shape[2:], "bilinear"))
    return ActivationMap(
        _scaled(cam.numpy()),
        asked.channel,
        asked.sign < 0,
        found.layer,
        (found.values.shape[2], found.values.shape[3]),
        found.values.shape[1],
        tuple(_notes(inspection, gradient)),
    )


def _refuse_graphs(inspection: Inspection) -> None:
    graphs: dict[type[torch.nn.Module], str] = {
        ProgramModule: "an exported program, which is run node by node,",
        OnnxModule: "an ONNX graph, which another library runs,",
        LivingModule: "a living model, which its notebook runs,",
    }
    for kind, words in graphs.items():
        if isinstance(inspection.network.module, kind):
            raise ForwardError(
                NO_GRADIENTS.format(words),
                remedy="Open the checkpoint (state_dict) of the same network instead.",
            )


# --- what is asked --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Asked:
    """Which logit, and where."""

    channel: int
    sign: int  # -1: for a background that has no logit of its own
    where: torch.Tensor  # Bool[h w], the pixels whose mean it is

    @classmethod
    def of(cls, labels: Labels, channels: int, pin: tuple[int, int], of_mask: bool) -> _Asked:
        """The class that was decided at a pixel; where none was, the one with the largest logit."""
        where = np.zeros(labels.ids.shape, bool)
        where[pin] = True
        if of_mask:
            where = labels.ids == labels.ids[pin]
        id = int(labels.ids[pin])
        if labels.rule != "threshold":
            return cls(id if id >= 0 else int(labels.winner[pin]), 1, torch.from_numpy(where))
        return cls(min(1, channels - 1), 1 if id == 1 else -1, torch.from_numpy(where))

    def score(self, logit: torch.Tensor) -> torch.Tensor:
        """The mean of Float32[h w] over the pixels."""
        return self.sign * logit[self.where].mean()


def _window(tensor: InputTensor, pin: tuple[int, int], inspection: Inspection) -> Window:
    """The window whose middle is nearest to the pixel; all of the input where there are none."""
    height, width = tensor.tensor.shape[2:]
    row, column = _fed_place(tensor, pin, inspection.image.pixels.shape[:2])

    def distance(window: Window) -> float:
        middle = [(part.start + part.stop) / 2 for part in window]
        return hypot(middle[0] - row, middle[1] - column)

    return min(windows(height, width, inspection.settings.forwarding), key=distance)


def _fed_place(
    tensor: InputTensor, pin: tuple[int, int], size: Sequence[int]
) -> tuple[float, float]:
    """Where the middle of a pixel of the picture lies in the tensor, in its pixels."""
    turn = TURNS[tensor.orientation]
    place = [(at + 0.5) / length for at, length in zip(pin, size, strict=True)]
    if turn.transposed:
        place.reverse()
    for axis in turn.reversed_axes:
        place[axis] = 1 - place[axis]
    (top, left), (height, width) = tensor.corner, tensor.content
    return top + place[0] * height, left + place[1] * width


# --- the map --------------------------------------------------------------------------------------


def _around(values: torch.Tensor, window: Window, size: tuple[int, int]) -> torch.Tensor:
    """[1 1 h w] of a window in all of the input; 0 outside."""
    (rows, columns), (height, width) = window, size
    return F.pad(values, (columns.start, width - columns.stop, rows.start, height - rows.stop))


def _last(maps: Sequence[FeatureMap], score: torch.Tensor) -> tuple[FeatureMap, torch.Tensor]:
    """The last map that the score depends on, and the gradient there."""
    leaves = [each.values for each in maps]
    gradients = torch.autograd.grad(score, leaves, allow_unused=True) if leaves else ()
    for each, gradient in zip(reversed(maps), reversed(gradients), strict=True):
        if gradient is not None:
            return each, gradient
    raise ForwardError(
        "This network has no feature map with more channels than it has classes, so there is no "
        "class activation map.",
        remedy="Look at the logits of the class in panel 3 instead.",
    )


def _weighed(values: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """[1 1 h w]: each channel by its mean gradient, summed; what speaks against it is cut off."""
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * values).sum(dim=1, keepdim=True).relu()


def _scaled(values: np.ndarray) -> np.ndarray:
    largest = float(values.max())
    return np.ascontiguousarray(values / largest if largest > 0 else values, dtype=np.float32)


def _weighs_alike(gradient: torch.Tensor) -> bool:
    """Whether the weights of the channels are the same at every place, but for a factor.

    Args:
        gradient: Float32[1 k h w].
    """
    places = gradient[0].flatten(1)  # k, h * w
    sums = places.sum(dim=1)
    strongest = sums.abs().argmax()
    if sums[strongest] == 0:
        return False
    alike = torch.outer(sums, places[strongest] / sums[strongest])
    return torch.allclose(alike, places, rtol=SAME, atol=SAME * float(places.abs().max()))


def _notes(inspection: Inspection, gradient: torch.Tensor) -> list[str]:
    settings = inspection.settings
    notes = [ALIKE] if _weighs_alike(gradient) else []
    if settings.preprocessing.dtype != "float32":
        notes.append("computed in float32")
    if settings.forwarding.window:
        notes.append("of the one window whose middle is nearest to the pixel")
    if settings.forwarding.flip != "none":
        notes.append("without the flipped views")
    return notes
