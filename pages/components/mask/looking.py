"""Masks in the store, looked at once for everybody."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import streamlit as st

import examples
from core.colors import encode_png
from core.errors import InspectionError
from core.image import Image, read_guarded, read_raster
from core.mask_file import MaskReport, inspect_mask
from core.mask_file.beside import Agreement, beside_truth
from core.mask_file.many import Looked, look_at
from core.recent import Recent
from core.settings import Preprocessing
from pages.components.state import files, session

BYTES = 256 * 2**20  # of what is known of all masks that are open
PER_BYTE = 16  # of a mask's own numbers: its map, its codes, its ids
ROWS = 2000  # lines of tables that are kept


@st.cache_resource
def _looks() -> Recent[Looked]:
    return Recent(BYTES, _weight)


def _weight(looked: Looked) -> int:
    report = looked.report
    return 4096 if report is None else PER_BYTE * report.stored.raster.values.size


def look(digest: str, name: str) -> Looked:
    """What is known of a mask, or why it cannot be read; of a volume, of the chosen slice."""
    return _look(digest, name, session.masks().cut)


def _look(digest: str, name: str, cut: tuple[int, int]) -> Looked:
    def looked() -> Looked:
        try:
            content = files.store().path(digest).read_bytes()
        except InspectionError as error:
            return Looked(name, None, error)
        return look_at(name, content, read=partial(read_guarded, cut=cut))

    return _looks().get_or_make(f"{digest} {name} {cut}", looked)


def row(digest: str, name: str) -> dict[str, Any]:
    """The line of a mask in the table."""
    return _row(digest, name, session.masks().cut)


@st.cache_data(max_entries=ROWS, show_spinner=False)
def _row(digest: str, name: str, cut: tuple[int, int]) -> dict[str, Any]:
    return _look(digest, name, cut).row()


def picture() -> Image | None:
    """The picture that the masks belong to, if one was given.

    Raises:
        InspectionError: it cannot be decoded.
    """
    source = session.masks().picture
    axis, index = session.masks().cut
    chosen = Preprocessing(slice_axis=str(axis), slice_index=index)  # type: ignore[arg-type]
    return files.open_image(source, chosen) if source else None


def agreement(report: MaskReport) -> Agreement | str | None:
    """How the mask agrees with the ground truth, if one was given."""
    source = session.masks().truth
    if not source:
        return None
    truth = look(source, "the ground truth")
    if truth.report is None:
        return f"The ground truth cannot be read. {truth.sentence}"
    return beside_truth(report, truth.report)


def example() -> tuple[str, str]:
    """A black mask as people bring it, kept in the store: digest and name."""
    content = examples.mask_of(examples.SCENES[0]).read_bytes()
    report = inspect_mask(content, read=read_raster)
    ids = report.stored.raster.values if report.reading is None else report.reading.ids
    name = "black_mask.png"
    return files.store().put(io.BytesIO(encode_png(ids.astype("uint8"))), name), name
