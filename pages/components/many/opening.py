"""The set that a tab has open, found once for everybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import streamlit as st

import examples
from core.dataset.files.kept import KeptFile
from core.dataset.hosting import hosted
from core.dataset.opening import Changes, Found, open_set, repair
from core.dataset.rule import Rule
from core.dataset.sources import Folder, Source, uploaded
from core.recent import Recent
from pages.components.state import files, session_many
from pages.components.state.many import EXAMPLE, UPLOADS, Many

SET_BYTES, PER_NAME = 128 * 2**20, 1024  # of all sets that are open; a pair and its two files


@st.cache_resource
def _sets() -> Recent[Found]:
    return Recent(SET_BYTES, lambda found: PER_NAME * (1 + len(found.listing.files)))


def opened() -> Found | None:
    """What the tab's source holds, with what a person changed about it; None where there is none.

    Raises:
        DataSetError: it cannot be opened.
    """
    many = session_many.many()
    if not many.source:
        return None
    key = f"{many.source} {many.files}"
    found = _sets().get_or_make(key, lambda: open_set(_source(many)))
    if many.rule is None and not many.by_hand and many.truths is None:
        return found
    rule = None if many.rule is None else Rule(*many.rule)
    by_hand = {picture: mask or None for picture, mask in many.by_hand}
    return repair(found, Changes(rule, by_hand, many.truths))


def digest_of(found: Found) -> str:
    """Names a set by its files, and by how their masks are paired and read."""
    data = found.data
    return hashlib.sha256(repr((data.name, data.entries, data.truths)).encode()).hexdigest()


def _source(many: Many) -> Source:
    if many.source == EXAMPLE:
        return Folder(Path(examples.SCENES[0]).parent)
    if many.source == UPLOADS:
        folder = str(files.DATA_FOLDER)
        return uploaded([KeptFile(name, digest, folder) for digest, name in many.files])
    return hosted(many.source)
