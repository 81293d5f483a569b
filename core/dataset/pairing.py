"""Which mask belongs to which picture, by name: a value that can be shown and changed."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from core.dataset.files.limited import MASKS_ONLY, PICTURES, has_ending
from core.dataset.finding import DataFinding, Noted
from core.dataset.rule import Key, Rule
from core.errors import DataSetError

SECONDS = 20.0  # for all names; 10,000 take 0.05
NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Pair:
    """A picture and its mask, by the names of their files."""

    name: str  # unique in the set, what a person reads
    picture: str
    mask: str | None = None


@dataclass(frozen=True)
class Pairing:
    """All pairs, in the order of their names, and what could not be paired."""

    layout: str
    rule: Rule | None  # None: pictures alone, or a table whose rows are the pairs
    pairs: tuple[Pair, ...]
    left: tuple[str, ...] = ()  # masks without a picture
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # picture -> its masks
    twins: tuple[tuple[str, ...], ...] = ()  # pictures that differ only in their ending
    by_hand: Mapping[str, str | None] = field(default_factory=dict)  # picture -> mask, or none
    notes: tuple[DataFinding, ...] = ()  # what the layout itself has to say

    @property
    def num_masks(self) -> int:
        """How many pictures have one."""
        return sum(pair.mask is not None for pair in self.pairs)

    @property
    def masks(self) -> tuple[str, ...]:
        """All masks that could be chosen by hand, in the order of their names."""
        doubled = (mask for masks in self.several.values() for mask in masks)
        return tuple(sorted({*self.left, *doubled, *(p.mask for p in self.pairs if p.mask)}))

    @property
    def words(self) -> str:
        """In a line: "1,449 of 1,449 pictures have a mask"."""
        return f"{self.num_masks:,} of {len(self.pairs):,} pictures have a mask"

    @property
    def findings(self) -> tuple[DataFinding, ...]:
        """What could not be paired by name, nor was by hand."""
        noted, used = Noted(), {pair.mask for pair in self.pairs}
        for mask in self.left:
            if mask not in used:
                noted.add("mask_without_picture", mask)
        for each in self.pairs:
            masks = self.several.get(each.picture, ())
            if masks and each.picture not in self.by_hand:
                noted.add("two_masks", each.picture, f"{each.picture}: {' and '.join(masks[:4])}.")
            elif each.mask is None and self.rule is not None:
                noted.add("picture_without_mask", each.picture)
        for files in self.twins:
            noted.add("two_pictures", files[0], f"{' and '.join(files[:4])} have one name.")
        return (*noted.findings(), *self.notes)


def pair(names: Iterable[str], rule: Rule, layout: str) -> Pairing:
    """Join names by a rule; names that fit neither pattern are no part of the set.

    Args:
        names: of all files.
        rule: by which they belong together.
        layout: its name, for people.
    """
    pictures, masks = _by_key(names, rule)
    shown = _shown(pictures)
    pairs = [
        Pair(shown[key] + (_ending(file) if len(files) > 1 else ""), file, _only(masks.get(key)))
        for key, files in pictures.items()
        for file in files
    ]
    several = {
        file: tuple(masks[key])
        for key, files in pictures.items()
        if len(masks.get(key, ())) > 1
        for file in files
    }
    left = tuple(file for key in sorted(masks.keys() - pictures.keys()) for file in masks[key])
    twins = tuple(tuple(files) for files in pictures.values() if len(files) > 1)
    return Pairing(layout, rule, _in_order(_unique(pairs)), left, several, twins)


def alone(names: Iterable[str]) -> Pairing:
    """Every picture, without a mask."""
    kept = [name for name in names if has_ending(name, PICTURES)]
    return Pairing("pictures", None, _in_order(Pair(name, name) for name in kept))


def changed(pairing: Pairing, by_hand: Mapping[str, str | None]) -> Pairing:
    """The same with masks that a person chose, or took away.

    Args:
        pairing: as it was found.
        by_hand: picture -> mask, or None for none.
    """
    pairs = tuple(
        replace(each, mask=by_hand[each.picture]) if each.picture in by_hand else each
        for each in pairing.pairs
    )
    return replace(pairing, pairs=pairs, by_hand={**pairing.by_hand, **by_hand})


def _by_key(names: Iterable[str], rule: Rule) -> tuple[dict[Key, list[str]], dict[Key, list[str]]]:
    pictures: dict[Key, list[str]] = {}
    masks: dict[Key, list[str]] = {}
    end = time.monotonic() + SECONDS
    for name in names:
        if time.monotonic() > end:
            raise DataSetError(
                "Pairing all names by this rule takes too long.",
                remedy="Write a rule with fewer stars.",
            )
        if has_ending(name, (*PICTURES, *MASKS_ONLY)) and (key := rule.mask_key(name)):
            masks.setdefault(key, []).append(name)
        elif has_ending(name, PICTURES) and (key := rule.picture_key(name)):
            pictures.setdefault(key, []).append(name)
    return pictures, masks


def _only(masks: list[str] | None) -> str | None:
    """Of several masks none: nothing says which is right."""
    return masks[0] if masks and len(masks) == 1 else None


def _unique(pairs: list[Pair]) -> list[Pair]:
    """Pairs that would be called the same are called by the whole name of their picture."""
    count = Counter(each.name for each in pairs)
    return [replace(each, name=each.picture) if count[each.name] > 1 else each for each in pairs]


def _ending(name: str) -> str:
    return f".{name.rpartition('.')[2]}"


def _shown(keys: Iterable[Key]) -> dict[Key, str]:
    """Names for people: without the folders that all have in common, as far as a rule splits."""
    every = list(keys)
    before = [[*root.split("/")[:-1], *([split] if split else [])] for root, split, _ in every]
    common = _common(before)
    return {
        key: "/".join([*folders[common:], key[2]])
        for key, folders in zip(every, before, strict=True)
    }


def _common(rows: list[list[str]]) -> int:
    """How many first items all rows have in common."""
    shared = [len(set(items)) == 1 for items in zip(*rows, strict=False)]
    return shared.index(False) if False in shared else len(shared)


def _in_order(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """By name, numbers in them by their size: 2 before 10."""
    return tuple(sorted(pairs, key=lambda each: _natural(each.name)))


def _natural(name: str) -> list[tuple[int, str]]:
    parts = NUMBER.split(name)
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]
