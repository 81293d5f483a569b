"""Runs: what somebody shared, under an id that cannot be guessed; never changed, only noted on."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.exc import IntegrityError

from core.errors import InspectionError, MissingRunError, StoreError, StoreFullError
from core.store.database import writing
from core.store.snapshot import Role, Snapshot, from_document, to_document
from core.store.store import Store, storable
from core.store.tables import NOTES, RUN_FILES, RUNS
from core.store.trouble import telling

ID_BYTES = 24  # of chance: 192 bits
ID = re.compile(r"[A-Za-z0-9_-]{32}")
MAX_NOTE, MAX_AUTHOR = 4000, 80  # characters
LIST_LENGTH = 200  # runs that a page shows; a search finds the others


@dataclass(frozen=True)
class Kept:
    """A file of a run."""

    digest: str  # SHA-256, 64 hexadecimal digits
    name: str  # what its user called it


@dataclass(frozen=True)
class Run:
    """What somebody shared."""

    id: str
    created: float  # seconds since 1970
    expires: float | None  # seconds since 1970; None: never
    snapshot: Snapshot
    files: Mapping[Role, Kept]


@dataclass(frozen=True)
class Note:
    """What somebody wrote beside a run."""

    author: str  # as they call themselves; nobody checks it
    text: str
    created: float  # seconds since 1970


@telling()
def save_run(
    store: Store,
    snapshot: Snapshot,
    files: Mapping[Role, Kept],
    expires: float | None = None,
    notes: Sequence[Note] = (),
) -> Run:
    """Keep a run; when this returns, it is on the disk, whole.

    Args:
        store: which has the files already.
        snapshot: what was on the screen.
        files: by role; none of them is forgotten while the run is there.
        expires: seconds since 1970; None: never.
        notes: that are written beside it at once; all of it is kept, or nothing.

    Raises:
        StoreError: a note is empty or too long.
        StoreFullError: one of the files had to make room for others meanwhile.
    """
    run = Run(_new_id(), time.time(), expires, snapshot, dict(files))
    written = [_note_row(run.id, note.author, note.text) for note in notes]
    try:
        with writing(store.engine) as rows:
            rows.execute(RUNS.insert().values(_row(run)))
            if files:
                rows.execute(RUN_FILES.insert(), _file_rows(run))
            if notes:
                rows.execute(NOTES.insert(), written)
    except IntegrityError as error:
        raise StoreFullError(
            "There is no room for this run: its files push each other out of the store.",
            remedy="Delete runs that nobody needs, or have the host raise MASKSCOPE_QUOTA_GB.",
        ) from error
    return run


def _new_id() -> str:
    """Not to be guessed; without a first "-", for which a command line would take an option."""
    while (made := secrets.token_urlsafe(ID_BYTES)).startswith("-"):
        pass
    return made


@telling()
def open_run(store: Store, id: str) -> Run:
    """Find a run by its id.

    Raises:
        MissingRunError: there is none, or none any more.
        StoreError: a newer Maskscope wrote it.
    """
    if not ID.fullmatch(id):
        raise _missing_run()
    found = _runs(store, select(RUNS).where(RUNS.c.id == id))
    if not found:
        raise _missing_run()
    return found[0]


@telling()
def list_runs(store: Store, search: str = "") -> list[Run]:
    """The newest runs that hold all words of the search, in their texts or in their notes."""
    query = select(RUNS).order_by(RUNS.c.created.desc()).limit(LIST_LENGTH)
    for word in search.lower().split():
        noted = select(NOTES.c.run).where(NOTES.c.text.icontains(word, autoescape=True))
        query = query.where(RUNS.c.words.contains(word, autoescape=True) | RUNS.c.id.in_(noted))
    return _runs(store, query, passing_over=True)


@telling()
def delete_run(store: Store, id: str, keep: Collection[str] = ()) -> None:
    """Delete a run, its notes, and the files that no other run needs.

    Args:
        store: where it is.
        id: of the run; one that is not there is deleted already.
        keep: digests of files that are in use otherwise.
    """
    with writing(store.engine) as rows:
        needed = set(rows.scalars(select(RUN_FILES.c.digest).where(RUN_FILES.c.run == id)))
        rows.execute(RUNS.delete().where(RUNS.c.id == id))  # and with it files' roles and notes
        gone = store.forget(rows, needed - set(keep))
    for digest in gone:
        store.sweep(digest)


@telling()
def expire_runs(store: Store, keep: Collection[str] = ()) -> int:
    """Delete the runs whose time is over; returns how many."""
    with store.engine.connect() as rows:
        over = rows.scalars(select(RUNS.c.id).where(RUNS.c.expires <= time.time())).all()
    for id in over:
        delete_run(store, id, keep)
    return len(over)


@telling()
def add_note(store: Store, id: str, author: str, text: str) -> None:
    """Write beside a run.

    Raises:
        MissingRunError: it is not there any more.
        StoreError: nothing was written, or too much.
    """
    row = _note_row(id, author, text)
    try:
        with writing(store.engine) as rows:
            rows.execute(NOTES.insert().values(row))
    except IntegrityError as error:
        raise _missing_run() from error


def _note_row(run: str, author: str, text: str) -> dict[str, Any]:
    if not text.strip() or len(text) > MAX_NOTE:
        raise StoreError(
            f"A note holds 1 to {MAX_NOTE} characters; this one holds {len(text.strip())}.",
            remedy="Write a shorter one, or two." if text.strip() else "Write something.",
        )
    author, text = storable(author.strip(), MAX_AUTHOR), storable(text, MAX_NOTE)
    return {"run": run, "created": time.time(), "author": author, "text": text}


@telling()
def notes_of(store: Store, id: str) -> list[Note]:
    """The notes beside a run, the oldest first."""
    query = select(NOTES).where(NOTES.c.run == id).order_by(NOTES.c.id)
    with store.engine.connect() as rows:
        found = rows.execute(query).mappings().all()
    return [Note(row["author"], row["text"], row["created"]) for row in found]


def _runs(store: Store, query: Select[Any], *, passing_over: bool = False) -> list[Run]:
    """What a query finds, without what has expired.

    Args:
        store: where they are.
        query: of rows of RUNS.
        passing_over: leave out a run that cannot be read; a newer Maskscope's must not hide others.
    """
    query = query.where((RUNS.c.expires.is_(None)) | (RUNS.c.expires > time.time()))
    with store.engine.connect() as rows:
        found = rows.execute(query).mappings().all()
        files = _files_of(rows, [row["id"] for row in found])
    runs = []
    for row in found:
        try:
            snapshot = from_document(row["document"])
        except InspectionError:
            if not passing_over:
                raise
            logging.getLogger(__name__).warning("a stored run cannot be read")
            continue
        kept = files.get(row["id"], {})
        runs.append(Run(row["id"], row["created"], row["expires"], snapshot, kept))
    return runs


def _files_of(rows: Connection, ids: list[str]) -> dict[str, dict[Role, Kept]]:
    files: dict[str, dict[Role, Kept]] = {}
    for row in rows.execute(select(RUN_FILES).where(RUN_FILES.c.run.in_(ids))).mappings():
        files.setdefault(row["run"], {})[row["role"]] = Kept(row["digest"], row["name"])
    return files


def _row(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "created": run.created,
        "expires": run.expires,
        "document": to_document(run.snapshot).replace("\\u0000", ""),  # PostgreSQL refuses it
        "words": _words(run),
    }


def _file_rows(run: Run) -> list[dict[str, str]]:
    return [
        {"run": run.id, "role": role, "digest": kept.digest, "name": storable(kept.name)}
        for role, kept in run.files.items()
    ]


def _words(run: Run) -> str:
    """What a search looks through: names, architecture, what is seen, what was found."""
    snapshot, result = run.snapshot, run.snapshot.result
    texts = [kept.name for kept in run.files.values()]
    texts += [snapshot.checkpoint_name, snapshot.architecture, snapshot.kind]
    if result is not None:
        texts += [result.sentence, *result.class_names]
        findings = result.diagnosis["findings"] if result.diagnosis else []
        texts += [f"{finding['cause']} {finding['name']}" for finding in findings]
    return storable("\n".join(texts).lower(), None)


def _missing_run() -> MissingRunError:
    return MissingRunError(
        "This address points to a run that this server does not have (any more).",
        remedy="Ask whoever shared it for a new link, or go on with the example.",
    )
