"""What the file itself says about the normalization: the strongest evidence, unless it is refuted.

Numbers that stand in a file need not be those that the network saw. So they are asked what the rest
is asked: do the running statistics say something else, does the mask become worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from core.checkpoint.statements import Normalization
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.normalization.naming import affine
from core.diagnosis.normalization.recovered import Recovered
from core.diagnosis.thresholds import (
    HARM,
    LIKE_TRAINING_NATS,
    MEAN_OF_UNIT,
    SAME_NUMBERS,
    SHOWN_BITS,
    WORSE_FED,
)
from core.errors import InspectionError
from core.presets import PRESETS
from core.settings import Settings, change

STATED = "the file's own numbers"


def with_statement(measured: Measurements, found: Recovered, fixes: Mapping[str, Any]) -> Recovered:
    """The file's own numbers in place of what was found, where nothing speaks against them.

    Args:
        measured: of the case.
        found: what BatchNorm or the masks say.
        fixes: what the findings so far would change.
    """
    stated = list(_usable(measured))
    if len(stated) != 1:  # none, or several that differ: the other evidence decides
        return found
    ((said, changes),) = stated
    fed = _is_fed(measured.settings, changes)
    if _refuted(measured, found, {} if fed else changes, fixes):
        return replace(found, reason=f"{found.reason} The file says otherwise: {said.words}.")
    words = f"The file says so: {said.words}.{_of_the_class(said)}"
    known = replace(found, certainty="certain", reason=words, also="", solved=None)
    if fed:
        return replace(known, family="", changes={})
    return replace(known, family=STATED, changes=changes, margin=1.0, kl=0)


def _usable(measured: Measurements) -> Iterator[tuple[Normalization, dict[str, Any]]]:
    """Each pair of numbers that this network can be fed with, as changes of the settings."""
    checkpoint, channels = measured.case.checkpoint, measured.network.in_channels
    own = set(dict(measured.network.module.named_buffers(recurse=False)))
    for said in checkpoint.stated if checkpoint else ():
        applied = said.by_class and set(said.where.split(", ")) <= own  # by the network itself
        if said.ends and measured.case.image.facts.bits <= SHOWN_BITS:
            continue  # the file has not these numbers, but what somebody made visible of them
        fits = len(said.mean) in (1, channels) and channels in (1, 3) and min(said.std) > 0
        if fits and not applied:
            yield said, _changes(measured, said)


def _changes(measured: Measurements, said: Normalization) -> dict[str, Any]:
    color = measured.settings.preprocessing.color
    if said.zscore:
        return {**PRESETS["zscore"].changes, "color": color}
    large = max(said.mean) > MEAN_OF_UNIT or said.ends is not None
    mean, std = (part * 3 if len(part) == 1 else part for part in (said.mean, said.std))
    plain = PRESETS["bytes" if large else "unit"].changes
    own = {"depth": "file"} if said.ends else {}  # not the 8 bits that are shown of them
    return {**plain, **own, "mean": mean, "std": std, "color": color}


def _is_fed(now: Settings, changes: Mapping[str, Any]) -> bool:
    """Whether the settings are these numbers already, however they are written."""
    if now.preprocessing.zscore or changes.get("zscore"):
        return now.preprocessing.zscore and bool(changes.get("zscore"))
    if now.preprocessing.scale == "max" or changes.get("depth", now.preprocessing.depth) != (
        now.preprocessing.depth
    ):
        return False
    wanted = affine(change(now, **changes).preprocessing)
    return np.allclose(affine(now.preprocessing), wanted, rtol=0, atol=SAME_NUMBERS)


def _refuted(
    measured: Measurements,
    found: Recovered,
    changes: Mapping[str, Any],
    fixes: Mapping[str, Any],
) -> bool:
    """Whether the running statistics are of other numbers; without them, if masks get worse."""
    try:
        kl = measured.batchnorm.input_kl(changes)
        if kl is not None and found.kl and not found.contradictory:
            return kl > LIKE_TRAINING_NATS and kl > WORSE_FED * found.kl
        score = measured.truth.mask_score
        return bool(changes) and score({**fixes, **changes}) < HARM * score(fixes)
    except InspectionError as error:
        measured.failures.add("whether the file's own mean and std fit", error)
        return True


def _of_the_class(said: Normalization) -> str:
    if not said.by_class:
        return ""
    return (
        " They are buffers beside the network: the class that holds it normalizes by itself, so "
        "feed that class pixels of 0 to 1; here the network is run without it."
    )
