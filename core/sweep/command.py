"""`python -m core sweep pictures/ best.pth`: many pictures under a few settings."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import InspectionError, StoreError
from core.settings import Settings
from core.sweep.parts import JOURNAL, PARTS
from core.sweep.plan import Named, Plan
from core.sweep.report import in_words, to_dict
from core.sweep.table import LABELS, ROWS, SHEET, Table
from core.sweep.totals import Totals, totals
from core.sweep.worst import worst_first
from core.terminal import for_terminal, read_bytes

if TYPE_CHECKING:  # torch loads when the arguments are understood
    from core.architectures import Network
    from core.dataset import DataSet
    from core.sweep.progress import Progress

DONE, CANNOT, BLACK, PARTLY, INTERRUPTED = 0, 1, 10, 13, 130
DEFAULT_SETTINGS = ("unit", "imagenet")
SAY_SECONDS = 5.0  # between two lines of progress
EPILOG = """settings, each given by one --settings:
  imagenet                      a preset
  fed.json                      a settings.json of the app
  "color=bgr&threshold=0.3"     as in the address of the app
  "mine:color=bgr"              the same with a name

exit status:
  0   every picture was computed under all of the settings
  10  every mask is nothing but background, under all of the settings
  13  some pictures could not be computed, or their ground truth could not be read
  1   the files cannot be opened, or no picture could be computed
  130 it was stopped; --resume goes on
"""
SettingsOf = Callable[[argparse.Namespace], Settings]


def add_sweep_command(commands: Any, settings_of: SettingsOf, presets: tuple[str, ...]) -> None:
    """Tell the parser of it.

    Args:
        commands: of argparse, which names no type for it.
        settings_of: makes Settings of the options `preset` and `settings`.
        presets: their names.
    """
    told = commands.add_parser(
        "sweep",
        help="compare settings on many pictures",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    told.add_argument("source", help="pictures: a folder, a ZIP, a table, s3://...")
    told.add_argument("checkpoint", type=Path, help="of any kind")
    told.add_argument("--part", default="", help="which weights of the file, as in inspect")
    told.add_argument(
        "--settings", action="append", metavar="S", help="see below; up to 8 (unit and imagenet)"
    )
    told.add_argument("--out", type=Path, help="folder for the rows; its name is made where none")
    told.add_argument("--engine", choices=("local", "ray"), help="ray where RAY_ADDRESS is set")
    told.add_argument("--resume", action="store_true", help="go on with what the folder has")
    told.add_argument("--limit", type=int, metavar="N", help="only the first pictures")
    told.add_argument("--ignore-index", type=int, metavar="ID", help="true id that does not count")
    told.add_argument("--keep-masks", action="store_true", help="write the label maps too")
    told.add_argument("--worst", type=int, default=10, metavar="N", help="pictures that are listed")
    told.add_argument("--json", action="store_true", help="print JSON")
    told.set_defaults(run=lambda options: run(options, settings_of, presets))


def run(options: argparse.Namespace, settings_of: SettingsOf, presets: tuple[str, ...]) -> int:
    """Compute, print, and tell by the exit status; see `EPILOG`."""
    named = tuple(
        _named(text, settings_of, presets) for text in options.settings or DEFAULT_SETTINGS
    )
    data = _data(options)
    opened = _Opened.of(options.checkpoint, options.part)
    plan = Plan(
        opened.network.checkpoint_digest,
        named,
        data.truths.ignore_index if options.ignore_index is None else options.ignore_index,
        options.keep_masks,
        options.source if "://" in options.source else str(Path(options.source).resolve()),
    )
    folder = options.out or Path(f"sweep-{plan.digest}")
    _check_empty(folder, options.resume)
    with Table(folder, plan) as table:
        if options.resume and (failed := table.forget_failed()):
            print(f"... {failed} that failed are tried again", file=sys.stderr)
        try:
            _compute(options, data, opened, table)
        except KeyboardInterrupt:
            done = f"Stopped with {len(table.done)} of {len(data.entries)} pictures in {folder}."
            print(f"{done}\nThe same command with --resume goes on.", file=sys.stderr)
            return INTERRUPTED
        table.finish()
        return _tell(options, table)


def _tell(options: argparse.Namespace, table: Table) -> int:
    found = totals(table.rows(), table.plan)
    worst = worst_first(table.rows(), max(0, options.worst))
    files = [table.folder / name for name in (ROWS, SHEET)]
    if table.plan.keep_labels:
        files.append(table.folder / LABELS)
    if options.json:
        print(json.dumps(to_dict(found, worst, files), indent=1))
    else:
        print(for_terminal(in_words(found, worst, files)))
    return _status(list(found.values()))


def _status(found: list[Totals]) -> int:
    computed = sum(each.pictures for each in found)
    if not computed:
        return CANNOT
    if any(each.failed or each.unread_truths for each in found):
        return PARTLY
    return BLACK if sum(each.black for each in found) == computed else DONE


# --- what is opened -------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Opened:
    """A checkpoint's file and its network."""

    path: Path
    part: str
    digest: str
    network: Network

    @classmethod
    def of(cls, path: Path, part: str) -> _Opened:
        from core.architectures import build_network
        from core.checkpoint import read_checkpoint

        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        checkpoint = read_checkpoint(path, name=path.name, digest=digest, choice=part)
        return cls(path, part, digest, build_network(checkpoint))


def _named(text: str, settings_of: SettingsOf, presets: tuple[str, ...]) -> Named:
    """Settings of one --settings; their name is what stands before a colon, else all of it."""
    name, colon, rest = text.partition(":")
    if not colon or "=" in name or Path(text).exists():
        name, rest = text, text
    given = {"preset": "unit", "settings": rest}
    if rest in presets:
        given = {"preset": rest, "settings": ""}
    elif rest.endswith(".json") and name == text:
        name = Path(rest).stem
    return Named(name[:80], settings_of(argparse.Namespace(**given)))


def _data(options: argparse.Namespace) -> DataSet:
    from core.dataset import open_set

    if options.limit is not None and options.limit < 1:
        raise InspectionError(f"--limit is {options.limit}.", remedy="Write a number above 0.")
    found = open_set(options.source)
    for finding in found.findings:
        names = ", ".join(finding.files[:3]) + (", ..." if finding.count > 3 else "")
        print(for_terminal(f"... {finding.title}: {names}"), file=sys.stderr)
    return replace(found.data, entries=found.data.entries[: options.limit])


def _check_empty(folder: Path, resume: bool) -> None:
    """Refuse a folder with rows, unless they are to be kept."""
    journal = folder / JOURNAL
    begun = any((folder / PARTS).glob("*.parquet")) or (
        journal.exists() and journal.stat().st_size > 0
    )
    if begun and not resume:
        raise StoreError(
            f"{folder} has rows already.",
            remedy="Add --resume to go on with them, or name another folder with --out.",
        )


# --- computing ------------------------------------------------------------------------------------


def _compute(options: argparse.Namespace, data: DataSet, opened: _Opened, table: Table) -> None:
    said = 0.0
    for progress in _engine(options, data, opened, table):
        if time.monotonic() - said > SAY_SECONDS or not progress.left:
            said = time.monotonic()
            print(f"... {progress.in_words}", file=sys.stderr)


def _engine(
    options: argparse.Namespace, data: DataSet, opened: _Opened, table: Table
) -> Iterator[Progress]:
    from core.dataset import truth_of

    engine = options.engine or ("ray" if os.environ.get("RAY_ADDRESS") else "local")
    if engine == "local":
        from core.sweep.local import sweep

        return sweep(data, table.plan, opened.network, table, truth_of=truth_of)
    import numpy as np

    from core.sweep.ray_engine import Weights, sweep_on_ray

    content = np.frombuffer(read_bytes(opened.path), np.uint8)
    weights = Weights(content, opened.path.name, opened.digest, opened.part)
    return sweep_on_ray(data, table.plan, weights, table, truth_of=truth_of)
