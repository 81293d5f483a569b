"""What is seen of a model in training, once: one forward on the fixed picture, in eval mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from core.checkpoint.health import heads_in
from core.colors import colorize, encode_png, palette_colors
from core.diagnosis import Case
from core.diagnosis.measure.initial import is_initial
from core.engine import in_this_thread
from core.inspection import run_stages
from core.operators import stopped
from core.verdict import class_name, judge
from maskscope.living.model import Model, open_model

ONE_CLASS = 1 - 1e-9  # share of a mask that is one class
SHOWN = 3  # classes in a line
OUTPUT = "the output"


@dataclass(frozen=True, eq=False)
class Look:
    """What was seen at one time."""

    epoch: int
    shares: np.ndarray  # Float64[num_classes], of the mask, 0..1
    names: tuple[str, ...]  # one per class
    broken: str  # the first layer whose result is not finite, "" where all are
    head: str  # "as initialized", "as at the start", "trained"; "" where it cannot be told
    mean_iou: float | None  # where there is a ground truth
    mask: bytes  # PNG, in the colors of the palette

    @property
    def present(self) -> int:
        """How many classes the mask has."""
        return int(np.count_nonzero(self.shares))

    @property
    def only(self) -> str:
        """The one class of the mask, "" where there are several."""
        top = int(self.shares.argmax())
        return class_name(top, self.names) if self.shares[top] >= ONE_CLASS else ""

    @property
    def background(self) -> float:
        """Share of class 0, 0..1."""
        return float(self.shares[0])

    @property
    def line(self) -> str:
        """One line for a log."""
        most = [int(k) for k in np.argsort(-self.shares, kind="stable")[:SHOWN] if self.shares[k]]
        listed = ", ".join(f"{class_name(k, self.names)} {self.shares[k]:.1%}" for k in most)
        parts = [f"{self.present} of {len(self.shares)} classes ({listed})"]
        parts.append(f"background {self.background:.1%}")
        if self.mean_iou is not None:
            parts.append(f"mIoU {self.mean_iou:.3f}")
        parts.append(f"not finite from {self.broken} on" if self.broken else "all finite")
        if self.head:
            parts.append(f"head {self.head}")
        return f"epoch {self.epoch}: {'; '.join(parts)}"


def look(model: Any, case: Case, epoch: int, start: Mapping[str, torch.Tensor]) -> Look:
    """Look at a model now.

    Args:
        model: the user's; a shadow of it is run.
        case: picture, ground truth and settings; its network is not asked.
        epoch: what it is called.
        start: the head's weight as `head_of` gave it at the start.

    Raises:
        InspectionError: the model cannot be run any more.
    """
    fed = run_size(case)
    opened = open_model(model, fed, case.settings.display.class_names)
    seen = run_stages(case.image, opened.network, case.settings, forward=in_this_thread)
    display = seen.settings.display
    verdict = judge(seen.labels, seen.class_names, case.truth, display.ignore_index)
    finite = np.isfinite(seen.logits.values).all()
    broken = "" if finite else first_not_finite(opened.network.module, seen.input.tensor)
    colors = palette_colors(display, seen.labels.num_classes)
    return Look(
        epoch,
        verdict.shares,
        seen.class_names,
        broken,
        _head_in_words(head_of(opened), start),
        verdict.mean_iou,
        encode_png(colorize(seen.labels.ids, colors)),
    )


def run_size(case: Case) -> tuple[int, int, int]:
    """Channels, height and width of what the network is fed."""
    channels = 1 if case.settings.preprocessing.color == "gray" else 3
    height, width = case.image.pixels.shape[:2]
    return channels, height, width


def in_evaluation(case: Case) -> Case:
    """The case in eval mode: in the middle of a training the model is in train mode, rightly."""
    forwarding = replace(case.settings.forwarding, mode="eval")
    return replace(case, settings=replace(case.settings, forwarding=forwarding))


# --- the head -------------------------------------------------------------------------------------


def head_of(opened: Model) -> dict[str, torch.Tensor]:
    """The weight of the last convolution, copied, by its name; {} where none is found."""
    tensors = opened.checkpoint.tensors
    head = next((each for each in heads_in(tensors) if each.main), None)
    if head is None:
        return {}
    key = f"{head.name}.weight"
    return {key: tensors[key].clone()}


def _head_in_words(now: Mapping[str, torch.Tensor], start: Mapping[str, torch.Tensor]) -> str:
    for key, weight in now.items():
        if is_initial(weight):
            return "as initialized"
        if key in start and torch.equal(weight, start[key]):
            return "as at the start"
        return "trained"
    return ""


# --- where numbers end ----------------------------------------------------------------------------


def first_not_finite(module: nn.Module, x: torch.Tensor) -> str:
    """The first layer of a forward whose result holds NaN or infinity; "" where none does.

    Args:
        module: a shadow; it gets hooks, which are taken off again.
        x: Float[1 c h w].
    """
    if not torch.isfinite(x).all():
        return "the input"
    found: list[str] = []

    def after(name: str, output: Any) -> None:
        if not found and isinstance(output, torch.Tensor) and not torch.isfinite(output).all():
            found.append(name)

    hooks = [
        each.register_forward_hook(lambda _, __, output, name=name: after(name, output))
        for name, each in module.named_modules()
        if not any(each.children())
    ]
    try:
        with torch.inference_mode():
            module(x)
    except Exception as error:  # border to foreign code
        return found[0] if found else stopped(error, tuple(x.shape)).message
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else OUTPUT
