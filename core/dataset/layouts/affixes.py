"""What all names of a folder have before and after what tells them apart: `img_` and `_rgb`."""

from __future__ import annotations

import os
from collections.abc import Iterable

from core.dataset.layouts.layout import Files
from core.dataset.rule import Rule

DIGITS = "0123456789"
FEWEST = 2  # names of a folder, from which on they have something in common


def rule_of_affixes(files: Files, images: str, masks: str) -> Rule | None:
    """The rule by which `images/img_007.png` and `masks/mask_007.png` belong together.

    Args:
        files: of the source.
        images: name of a folder, in small letters.
        masks: of another one.

    Returns:
        None where the names of either folder have nothing in common, or both the same.
    """
    ours, theirs = (_affixes(_stems(files, folder)) for folder in (images, masks))
    if ours == theirs or any(letter in "".join((*ours, *theirs)) for letter in "{}*"):
        return None
    (before, after), (first, last) = ours, theirs
    return Rule(
        f"{{root}}{images}/{before}{{key}}{after}.*", f"{{root}}{masks}/{first}{{key}}{last}.*"
    )


def _stems(files: Files, folder: str) -> list[str]:
    """Of the files that lie directly in folders of this name."""
    parts = (name.rpartition("/") for name in files.names)
    return [
        name.rpartition(".")[0]
        for path, _, name in parts
        if path.rpartition("/")[2].lower() == folder and "." in name
    ]


def _affixes(stems: Iterable[str]) -> tuple[str, str]:
    """Common prefix and suffix, without the digits that belong to a number between them."""
    every = list(stems)
    if len(every) < FEWEST:
        return "", ""
    before = os.path.commonprefix(every).rstrip(DIGITS)  # noqa: RUF071 - names, not paths
    backwards = [stem[len(before) :][::-1] for stem in every]
    after = os.path.commonprefix(backwards)[::-1].lstrip(DIGITS)  # noqa: RUF071 - the same
    return before, after
