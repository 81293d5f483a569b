"""What outlives a session: files by their SHA-256, and a database that says which are whole.

    stream -> spooled file (fsync) -> blob under its digest (rename) -> row (commit) -> answer

A file without a row does not exist for anybody, so that nothing half written is ever seen.
"""

from core.store.archive import export_run, import_run
from core.store.check import Report, check, mend
from core.store.labels import labels_to_file, read_labels
from core.store.place import data_folder, open_store
from core.store.runs import (
    Kept,
    Note,
    Run,
    add_note,
    delete_run,
    expire_runs,
    list_runs,
    notes_of,
    open_run,
    save_run,
)
from core.store.snapshot import KINDS, Kind, Result, Role, Snapshot
from core.store.store import Store

__all__ = [
    "KINDS",
    "Kept",
    "Kind",
    "Note",
    "Report",
    "Result",
    "Role",
    "Run",
    "Snapshot",
    "Store",
    "add_note",
    "check",
    "data_folder",
    "delete_run",
    "expire_runs",
    "export_run",
    "import_run",
    "labels_to_file",
    "list_runs",
    "mend",
    "notes_of",
    "open_run",
    "open_store",
    "read_labels",
    "save_run",
]
