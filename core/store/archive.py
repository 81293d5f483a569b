"""A run as one file, and back: a ZIP of run.json and of blobs named by their digest."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

from core.errors import InspectionError
from core.store.foreign_zip import open_zip
from core.store.runs import MAX_NOTE, Kept, Note, Run, notes_of, save_run
from core.store.snapshot import ROLES, Role, from_document, to_document, unreadable
from core.store.spool import chunks
from core.store.store import DIGEST, NAME_LENGTH, Store

HEAD = "run.json"
MAX_HEAD = 8 * 2**20  # bytes of run.json
MAX_NOTES = 1000


def export_run(store: Store, run: Run, target: BinaryIO) -> None:
    """Write a run, its files and its notes; no file is held whole.

    Raises:
        MissingFileError: one of its files is damaged or gone.
    """
    head = {
        "document": json.loads(to_document(run.snapshot)),
        "files": {role: vars(kept) for role, kept in run.files.items()},
        "notes": [vars(note) for note in notes_of(store, run.id)],
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # weights hardly shrink
        archive.writestr(HEAD, json.dumps(head, indent=1))
        for digest in sorted({kept.digest for kept in run.files.values()}):
            archive.write(store.path(digest), f"blobs/{digest}")


def import_run(store: Store, source: BinaryIO) -> Run:
    """Keep what `export_run` wrote, under a new id; the file may come from anybody.

    Every byte is compared with its digest before anything is kept, and nothing is unpacked by name.

    Raises:
        StoreError: it is no such file, or it is damaged; nothing is kept then.
        SettingsError: its settings cannot be used.
        StoreFullError: there is no room for it.
    """
    try:
        archive = open_zip(source)
        head = _head(archive)
        files, notes = _files(head), _notes(head)
        snapshot = from_document(json.dumps(head.get("document")))
        _verify(archive, {kept.digest for kept in files.values()})
    except InspectionError:
        raise
    except Exception as error:  # zipfile and what unpacks for it raise anything
        raise unreadable("the ZIP is damaged, or none") from error
    with archive:
        for kept in files.values():
            with archive.open(f"blobs/{kept.digest}") as blob:
                store.put(blob, kept.name)  # type: ignore[arg-type]
    return save_run(store, snapshot, files, notes=notes)


def _head(archive: zipfile.ZipFile) -> Mapping[str, Any]:
    if HEAD not in archive.namelist() or archive.getinfo(HEAD).file_size > MAX_HEAD:
        raise unreadable("its run.json is missing or too large")
    with archive.open(HEAD) as file:
        text = file.read(MAX_HEAD + 1)  # its stated size may be a lie
    try:
        head = json.loads(text[:MAX_HEAD])
    except (ValueError, RecursionError) as error:
        raise unreadable("its run.json is not JSON") from error
    if not isinstance(head, Mapping):
        raise unreadable("its run.json is not an object")
    return head


def _files(head: Mapping[str, Any]) -> dict[Role, Kept]:
    files = head.get("files")
    if not isinstance(files, Mapping) or not files.keys() <= set(ROLES):
        raise unreadable("it has files of an unknown kind")
    return {role: _kept(value) for role, value in files.items()}


def _kept(value: Any) -> Kept:
    if not isinstance(value, Mapping):
        raise unreadable("a file of it has no digest")
    digest, name = value.get("digest"), value.get("name")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest) or not isinstance(name, str):
        raise unreadable("a file of it has no digest, or no name")
    return Kept(digest, name[:NAME_LENGTH])


def _notes(head: Mapping[str, Any]) -> list[Note]:
    notes = head.get("notes")
    if not isinstance(notes, list) or len(notes) > MAX_NOTES:
        raise unreadable("its notes are no list, or too long a one")
    for note in notes:
        texts = (note.get("author"), note.get("text")) if isinstance(note, Mapping) else (None,)
        if not all(isinstance(text, str) for text in texts):
            raise unreadable("one of its notes is not text")
        if not note["text"].strip() or len(note["text"]) > MAX_NOTE:
            raise unreadable("one of its notes is empty or too long")
    return [Note(note["author"], note["text"], 0.0) for note in notes]


def _verify(archive: zipfile.ZipFile, digests: set[str]) -> None:
    """Exactly the files that the run needs, each with the bytes that its name promises."""
    expected = sorted([HEAD, *(f"blobs/{digest}" for digest in digests)])
    if sorted(archive.namelist()) != expected:
        raise unreadable("it holds other files than its run.json names")
    for info in archive.infolist():
        if info.compress_type != zipfile.ZIP_STORED:  # a small file must not become a large one
            raise unreadable("a file of it is compressed, which an export never is")
    for digest in digests:
        hashed = hashlib.sha256()
        with archive.open(f"blobs/{digest}") as blob:
            for chunk in chunks(blob):  # type: ignore[arg-type]
                hashed.update(chunk)
        if hashed.hexdigest() != digest:
            raise unreadable(f"the bytes of {digest[:16]} do not belong to their name")
