"""What the plain data beside weights tells: class names, and the normalization of training."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import Any

from core.checkpoint.nnunet_plans import normalizations_of_plans, plans_in
from core.checkpoint.statements import Normalization
from core.checkpoint.text import read_json

# Where training code keeps them: mmseg (meta/CLASSES, dataset_meta/classes), transformers
# (config.json, id2label), torchvision's weights (categories), and what people write themselves.
NAMES = (
    *("classes", "class_names", "id2label", "categories", "labels", "names", "class_labels"),
    *("classnames", "label_names", "id_to_class", "idx_to_class", "id_to_label", "id2name"),
)
IDS = ("label2id", "class_to_idx", "class_to_id", "name_to_id", "labels_to_ids")  # name -> id
MEAN = re.compile(r"^(.*_)?means?$", re.IGNORECASE)  # mean, image_mean, PIXEL_MEAN, norm_means
STD = re.compile(r"^(.*_)?stds?$", re.IGNORECASE)
MAX_CLASSES = 4096
MAX_DIGITS = 4  # of the number of a class
MAX_CHANNELS = 64
MOST_CHANNELS = 16  # of a buffer
MAX_LOOKED_AT = 5_000  # dicts and lists
NUMBERS = r"[\[(]([-+\d.eE,\s]+)[\])]"
IN_TEXT = re.compile(rf"\bmean\s*=\s*{NUMBERS}\s*,\s*std\s*=\s*{NUMBERS}")  # mmseg's config


def class_names_in(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Class names by id; () where the file names none."""
    if plans := plans_in(metadata):
        return plans.class_names
    for _, part in _dicts(metadata):
        for key, value in part.items():
            last = key.rpartition("/")[2].lower()
            if last in IDS and isinstance(value, Mapping):
                value = {str(id): name for name, id in value.items() if isinstance(id, int)}
            if last in (*NAMES, *IDS) and (names := _names(value)):
                return names
    return ()


def normalizations_in(metadata: Mapping[str, Any]) -> tuple[Normalization, ...]:
    """Every pair of mean and std that the file names, each once."""
    if told := tuple(normalizations_of_plans(metadata)):
        return told
    found: dict[tuple[tuple[float, ...], ...], Normalization] = {}
    for where, part in _dicts(metadata):
        for normalization in (*_pairs(where, part), *_texts(where, part)):
            found.setdefault((normalization.mean, normalization.std), normalization)
    return tuple(found.values())


def is_normalization(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a buffer of this name and shape says how pictures are normalized: one number each.

    >>> is_normalization("mean", (1, 3, 1, 1)), is_normalization("bn.running_mean", (8,))
    (True, False)
    """
    word = name.rpartition(".")[2]
    is_pair = (MEAN.match(word) or STD.match(word)) and not word.lower().startswith("running_")
    return bool(is_pair) and max(shape, default=1) == prod(shape) <= MOST_CHANNELS


def normalizations_of(buffers: Mapping[str, tuple[float, ...]]) -> tuple[Normalization, ...]:
    """Every pair of buffers beside the network, by name with what is before it.

    Args:
        buffers: by the name in the file, one number a channel.
    """
    return tuple(
        Normalization(mean, buffers[other], f"{name}, {other}", by_class=True)
        for name, mean in buffers.items()
        if (other := _partner(name, buffers)) and len(mean) == len(buffers[other])
    )


def _dicts(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every dict inside, the outer ones first, with the place where it is."""
    plain = {key: _read(value) for key, value in metadata.items()}
    todo: deque[tuple[str, Any]] = deque([("", plain)])
    for _ in range(MAX_LOOKED_AT):
        if not todo:
            return
        where, value = todo.popleft()
        if isinstance(value, Mapping):
            yield where, {str(key): part for key, part in value.items()}
            todo += [(f"{where}/{key}".lstrip("/"), part) for key, part in value.items()]
        elif isinstance(value, list | tuple):
            todo += [(where, part) for part in value if isinstance(part, Mapping)]


def _read(value: Any) -> Any:
    """A text that is JSON as what it describes: safetensors can keep nothing but texts."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return read_json(value.encode())
    except (ValueError, RecursionError):
        return value


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
    if part.get("do_normalize") is False:  # transformers: the numbers are there and not used
        return
    for mean, value in part.items():
        std = _partner(mean, part)
        if std and (m := _numbers(value)) and (s := _numbers(part[std])) and len(m) == len(s):
            yield Normalization(m, s, where or f"{mean}, {std}")


def _partner(mean: str, names: Iterable[str]) -> str:
    """The std that belongs to a mean by its name, "" for none: "image_mean" -> "image_std"."""
    start, slash, last = mean.rpartition("/" if "/" in mean else ".")
    if not MEAN.match(last):
        return ""
    wanted = f"{start}{slash}{re.sub(r'mean(s?)$', r'std', last, flags=re.IGNORECASE)}".lower()
    return next((name for name in names if name.lower() in (wanted, f"{wanted}s")), "")


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
