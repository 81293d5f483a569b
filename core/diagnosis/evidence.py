"""Everything that checks may ask for, computed when it is first asked for and once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from core.colors import palette_colors
from core.diagnosis.agreement import lit, mirrored, mutual_information
from core.diagnosis.case import Case
from core.diagnosis.causes import CAUSES
from core.diagnosis.diagnosis import Tried
from core.diagnosis.familiar import ALL, divergence
from core.diagnosis.naming import difference_in_words as in_words
from core.diagnosis.once import once
from core.errors import InspectionError
from core.inspection import Inspection, logits_key
from core.labels import decode_labels, resolve
from core.preprocess import InputTensor, preprocess
from core.scores import confusion_matrix, iou_per_class, mean_iou
from core.settings import Preprocessing, Settings, change

if TYPE_CHECKING:
    from core.architectures import Network
    from core.diagnosis.gauge import Gauge
    from core.diagnosis.memory import Memory
    from core.diagnosis.normal import Recovered
    from core.image import Image

GOOD = 0.85  # share of what could be told, from which on a mask is good
TOLD = 0.9  # the same of what is told whatever the classes are called
FLAT = 0.17  # std of pixels from 0 to 1
USUAL_MEAN, USUAL_STD = (0.2, 0.85), 0.12  # of pixels from 0 to 1
TYPICAL = 0.3  # nats that the mask of an everyday picture tells about its mirror image's
LIGHTS = (0.1, -0.1)  # of the largest sample
SUREST = 0.95  # quantile of the lead
ONE_CLASS = 0.999  # share of the pixels from which on a label map is called constant
Run = Callable[[Settings], Inspection]


class Facts:
    """A case, and what is measured on it."""

    def __init__(self, case: Case, run: Run | None = None) -> None:
        """Args: case; run, makes an inspection of the case's picture under any settings."""
        self.case = case
        self.forwards = 0.0  # in units of one at the size that is fed, or the picture's if larger
        self._run = run or (lambda settings: inspect_directly(case, settings))
        self._seen: dict[str, Inspection] = {}
        self.mended: dict[str, Any] = {}  # what the findings so far would change before the display
        self.faults: frozenset[str] = frozenset()  # causes that were found
        self.tried: dict[Settings, Tried] = {}  # in the order in which it was
        self.heard: dict[Preprocessing, tuple[float, ...]] = {}  # nats at the first BatchNorms
        self._others: dict[str, Inspection] = {}  # of other pictures

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

    @once
    def tensor(self) -> InputTensor:
        """What the network is fed."""
        return preprocess(self.case.image, self.settings.preprocessing)

    @once
    def colors(self) -> np.ndarray:
        """The palette, UInt8[n 3]."""
        return palette_colors(self.settings.display, self.num_ids)

    @once
    def memory(self) -> Memory | None:
        """What the first BatchNorm remembers; None where there is none near the input."""
        from core.diagnosis.memory import remember

        return remember(self.case.checkpoint.tensors) if self.case.checkpoint else None

    @once
    def head(self) -> tuple[str, Any] | None:
        """Name and weight of the last convolution with as many outputs as there are classes."""
        tensors = self.case.checkpoint.tensors if self.case.checkpoint else {}
        wanted = self.network.num_classes
        found = [
            (key, tensor)
            for key, tensor in tensors.items()
            if key.endswith(".weight") and tensor.ndim == 4 and len(tensor) == wanted
        ]
        main = [pair for pair in found if "aux" not in pair[0]]
        return main[-1] if main else None

    @once
    def norms(self) -> tuple[bool, ...]:
        """Of every BatchNorm in the file, whether its statistics are those of a fresh one."""
        tensors = self.case.checkpoint.tensors if self.case.checkpoint else {}
        ends = ".running_mean", ".running_var"
        names = [key.removesuffix(ends[0]) for key in tensors if key.endswith(ends[0])]
        pairs = [
            (tensors[n + ends[0]], tensors[n + ends[1]]) for n in names if n + ends[1] in tensors
        ]
        return tuple(not bool(mean.any()) and bool((var == 1).all()) for mean, var in pairs)

    @property
    def num_norms(self) -> int:
        """How many BatchNorms there are in the file."""
        return len(self.norms)

    @property
    def fresh_norms(self) -> float:
        """Share of them that never saw a picture, 0..1."""
        return sum(self.norms) / len(self.norms) if self.norms else 0.0

    @once
    def recovered(self) -> Recovered:
        """The normalization of the training."""
        from core.diagnosis.normal import recovered

        return recovered(self)

    @once
    def strange(self) -> bool:
        """Whether the statistics of BatchNorm are beyond belief, whatever is fed."""
        return self.recovered.strange

    @once
    def gauge(self) -> Gauge | None:
        """The first BatchNorm as arithmetic; None where there is none, or samples are no bytes."""
        from core.diagnosis.gauge import gauge_of

        return (
            gauge_of(self.network.module, self.tensor.base) if self.tensor.largest == 255 else None
        )

    @once
    def remembers(self) -> bool:
        """Whether the network has a BatchNorm that can be asked what is familiar."""
        return bool(divergence(self.network.module, self.tensor.tensor, 1))

    def layers(self, changes: Mapping[str, Any]) -> tuple[float, ...]:
        """Nats at the first BatchNorms under changed settings; () where nothing can be heard."""
        if not self.remembers:
            return ()
        try:
            fed = change(self.settings, **{**changes, "dtype": "float32"}).preprocessing
            if fed not in self.heard:
                tensor = preprocess(self.case.image, fed).tensor
                self.forwards += 0.1  # it ends at the fifth BatchNorm
                self.heard[fed] = divergence(self.network.module, tensor)
        except InspectionError:
            return ()
        return self.heard[fed]

    def strangeness(self, changes: Mapping[str, Any]) -> float | None:
        """The median of the same; None where nothing can be heard."""
        layers = self.layers(changes)
        return median(layers) if layers else None

    def strangeness_of_picture(self) -> float:
        """How far the picture is from what all BatchNorms remember, in nats; 0 without any."""
        if not self.remembers:
            return 0.0
        self.forwards += 1
        layers = divergence(self.network.module, self.under(self.mended).input.tensor, ALL)
        return float(np.median(layers)) if layers else 0.0

    @property
    def known_normalization(self) -> Recovered | None:
        """The same, where it was asked for already."""
        return self.__dict__.get("recovered")

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
            self._count(known)
        if known.settings == settings:
            return known
        labels = decode_labels(known.logits.values, settings.decoding)
        return Inspection(known.image, known.network, settings, known.input, known.logits, labels)

    @once
    def unit(self) -> int:
        """Pixels of one full forward: what is fed, or the picture if that is larger."""
        return max(self.case.image.pixels[..., 0].size, self.tensor.tensor[0, 0].numel())

    def _count(self, seen: Inspection) -> None:
        self.forwards += seen.input.tensor[0, 0].numel() / self.unit

    def of_picture(self, image: Image, changes: Mapping[str, Any] | None = None) -> Inspection:
        """Inspect another picture under the user's settings, or changed ones."""
        settings = change(self.settings, **(changes or {}))
        key = logits_key(image, self.network, settings)
        if key not in self._others:
            seen = inspect_directly(replace(self.case, image=image), settings)
            self._others[key] = seen
            self._count(seen)
        known = self._others[key]
        return replace(
            known, settings=settings, labels=decode_labels(known.logits.values, settings.decoding)
        )

    def agreement(self, changes: Mapping[str, Any]) -> float:
        """How much the mask agrees with that of the mirrored picture, in nats."""
        mirror = self.of_picture(mirrored(self.case.image), changes).labels.ids[:, ::-1]
        return mutual_information(self.under(changes).labels.ids, mirror)

    def steady_agreement(self, changes: Mapping[str, Any]) -> float:
        """What of the mask is left in a mirror and in another light, times how sure it is, in nats.

        A convention that is not the training's may give a rich mask, but it is near an edge: a
        little more or less light, and the mask is another.
        """
        ids, others = self.under(changes).labels.ids, self.in_other_lights(changes)
        left = [mutual_information(ids, other.labels.ids) for other in others]
        return self.confidence(changes) * min(self.agreement(changes), *left)

    def in_other_lights(self, changes: Mapping[str, Any]) -> list[Inspection]:
        """The picture a little brighter, and a little darker."""
        return [self.of_picture(image, changes) for image in self.lights]

    def changed(self, changes: Mapping[str, Any]) -> float:
        """Share of the pixels whose class is another one under changed settings, 0..1.

        The larger of what they do alone and what they do beside all that is mended already: two
        faults may hide each other.
        """
        alone = self.under(changes).labels.ids != self.seen.labels.ids
        before, after = self.under(self.mended), self.under({**self.mended, **changes})
        return max(float(alone.mean()), float((before.labels.ids != after.labels.ids).mean()))

    def decision(self, changes: Mapping[str, Any]) -> float:
        """By how much the winning class leads, in logits; the median over the pixels."""
        return float(np.median(lead_of(self.under(changes).logits.values)))

    def steadiness(self, changes: Mapping[str, Any]) -> float:
        """The lead at the median pixel as a share of that at the surest ones, 0..1."""
        lead = lead_of(self.under(changes).logits.values)
        return float(np.median(lead) / max(float(np.quantile(lead, SUREST)), 1e-12))

    def confidence(self, changes: Mapping[str, Any]) -> float:
        """Mean over the pixels of how sure the winning class is, 0..1."""
        return float(self.under(changes).labels.confidence.mean())

    def least_confidence(self, changes: Mapping[str, Any]) -> float:
        """The same as it is, brighter or darker, whatever is worst."""
        others = self.in_other_lights(changes)
        return min(self.confidence(changes), *(float(o.labels.confidence.mean()) for o in others))

    def score(self, changes: Mapping[str, Any]) -> float | None:
        """The mIoU under changed settings; None without a ground truth."""
        truth, seen = self.case.truth, self.under(changes)
        if truth is None or truth.ids.shape != seen.labels.ids.shape:
            return None
        ignore = self.settings.display.ignore_index
        return mean_iou_of(seen.labels.ids, truth.ids, seen.labels.num_classes, ignore)

    def alive(self, changes: Mapping[str, Any]) -> bool:
        """Whether the mask has two classes or more."""
        return main_share(self.under({**self.mended, **changes}).labels.ids) < ONE_CLASS

    @property
    def satisfied(self) -> bool:
        """Whether the ground truth says that the mask is good, so that nothing else is tried."""
        if self.case.truth is None or self.case.truth.ids.shape != self.seen.labels.ids.shape:
            return False
        if self.goodness(self.mended) > GOOD * self.richest:
            return True
        told = self._told(self.under(self.mended).labels.ids)
        return self.has_shapes and told > TOLD * self.richest

    @property
    def head_is_random(self) -> bool:
        """Whether it was found that masks mean nothing, so that comparing them tells nothing."""
        return any(CAUSES[cause].makes_masks_meaningless for cause in self.faults)

    @once
    def unusual(self) -> bool:
        """Whether the picture is so dark, bright or flat that a good network may fail on it."""
        pixels = self.case.image.pixels / 255
        low, high = USUAL_MEAN
        return bool(pixels.std() < USUAL_STD or not low < pixels.mean() < high)

    @once
    def lights(self) -> tuple[Image, ...]:
        """The picture under each of `LIGHTS`."""
        return tuple(lit(self.case.image, share) for share in LIGHTS)

    @once
    def flat(self) -> bool:
        """Whether the picture has so little contrast that this decides how sure a network is."""
        return bool(self.case.image.pixels.std() / 255 < FLAT)

    @property
    def richest(self) -> float:
        """What a mask can tell at most, in nats; a typical mask where there is no ground truth."""
        if self.case.truth is not None and not self.has_shapes:
            return 1.0
        if self.case.truth is not None:
            return self._told(self.case.truth.ids)
        return TYPICAL

    @once
    def counted(self) -> np.ndarray | None:
        """Which pixels of the ground truth count, Bool[h w]; None without one."""
        truth, ignored = self.case.truth, self.settings.display.ignore_index
        return None if truth is None else truth.ids != ignored

    @once
    def has_shapes(self) -> bool:
        """Whether the ground truth has two classes or more, whatever it calls them."""
        if self.case.truth is None or self.counted is None or not self.counted.any():
            return False
        return main_share(self.case.truth.ids[self.counted]) < ONE_CLASS

    def _told(self, ids: np.ndarray) -> float:
        """What a label map tells about the ground truth where that counts, in nats."""
        truth = self.case.truth
        return mutual_information(ids[self.counted], truth.ids[self.counted]) if truth else 0.0

    def goodness(self, changes: Mapping[str, Any]) -> float:
        """How good the mask is under changed settings, in nats; 0 for one that says nothing.

        With a ground truth the mean of what it tells about that, whatever the classes are called,
        and of the mIoU as a share of all that could be told; with one of a single class the share
        that is right; without one, what the mask tells about that of the mirrored picture.
        """
        truth = self.case.truth
        if truth is None or truth.ids.shape != self.case.image.pixels.shape[:2]:
            good = self.agreement(changes)
        elif not self.has_shapes:
            right = (self.under(changes).labels.ids == truth.ids)[self.counted]
            good = float(right.mean()) if right.size else 0.0
        else:
            told = self._told(self.under(changes).labels.ids)
            good = 0.5 * (told + self.richest * (self.score(changes) or 0.0))
        self._note(changes, good)
        return good

    def _note(self, changes: Mapping[str, Any], good: float) -> None:
        key = change(self.settings, **changes)
        if key != self.settings and key not in self.tried:
            different = float((self.under(changes).labels.ids != self.seen.labels.ids).mean())
            words = in_words(self.settings, key)
            self.tried[key] = Tried(words, dict(changes), good, self.score(changes), different)


def lead_of(logits: np.ndarray) -> np.ndarray:
    """By how much the winning class leads at each pixel: Float[classes h w] to Float[h w]."""
    if len(logits) == 1:
        lead: np.ndarray = np.abs(logits[0])
        return lead
    second, first = np.partition(logits, -2, axis=0)[-2:]
    lead = first - second
    return lead


def main_share(ids: np.ndarray) -> float:
    """Share of the most frequent id, 0..1."""
    return float(np.unique(ids, return_counts=True)[1].max() / ids.size)


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
