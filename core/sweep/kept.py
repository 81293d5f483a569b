"""A sweep kept with a run, so that a link opens its table, and its label maps one at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import MissingFileError, StoreError
from core.store import Kept, Role, Run, Snapshot, Store, read_labels, save_run
from core.sweep.finished import read_rows
from core.sweep.plan import Plan
from core.sweep.rows import Row
from core.sweep.table import LABELS, ROWS, Table

MASKS = "labels.parquet"
GROUP = 64  # label maps of a row group, which is read as a whole: about 1 MB
_SCHEMA = pa.schema([("digest", pa.string()), ("file", pa.binary())])


def keep_sweep(
    store: Store, table: Table, snapshot: Snapshot | None = None, expires: float | None = None
) -> Run:
    """Keep a table, and the label maps where the plan asks for them, as a run.

    Args:
        store: takes the files.
        table: opened, with all its rows.
        snapshot: what is opened where only one picture can be; None: the first settings.
        expires: seconds since 1970; None: never.

    Raises:
        StoreFullError: there is no room for them.
    """
    files: dict[Role, Kept] = {"sweep": _put(store, table.finish(), ROWS)}
    if table.plan.keep_labels:
        files["masks"] = _put(store, _joined(table.folder), MASKS)
    first = Snapshot("settings", table.plan.settings[0].settings)
    return save_run(store, snapshot or first, files, expires)


def open_sweep(store: Store, run: Run) -> tuple[Plan, list[Row]]:
    """The plan and all rows of a run that holds a sweep.

    Raises:
        MissingFileError: it holds none, or the table is gone.
        StoreError: the table is damaged.
    """
    return read_rows(store.path(_role(run, "sweep").digest))


def labels_of(store: Store, run: Run, digest: str) -> np.ndarray:
    """The label map that a row names, Int32[h w]; the others are not read.

    Args:
        store: where it is.
        run: of the sweep.
        digest: `Row.labels`.

    Raises:
        MissingFileError: the sweep kept none, or not this one.
        StoreError: it is damaged.
    """
    path = store.path(_role(run, "masks").digest)
    try:
        found = pq.read_table(path, schema=_SCHEMA, filters=[("digest", "=", digest)])
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StoreError(
            "The label maps of this sweep cannot be read.", remedy="Run the sweep again."
        ) from error
    if not len(found):
        raise _missing()
    return read_labels(io.BytesIO(found["file"][0].as_py()))


def _role(run: Run, role: Role) -> Kept:
    if role not in run.files:
        raise _missing()
    return run.files[role]


def _missing() -> MissingFileError:
    return MissingFileError(
        "This run does not have what is asked for: its sweep did not keep it.",
        remedy="Run the sweep again, and let it keep the label maps.",
    )


def _put(store: Store, path: Path, name: str) -> Kept:
    with path.open("rb") as file:
        return Kept(store.put(file, name), name)


def _joined(folder: Path) -> Path:
    """All label maps in one file, by digest, so that one of them is found without the others."""
    target = folder / MASKS
    paths = sorted((folder / LABELS).glob("*/*.npz"))
    with pq.ParquetWriter(target, _SCHEMA) as writer:
        for some in _groups(paths):
            columns = [[path.stem for path in some], [path.read_bytes() for path in some]]
            writer.write_table(pa.table(columns, schema=_SCHEMA))
    return target


def _groups(paths: list[Path]) -> Iterator[list[Path]]:
    return (paths[begin : begin + GROUP] for begin in range(0, len(paths), GROUP))
