"""Model, picture and what the user has beside them as a Case of the diagnosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.colors import palette_colors
from core.diagnosis import Case
from core.errors import SettingsError
from core.presets import PRESETS, apply_preset
from core.scores import Truth, as_two_classes
from core.settings import Preprocessing, Settings, change
from maskscope.feeding.measured import Feeding, measure_feeding
from maskscope.living.model import Model, open_model
from maskscope.picture import open_picture, open_truth


@dataclass(frozen=True, eq=False)
class Opened:
    """The case, and the user's model behind it."""

    case: Case
    model: Model
    feeding: Feeding | None  # what the user's preprocessing does; None where they gave none

    @property
    def is_whole(self) -> bool:
        """Whether all of the user's picture is fed."""
        return self.feeding is None or self.feeding.is_whole


def open_case(
    model: Any,
    image: Any,
    *,
    preprocess: Any = None,
    truth: Any = None,
    settings: Settings | str | Mapping[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
) -> Opened:
    """Open all that was given; see `maskscope.inspect`.

    Raises:
        InspectionError: the model cannot be run, or picture or ground truth cannot be read.
    """
    decoding = _decoding(settings)
    picture, content = open_picture(image, decoding)
    names = tuple(map(str, class_names or ()))
    size = (picture.pixels.shape[0], picture.pixels.shape[1])
    feeding = None if preprocess is None else measure_feeding(preprocess, image, picture)
    opened = open_model(model, (0, *size) if feeding is None else feeding.values.shape, names)
    network = opened.network
    named = {"class_names": names} if names else {}
    chosen = change(_settings(settings, opened), **named, **_measured(feeding))
    colors = palette_colors(chosen.display, network.num_classes)
    marked, file = (None, None) if truth is None else open_truth(truth, colors, size, decoding.cut)
    if feeding is not None:
        picture, marked = feeding.picture, _cropped(marked, feeding)
    case = Case(
        image=picture,
        checkpoint=opened.checkpoint,
        network=network,
        settings=chosen,
        truth=as_two_classes(marked, max(2, network.num_classes)),
        picture_file=content if feeding is None or feeding.is_whole else None,
        truth_file=file,
    )
    return Opened(case, opened, feeding)


def _decoding(given: Settings | str | Mapping[str, Any] | None) -> Preprocessing:
    """What the user says of slice, bands and window, which is needed before the model is."""
    if isinstance(given, Settings):
        return given.preprocessing
    if given is None or isinstance(given, str):
        return Preprocessing()
    return change(Settings(), **dict(given)).preprocessing


def _measured(feeding: Feeding | None) -> Mapping[str, Any]:
    return {} if feeding is None else feeding.changes


def _cropped(truth: Truth | None, feeding: Feeding) -> Truth | None:
    """The ground truth of the part of the picture that is fed."""
    if truth is None:
        return None
    top, left, bottom, right = feeding.crop
    return replace(truth, ids=truth.ids[top:bottom, left:right])


def _settings(given: Settings | str | Mapping[str, Any] | None, model: Model) -> Settings:
    """What the user says; where they say nothing, how the model is used now."""
    if isinstance(given, Settings):
        return given
    start = change(Settings(), **model.changes)
    if model.network.in_channels == 1:
        start = change(start, color="gray")
    if isinstance(given, str):
        return _preset(start, given)
    return change(start, **dict(given or {}))


def _preset(start: Settings, name: str) -> Settings:
    if name not in PRESETS:
        raise SettingsError(
            f"There is no preset {name!r}.", remedy=f"Choose one of {', '.join(PRESETS)}."
        )
    return apply_preset(start, name)
