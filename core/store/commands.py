"""The commands of whoever keeps a server: check what is stored, take a run along, bring one."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from core.errors import InspectionError
from core.store.archive import export_run, import_run
from core.store.check import check, mend
from core.store.place import data_folder, open_store
from core.store.runs import open_run


def add_commands(commands: Any) -> None:
    """Tell the parser of them.

    Args:
        commands: of argparse, which names no type for it.
    """
    verify = commands.add_parser("check", help="verify the stored files; 1 if any is lost")
    verify.add_argument("--mend", action="store_true", help="delete what nobody needs")
    verify.set_defaults(run=_check)
    give = commands.add_parser("export", help="write a shared run as one file, of any size")
    give.add_argument("id", help="what follows ?run= in its link")
    give.add_argument("file", type=Path)
    give.set_defaults(run=_export)
    take = commands.add_parser("import", help="keep a run that was exported")
    take.add_argument("file", type=Path)
    take.set_defaults(run=_import)


def _check(options: argparse.Namespace) -> int:
    store = open_store(data_folder())
    report = check(store, say=lambda line: print(line, file=sys.stderr))
    print(f"{report.whole} files are whole.")
    for digest in report.damaged:
        print(f"Damaged: {digest}. Its owner has to upload it again.")
    for digest in report.missing:
        print(f"Missing: {digest}. Its owner has to upload it again.")
    waste = len(report.orphans) + len(report.leftovers)
    print(f"{waste} files are left of what was never finished, or is needed no more.")
    if options.mend:
        print(f"{mend(store, report)} of them were deleted.")
    return 0 if report.healthy else 1


def _export(options: argparse.Namespace) -> int:
    """Write beside the file and rename: half an export is never taken for a whole one."""
    store, target = open_store(data_folder()), options.file.resolve()
    run = open_run(store, options.id)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            part = Path(folder) / target.name
            with part.open("wb") as file:
                export_run(store, run, file)
            os.replace(part, target)
    except OSError as error:
        raise InspectionError(
            f"{target} cannot be written: {error.strerror}.", remedy="Choose another place."
        ) from error
    print(f"{target}: {target.stat().st_size} bytes")
    return 0


def _import(options: argparse.Namespace) -> int:
    try:
        source = options.file.open("rb")
    except OSError as error:
        raise InspectionError(
            f"{options.file} cannot be read: {error.strerror}.",
            remedy="Look for a mistake in its name.",
        ) from error
    with source:
        run = import_run(open_store(data_folder()), source)
    print(f"?run={run.id}")
    return 0
