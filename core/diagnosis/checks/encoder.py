"""The encoder: was it ever loaded, where the rest of the network is trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.head_bias import head_of
from core.diagnosis.measure.initial import is_initial
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.belonging import masks_are_fair, statistics_belong
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import FEWEST_WEIGHTS, INITIAL_SHARE, TRAINED_REST

if TYPE_CHECKING:
    import torch


def never_loaded(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W3: a part has the numbers of its initialization, and what follows it is trained.

    Not where BatchNorm's statistics are those of these numbers: the training ran through them; nor
    where a ground truth speaks for the mask of these numbers.
    """
    head = head_of(measured)
    if head is None or is_initial(head[1]) is not False:  # an initial head is told as such
        return
    parts: dict[str, list[torch.Tensor]] = defaultdict(list)
    for key, tensor in measured.tensors.items():
        if tensor.ndim == 4 and tensor.is_floating_point():
            parts[key.partition(".")[0]].append(tensor)
    for name, weights in parts.items():
        if len(weights) >= FEWEST_WEIGHTS and _all_initial(weights):
            rest = [weight for other, each in parts.items() if other != name for weight in each]
            if _share(rest) > TRAINED_REST or statistics_belong(measured):
                continue
            if not masks_are_fair(measured):
                yield _finding(name, len(weights), len(rest))


def _all_initial(weights: list[torch.Tensor]) -> bool:
    """Whether nearly all are; a trained part is left at its first few layers."""
    others, judged = 0, 0
    for weight in weights:
        initial = is_initial(weight)
        judged += initial is not None
        others += initial is False
        if others > (1 - INITIAL_SHARE) * len(weights):
            return False
    return judged >= FEWEST_WEIGHTS


def _share(weights: list[torch.Tensor]) -> float:
    """Of the weights that can be judged, those that are as initialized; 1 where none can."""
    judged = [initial for weight in weights if (initial := is_initial(weight)) is not None]
    return sum(judged) / len(judged) if judged else 1.0


def _finding(name: str, count: int, rest: int) -> Finding:
    return Finding(
        "W3",
        "likely",
        (
            Evidence(
                f"The {count} convolutions of {name} have the distribution of their "
                "initialization: no training has moved them.",
                count,
            ),
            Evidence(f"The {rest} others are trained, so {name} was frozen, or never loaded."),
        ),
        "Load the encoder's weights, and read what load_state_dict reports as missing: with "
        "strict=False names that do not match are passed over in silence.",
        "print(model.load_state_dict(state, strict=False))  # missing_keys must be empty",
    )
