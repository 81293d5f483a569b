"""What the plain data beside weights tells: class names, and the normalization of training."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# Where training code keeps them: mmseg (meta/CLASSES, dataset_meta/classes), transformers
# (config.json, id2label), torchvision's weights (categories), and what people write themselves.
NAMES = ("classes", "class_names", "id2label", "categories", "labels", "names", "class_labels")
PAIRS = (("mean", "std"), ("image_mean", "image_std"), ("pixel_mean", "pixel_std"))
MAX_CLASSES = 4096
MAX_DIGITS = 4  # of the number of a class
MAX_CHANNELS = 64
MAX_LOOKED_AT = 5_000  # dicts and lists
NUMBERS = r"[\[(]([-+\d.eE,\s]+)[\])]"
IN_TEXT = re.compile(rf"\bmean\s*=\s*{NUMBERS}\s*,\s*std\s*=\s*{NUMBERS}")  # mmseg's config


@dataclass(frozen=True)
class Normalization:
    """A mean and std that the file names; not what the network saw, but what somebody wrote."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    where: str  # "preprocessor_config.json", "meta/config"


def class_names_in(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Class names by id; () where the file names none."""
    for _, part in _dicts(metadata):
        for key, value in part.items():
            if key.rpartition("/")[2].lower() in NAMES and (names := _names(value)):
                return names
    return ()


def normalizations_in(metadata: Mapping[str, Any]) -> tuple[Normalization, ...]:
    """Every pair of mean and std that the file names, each once."""
    found: dict[tuple[tuple[float, ...], ...], Normalization] = {}
    for where, part in _dicts(metadata):
        for normalization in (*_pairs(where, part), *_texts(where, part)):
            found.setdefault((normalization.mean, normalization.std), normalization)
    return tuple(found.values())


def _dicts(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every dict inside, the outer ones first, with the place where it is."""
    todo: deque[tuple[str, Any]] = deque([("", metadata)])
    for _ in range(MAX_LOOKED_AT):
        if not todo:
            return
        where, value = todo.popleft()
        if isinstance(value, Mapping):
            yield where, {str(key): part for key, part in value.items()}
            todo += [(f"{where}/{key}".lstrip("/"), part) for key, part in value.items()]
        elif isinstance(value, list | tuple):
            todo += [(where, part) for part in value if isinstance(part, Mapping)]


def _names(value: Any) -> tuple[str, ...]:
    """A list of texts, or a dict of ids to texts without a gap."""
    if isinstance(value, Mapping):
        ids = (key for key in value if str(key).isdecimal() and len(str(key)) <= MAX_DIGITS)
        by_id = {int(key): value[key] for key in ids}
        value = [by_id.get(k) for k in range(len(value))]
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_CLASSES:
        return ()
    return tuple(value) if all(isinstance(name, str) for name in value) else ()


def _pairs(where: str, part: Mapping[str, Any]) -> Iterator[Normalization]:
    last = {key.rpartition("/")[2]: value for key, value in part.items()}
    for mean, std in PAIRS:
        if (m := _numbers(last.get(mean))) and (s := _numbers(last.get(std))) and len(m) == len(s):
            yield Normalization(m, s, where or f"{mean}, {std}")


def _texts(where: str, part: Mapping[str, Any]) -> Iterator[Normalization]:
    for key, text in part.items():
        if not isinstance(text, str):
            continue
        for match in IN_TEXT.finditer(text):
            mean, std = (_numbers(_split(group)) for group in match.groups())
            if mean and len(mean) == len(std):
                yield Normalization(mean, std, f"{where}/{key}".lstrip("/"))


def _split(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",") if number.strip()]
    except ValueError:
        return []


def _numbers(value: Any) -> tuple[float, ...]:
    """One number a channel; () for anything else."""
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_CHANNELS:
        return ()
    if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in value):
        return ()
    numbers = tuple(float(number) for number in value)
    return numbers if all(map(math.isfinite, numbers)) else ()
