"""Everything that checks may ask for, computed when it is first asked for and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from core.colors import palette_colors
from core.diagnosis.case import Case
from core.inspection import Inspection, logits_key
from core.labels import decode_labels, resolve
from core.preprocess import InputTensor, preprocess
from core.scores import confusion_matrix, iou_per_class, mean_iou
from core.settings import Settings, change

if TYPE_CHECKING:
    from core.architectures import Network
    from core.image import Image

Run = Callable[[Settings], Inspection]


class Facts:
    """A case, and what is measured on it."""

    def __init__(self, case: Case, run: Run | None = None) -> None:
        """Args: case; run, makes an inspection of the case's picture under any settings."""
        self.case = case
        self.forwards = 0.0  # in units of one at the user's own settings
        self._run = run or (lambda settings: inspect_directly(case, settings))
        self._seen: dict[str, Inspection] = {}
        self._others: dict[str, Inspection] = {}  # of other pictures, by their digest

    # --- without a forward ------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """What the user chose."""
        return self.case.settings

    @property
    def network(self) -> Network:
        """The network; checks that need it are only asked where there is one."""
        if self.case.network is None:
            raise ValueError("this case has no network")
        return self.case.network

    @property
    def channels(self) -> int:
        """Of the logits, under the chosen head."""
        aux = self.network.aux_classes
        return aux if self.settings.forwarding.head == "aux" and aux else self.network.num_classes

    @property
    def rule(self) -> tuple[str, str]:
        """Rule and activation, with "auto" decided."""
        return resolve(self.channels, self.settings.decoding)

    @property
    def num_ids(self) -> int:
        """How many ids the label map can hold."""
        return 2 if self.rule[0] == "threshold" else self.channels

    @cached_property
    def tensor(self) -> InputTensor:
        """What the network is fed."""
        return preprocess(self.case.image, self.settings.preprocessing)

    @cached_property
    def colors(self) -> np.ndarray:
        """The palette, UInt8[n 3]."""
        return palette_colors(self.settings.display, self.num_ids)

    # --- with forwards ----------------------------------------------------------------------------

    @property
    def seen(self) -> Inspection:
        """The inspection under the user's own settings."""
        return self.under({})

    def under(self, changes: Mapping[str, Any]) -> Inspection:
        """Inspect under changed settings; logits that are known are decoded again only."""
        settings = change(self.settings, **changes)
        key = logits_key(self.case.image, self.network, settings)
        if (known := self._seen.get(key)) is None:
            known = self._seen[key] = self._run(settings)
            self.forwards += known.input.tensor[0, 0].numel() / self.tensor.tensor[0, 0].numel()
        if known.settings == settings:
            return known
        labels = decode_labels(known.logits.values, settings.decoding)
        return Inspection(known.image, known.network, settings, known.input, known.logits, labels)

    def of_picture(self, image: Image) -> Inspection:
        """Inspect another picture under the user's settings."""
        if image.digest not in self._others:
            seen = inspect_directly(replace(self.case, image=image), self.settings)
            self._others[image.digest] = seen
            self.forwards += seen.input.tensor[0, 0].numel() / self.tensor.tensor[0, 0].numel()
        return self._others[image.digest]

    def changed(self, changes: Mapping[str, Any]) -> float:
        """Share of the pixels whose class is another one under changed settings, 0..1."""
        return float((self.under(changes).labels.ids != self.seen.labels.ids).mean())

    def score(self, changes: Mapping[str, Any]) -> float | None:
        """The mIoU under changed settings; None without a ground truth."""
        truth, seen = self.case.truth, self.under(changes)
        if truth is None:
            return None
        ignore = self.settings.display.ignore_index
        return mean_iou_of(seen.labels.ids, truth.ids, seen.labels.num_classes, ignore)


def mean_iou_of(ids: np.ndarray, truth: np.ndarray, num_classes: int, ignore: int) -> float | None:
    """The mIoU of a label map; None where nothing counts."""
    return mean_iou(iou_per_class(confusion_matrix(ids, truth, num_classes, ignore)))


def inspect_directly(case: Case, settings: Settings) -> Inspection:
    """Run the stages in this thread, without an engine.

    Raises:
        InspectionError: a stage cannot be computed.
    """
    from core.inference import forward

    if case.network is None:
        raise ValueError("this case has no network")
    tensor = preprocess(case.image, settings.preprocessing)
    size = case.image.pixels.shape[:2]
    logits = forward(case.network, tensor, settings.forwarding, size=size)
    labels = decode_labels(logits.values, settings.decoding)
    return Inspection(case.image, case.network, settings, tensor, logits, labels)
