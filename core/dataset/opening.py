"""A source to a data set: its files, their layout, which mask belongs to which picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.dataset.entry import DataSet, Entry, FileRef, Truths
from core.dataset.files.listing import Listing
from core.dataset.finding import DataFinding
from core.dataset.layouts import Files, laid_out
from core.dataset.pairing import Pairing, changed, pair
from core.dataset.rule import Rule
from core.dataset.sources import Source, source_at
from core.errors import DataSetError


@dataclass(frozen=True)
class Found:
    """A data set, how its names were paired, and what is odd about them."""

    data: DataSet
    pairing: Pairing
    listing: Listing

    @property
    def findings(self) -> tuple[DataFinding, ...]:
        """What was refused, and what could not be paired; `check_set` looks into the files."""
        return (*self.listing.findings, *self.pairing.findings)


@dataclass(frozen=True)
class Changes:
    """What a person changes about a set that was found; None and {}: nothing."""

    rule: Rule | None = None
    by_hand: Mapping[str, str | None] = field(default_factory=dict)  # picture -> mask, or none
    truths: Truths | None = None


def open_set(source: Source | Path) -> Found:
    """Find the pictures and masks of a source; no picture is decoded.

    Args:
        source: or the path of a folder or a ZIP on this machine.

    Raises:
        DataSetError: it cannot be opened, is over a limit, or has no pictures.
    """
    source = source_at(source) if isinstance(source, Path) else source
    listing = source.files()
    laid = laid_out(Files({file.name: file for file in listing.files}))
    return _found(source.name, laid.pairing, laid.truths, listing)


def repair(found: Found, changes: Changes) -> Found:
    """The same set under another rule, with masks chosen by hand, or with another reading.

    Raises:
        DataSetError: a mask by hand is no file of the set, or the rule finds no picture.
    """
    pairing, names = found.pairing, [file.name for file in found.listing.files]
    if changes.rule is not None:
        pairing = changed(pair(names, changes.rule, pairing.layout), pairing.by_hand)
    if missing := {mask for mask in changes.by_hand.values() if mask} - set(names):
        raise DataSetError(
            f"{min(missing)} is no file of this set.", remedy="Choose one that is listed."
        )
    truths = found.data.truths if changes.truths is None else changes.truths
    return _found(found.data.name, changed(pairing, changes.by_hand), truths, found.listing)


def _found(name: str, pairing: Pairing, truths: Truths, listing: Listing) -> Found:
    files = {file.name: file for file in listing.files}
    entries = tuple(_entry(files, each.name, each.picture, each.mask) for each in pairing.pairs)
    if not entries:
        raise DataSetError(
            f"No picture was found in {name}.",
            remedy="Open a folder or a ZIP of pictures, as images/ with masks/ beside it.",
        )
    return Found(DataSet(name, pairing.layout, entries, truths), pairing, listing)


def _entry(files: Mapping[str, FileRef], name: str, picture: str, mask: str | None) -> Entry:
    return Entry(name, files[picture], None if mask is None else files[mask])
