"""A source to a data set: its files, their layout, which mask belongs to which picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.dataset.entry import DataSet, Entry, FileRef, Truths
from core.dataset.files.limited import has_ending
from core.dataset.files.listing import Listing
from core.dataset.files.table import rows_of
from core.dataset.finding import DataFinding, Noted, merged
from core.dataset.layouts import Files, Laid, laid_out
from core.dataset.look.reading import read_as
from core.dataset.pairing import Pairing, changed, pair
from core.dataset.rule import Rule
from core.dataset.sources import TABLE, Source, source_at
from core.errors import DataSetError
from core.image import read_guarded
from core.image.read import Reader

OWN = "a rule of your own"  # the layout, where somebody wrote one


@dataclass(frozen=True)
class Found:
    """A data set, how its names were paired, and what is odd about them."""

    data: DataSet
    pairing: Pairing
    listing: Listing
    known: bool = False  # the layout, or a person, says what the masks' values mean
    readings: tuple[DataFinding, ...] = ()  # how they are read where it does not

    @property
    def findings(self) -> tuple[DataFinding, ...]:
        """What was refused or not paired, and how masks are read; `look_at_set` reads them all."""
        return merged((*self.listing.findings, *self.pairing.findings, *self.readings))


@dataclass(frozen=True)
class Changes:
    """What a person changes about a set that was found; None and {}: nothing."""

    rule: Rule | None = None
    by_hand: Mapping[str, str | None] = field(default_factory=dict)  # picture -> mask, or none
    truths: Truths | None = None


def open_set(source: Source | Path | str, *, read: Reader = read_guarded) -> Found:
    """Find the pictures and masks of a source.

    No picture is decoded, and of the masks a few, where the layout does not say how they are read.

    Args:
        source: or a path on this machine, or an address, as `source_at` takes it.
        read: where masks are decoded.

    Raises:
        DataSetError: it cannot be opened, is over a limit, or has no pictures.
    """
    source = source_at(source) if isinstance(source, (Path, str)) else source
    listing = source.files()
    laid = laid_out(Files({file.name: file for file in listing.files}))
    if not laid.pairing.num_masks and (rows := _of_tables(listing)) is not None:
        listing, laid = rows
    data = _data(source.name, laid.pairing, laid.truths, listing)
    return _read_as(Found(data, laid.pairing, listing, laid.known), read)


def repair(found: Found, changes: Changes, *, read: Reader = read_guarded) -> Found:
    """The same set under another rule, with masks chosen by hand, or with another reading.

    Raises:
        DataSetError: a mask by hand is no file of the set, or the rule finds no picture.
    """
    pairing, names = found.pairing, [file.name for file in found.listing.files]
    if changes.rule is not None:
        pairing = changed(pair(names, changes.rule, OWN), pairing.by_hand)
    if missing := {mask for mask in changes.by_hand.values() if mask} - set(names):
        raise DataSetError(
            f"{min(missing)} is no file of this set.", remedy="Choose one that is listed."
        )
    pairing, truths = changed(pairing, changes.by_hand), changes.truths or found.data.truths
    data = _data(found.data.name, pairing, truths, found.listing)
    known = found.known or changes.truths is not None
    mended = Found(data, pairing, found.listing, known, () if known else found.readings)
    return _read_as(mended, read) if changes.rule is not None or changes.by_hand else mended


def _of_tables(listing: Listing) -> tuple[Listing, Laid] | None:
    """The rows of Parquet tables as pairs, and their cells as files; None without a table."""
    tables = [file for file in listing.files if has_ending(file.name, (TABLE,))]
    if not tables:
        return None
    noted = Noted()
    pairs, cells = rows_of(tables, noted)
    findings = (*listing.findings, *noted.findings())
    return Listing(tuple(cells), findings), Laid(Pairing("Parquet table", None, tuple(pairs)))


def _read_as(found: Found, read: Reader) -> Found:
    if found.known:
        return found
    truths, readings = read_as(found.data.entries, read)
    return replace(found, data=replace(found.data, truths=truths), readings=readings)


def _data(name: str, pairing: Pairing, truths: Truths, listing: Listing) -> DataSet:
    files = {file.name: file for file in listing.files}
    entries = tuple(_entry(files, each.name, each.picture, each.mask) for each in pairing.pairs)
    if not entries:
        raise _empty(name, listing)
    return DataSet(name, pairing.layout, entries, truths)


def _entry(files: Mapping[str, FileRef], name: str, picture: str, mask: str | None) -> Entry:
    return Entry(name, files[picture], None if mask is None else files[mask])


def _empty(name: str, listing: Listing) -> DataSetError:
    said = {finding.kind_id: finding for finding in listing.findings}
    if table := said.get("unread_table"):
        return DataSetError(f"{name} has no pictures. {table.evidence[0]}", remedy=table.remedy)
    if volume := said.get("volume"):
        return DataSetError(
            f"{name} has no pictures, but {volume.count} volumes of three dimensions, such as "
            f"{volume.files[0]}.",
            remedy=volume.remedy,
        )
    refused = "".join(f" {each.words}" for each in listing.findings[:1] if each.is_fault)
    return DataSetError(
        f"No picture was found in {name}.{refused}",
        remedy="Open a folder or a ZIP of pictures, as images/ with masks/ beside it.",
    )
