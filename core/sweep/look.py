"""One picture under all settings of a plan: decoded once, what settings share is computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from core.architectures import Network
from core.dataset.entry import Entry, Truths
from core.diagnosis.measure.batchnorm_divergence import divergence
from core.diagnosis.measure.sizes import middle
from core.engine import Runner
from core.errors import BusyError, InspectionError
from core.image import Image, decode_image
from core.image.read import Reader
from core.inspection import Inspection, run_stages
from core.preprocess import InputTensor
from core.scores import Truth, as_two_classes
from core.settings import Preprocessing, digest
from core.sweep.plan import Named, Plan
from core.sweep.rows import DONE, FAILED, Row, mask_figures, truth_figures

TruthOf = Callable[[Entry, Truths, tuple[int, int]], Truth | None]
KeepLabels = Callable[[str, np.ndarray], None]  # digest, Int32[h w]
Bands = tuple[int, int, int]
V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Decoded:
    """A picture and its truth, read; or why they could not be."""

    index: int  # in the set
    entry: Entry
    images: Mapping[Bands, Image] = field(default_factory=dict)  # for each choice of bands
    truth: Truth | None = None
    trouble: str = ""  # why there is no picture
    truth_trouble: str = ""  # why there is no truth, where the entry names one


def decoded(
    index: int, entry: Entry, truths: Truths, plan: Plan, *, truth_of: TruthOf, read: Reader
) -> Decoded:
    """Read a picture and its truth; what is wrong with them is told, not raised.

    Args:
        index: of the entry in its set.
        entry: where the bytes are.
        truths: what the values of masks mean.
        plan: whose settings choose the bands.
        truth_of: makes ids of a mask's bytes.
        read: where pictures are decoded.
    """
    chosen = {named.settings.preprocessing.bands for named in plan.settings}
    try:
        content = entry.picture.read()
        images = {bands: decode_image(content, bands=bands, read=read) for bands in chosen}
    except (InspectionError, OSError) as error:
        return Decoded(index, entry, trouble=in_words(error))
    if entry.truth is None:
        return Decoded(index, entry, images)
    size = next(iter(images.values())).pixels.shape[:2]
    try:
        return Decoded(index, entry, images, truth_of(entry, truths, size))
    except (InspectionError, OSError) as error:
        return Decoded(index, entry, images, truth_trouble=in_words(error))


def in_words(error: Exception) -> str:
    """What a row says of an error: what happened, and what to do."""
    return f"{error} {error.remedy}" if isinstance(error, InspectionError) else str(error)


class Looker:
    """A network under a plan: a decoded picture in, its rows out."""

    def __init__(self, plan: Plan, network: Network, forward: Runner) -> None:
        """Args: plan; network, that it names; forward, the door to it."""
        self._plan, self._network, self._forward = plan, network, forward
        self._order = sorted(plan.settings, key=_sharing)  # what shares stands side by side
        self._asks_norms = not network.silent_norm

    def rows(self, seen: Decoded, keep: KeepLabels) -> tuple[Row, ...]:
        """One row for each of the settings, in the order of the plan.

        Args:
            seen: the picture.
            keep: takes every label map, where the plan asks for them.

        Raises:
            BusyError: no forward was begun, which is no fault of the picture.
        """
        if seen.trouble:
            return tuple(self._failed(seen, named, seen.trouble) for named in self._plan.settings)
        truth = as_two_classes(seen.truth, max(2, self._network.num_classes))
        known = _Known(_LastKept(self._forward), truth)
        rows = {named.name: self._row(seen, named, known, keep) for named in self._order}
        return tuple(rows[named.name] for named in self._plan.settings)

    def _row(self, seen: Decoded, named: Named, known: _Known, keep: KeepLabels) -> Row:
        began, settings = time.perf_counter(), named.settings
        image = seen.images[settings.preprocessing.bands]
        try:
            made = run_stages(
                image, self._network, settings, forward=known.door, previous=known.last
            )
        except BusyError:
            raise
        except InspectionError as error:
            return self._failed(seen, named, in_words(error))
        known.last = made
        figures = self._figures(made, known)
        if self._plan.keep_labels:
            keep(figures["labels"], made.labels.ids)
        return _done(seen, named, image, time.perf_counter() - began, figures)

    def _figures(self, made: Inspection, known: _Known) -> dict[str, Any]:
        figures = {"first_kl": self._first_kl(made, known), **mask_figures(made.labels)}
        if known.truth is not None:
            figures |= truth_figures(made.labels, known.truth.ids, self._plan.ignore_index)
        return figures

    def _failed(self, seen: Decoded, named: Named, why: str) -> Row:
        return Row(seen.index, seen.entry.name, named.name, FAILED, why)

    def _first_kl(self, made: Inspection, known: _Known) -> float | None:
        """What parts the input from the first BatchNorm's statistics, in nats.

        The forward stops behind it. It is asked once for each preprocessing.
        """
        if not self._asks_norms:
            return None
        fed = made.settings.preprocessing
        if fed not in known.first_kl:
            known.first_kl[fed] = self._measured(made.input)
        return known.first_kl[fed]

    def _measured(self, fed: InputTensor) -> float | None:
        network = self._network
        tensor = middle(fed.tensor, network.sizes) if network.sizes else middle(fed.tensor)
        try:
            layers = self._forward("", lambda: divergence(network.listened, tensor, 1))
        except BusyError:
            raise
        except InspectionError:
            return None
        self._asks_norms = bool(layers)  # without any the whole network was run for nothing
        return layers[0] if layers and np.isfinite(layers[0]) else None


@dataclass(eq=False)
class _Known:
    """What was computed of one picture so far."""

    door: _LastKept
    truth: Truth | None
    last: Inspection | None = None
    first_kl: dict[Preprocessing, float | None] = field(default_factory=dict)


class _LastKept:
    """The door that it is given, and the last logits that came through it.

    Nothing is kept behind the door itself: a sweep would push out what people look at.
    """

    def __init__(self, forward: Runner) -> None:
        self._forward = forward
        self._key, self._made = "", None  # type: str, Any

    def __call__(self, key: str, compute: Callable[[], V], /) -> V:
        if key and key == self._key:
            return self._made  # type: ignore[no-any-return]
        made = self._forward("", compute)
        if key:
            self._key, self._made = key, made
        return made


def _done(
    seen: Decoded, named: Named, image: Image, seconds: float, figures: Mapping[str, Any]
) -> Row:
    height, width = image.pixels.shape[:2]
    return Row(
        seen.index,
        seen.entry.name,
        named.name,
        DONE,
        seen.truth_trouble,
        seconds,
        height,
        width,
        picture_digest=image.digest,
        **figures,
    )


def _sharing(named: Named) -> tuple[str, str]:
    return digest(named.settings.preprocessing), digest(named.settings.forwarding)
