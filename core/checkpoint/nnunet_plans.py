"""What nnU-Net v2 saves beside its weights: the plans, the configuration and the data set's labels.

Its checkpoint is a dict with `network_weights` and `init_args`; the plans are the JSON of its
planning (plans.json), the labels are those of dataset.json.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.checkpoint.statements import Normalization

MOST_PARENTS = 8  # configurations that one inherits from, one from the other
ZSCORE, CT = "ZScoreNormalization", "CTNormalization"
UNIT = "RGBTo01Normalization"
WHERE = "init_args/plans"


@dataclass(frozen=True)
class Plans:
    """One configuration of the plans."""

    name: str  # "2d", "3d_fullres", ...
    values: Mapping[str, Any]  # of the configuration, what it inherits included
    intensities: Mapping[str, Any]  # by channel: mean, std and percentiles of the foreground
    labels: Mapping[str, Any]  # name -> id, or name -> ids of a region
    trainer: str

    @property
    def schemes(self) -> tuple[str, ...]:
        """How each channel was normalized, by the name of nnU-Net's class."""
        found = self.values.get("normalization_schemes")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def patch(self) -> tuple[int, ...]:
        """The size that the training fed: h, w, or depth, h, w; () where none is told."""
        found = self.values.get("patch_size")
        sizes = found if isinstance(found, list) else []
        return tuple(int(side) for side in sizes if isinstance(side, int | float) and side >= 1)

    @property
    def has_regions(self) -> bool:
        """Whether classes overlap, so that each is decided by itself."""
        return any(isinstance(ids, list) for ids in self.labels.values())

    @property
    def class_names(self) -> tuple[str, ...]:
        """By output: all labels by id, or the regions in their order, without the background."""
        if self.has_regions:
            return tuple(name for name, ids in self.labels.items() if ids != 0)
        ids = {name: value for name, value in self.labels.items() if isinstance(value, int)}
        named = sorted((name for name in ids if name != "ignore"), key=lambda name: ids[name])
        return tuple(named) if [ids[name] for name in named] == list(range(len(named))) else ()


def plans_in(metadata: Mapping[str, Any]) -> Plans | None:
    """The plans beside the weights; None where this is no checkpoint of nnU-Net."""
    init = _dict(metadata, "init_args")
    plans, dataset = _dict(init, "plans"), _dict(init, "dataset_json")
    configurations, name = _dict(plans, "configurations"), init.get("configuration")
    if not isinstance(name, str) or not _dict(configurations, name):
        return None
    return Plans(
        name,
        _inherited(configurations, name),
        _dict(plans, "foreground_intensity_properties_per_channel"),
        _dict(dataset, "labels"),
        str(metadata.get("trainer_name", "")),
    )


def _dict(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}


def _inherited(configurations: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What it has itself, over what those have that it inherits from."""
    values: dict[str, Any] = {}
    for _ in range(MOST_PARENTS):
        own = _dict(configurations, name)
        values = {**own, **values}
        name = str(own.get("inherits_from", ""))
    return values


def normalizations_of_plans(metadata: Mapping[str, Any]) -> Iterator[Normalization]:
    """How the pictures of the training were normalized; nothing where the scheme is another."""
    plans = plans_in(metadata)
    if plans is None or len(set(plans.schemes)) != 1:
        return
    channels, scheme = len(plans.schemes), plans.schemes[0]
    if scheme == ZSCORE:
        zeros, ones = (0.0,) * channels, (1.0,) * channels
        yield Normalization(zeros, ones, WHERE, scheme=scheme, zscore=True)
    elif scheme == UNIT:
        yield Normalization((0.0,) * channels, (1.0,) * channels, WHERE, scheme=scheme)
    elif scheme == CT:
        yield from _of_ct(plans)


def _of_ct(plans: Plans) -> Iterator[Normalization]:
    """Mean, std and the two ends of the foreground's intensities, in the file's own numbers."""
    channels = [_dict(plans.intensities, str(number)) for number in range(len(plans.schemes))]
    names = ("mean", "std", "percentile_00_5", "percentile_99_5")
    told = [[_number(channel.get(name)) for name in names] for channel in channels]
    if not told or any(math.isnan(value) for channel in told for value in channel):
        return
    means, stds, lows, highs = (tuple(column) for column in zip(*told, strict=True))
    yield Normalization(means, stds, WHERE, scheme=CT, ends=(min(lows), max(highs)))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
