"""What the command line answers to many cases, written down, and compared with another tree's.

    python -m benchmarks.answers write before.json      what `python -m core inspect --json` prints
    python -m benchmarks.answers compare before.json after.json

`write` asks about every case of the gallery and the tune part of the benchmark. `compare` prints
what differs: a change of the code that should not change answers is held by it. Texts are only
compared with `--words`, as they may be renamed on purpose.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

from benchmarks.cases import Trial, faulty, healthy, pairs
from benchmarks.workers import one_thread
from core.__main__ import main as command_line
from core.settings_address import to_query
from examples.gallery import cases, material_of
from examples.materials import Material

NEAR = 1e-9  # relative; the same arithmetic in another order
WORDS = frozenset({"verdict", "words", "name", "fix", "code", "reason"})  # keys of texts


def main() -> int:
    """Write the answers of this tree, or compare those of two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, dest="command")
    write = commands.add_parser("write")
    write.add_argument("file", type=Path)
    write.add_argument("--limit", type=int, default=4, help="cases for each fault")
    write.add_argument("--healthy", type=int, default=2, help="pictures for each healthy kind")
    write.add_argument("--workers", type=int, default=2)
    compare = commands.add_parser("compare")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    compare.add_argument("--words", action="store_true", help="compare texts letter by letter too")
    options = parser.parse_args()
    if options.command == "write":
        return _write(options)
    before, after = (json.loads(path.read_text()) for path in (options.before, options.after))
    return _compare(before, after, words=options.words)


def _write(options: argparse.Namespace) -> int:
    every = [*_gallery(), *_tune(options.limit, options.healthy)]
    with ProcessPoolExecutor(options.workers, get_context("spawn"), one_thread) as pool:
        answers = dict(pool.map(_answer, every))
    options.file.write_text(json.dumps(answers, indent=1))
    print(f"{len(answers)} answers in {options.file}")
    return 0


def _gallery() -> Iterator[str]:
    yield from (fault.name for faults in cases().values() for fault in faults)


def _tune(limit: int, calm: int) -> Iterator[Trial]:
    yield from faulty("tune", limit)
    yield from pairs("tune", 1)
    yield from healthy("tune", calm)


def _answer(case: str | Trial) -> tuple[str, Any]:
    """What the command line prints about a case, its exit status, and the case's name."""
    if isinstance(case, Trial):
        return repr(case), _told(case.material)
    named = {fault.name: fault for faults in cases().values() for fault in faults}
    return f"gallery: {case}", _told(material_of(named[case]))


def _told(material: Material) -> dict[str, Any]:
    files = {"image": material.picture, "truth": material.truth, "output": material.saved}
    arguments = ["inspect", "--json", "--settings", urlencode(to_query(material.settings))]
    printed, refused = io.StringIO(), io.StringIO()
    with (
        TemporaryDirectory() as folder,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(refused),
    ):
        for option, content in {**files, "checkpoint": material.checkpoint}.items():
            if content is not None:
                path = Path(folder) / (material.name if option == "checkpoint" else option)
                path.write_bytes(content)
                arguments += [f"--{option}", str(path)]
        status = command_line(arguments)
    said = json.loads(printed.getvalue()) if printed.getvalue() else refused.getvalue()
    return {"status": status, "said": said}


# --- two trees ------------------------------------------------------------------------------------


def _compare(before: dict[str, Any], after: dict[str, Any], *, words: bool) -> int:
    differences = [
        f"{name}: {line}"
        for name in sorted(before.keys() | after.keys())
        for line in _differences(before.get(name), after.get(name), "", words=words)
    ]
    print("\n".join([*differences, f"{len(before)} answers, {len(differences)} differences"]))
    return int(bool(differences))


def _differences(old: Any, new: Any, where: str, *, words: bool) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if words or key not in WORDS:
                yield from _differences(old.get(key), new.get(key), f"{where}.{key}", words=words)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from _differences(*pair, f"{where}[{number}]", words=words)
    elif not _same(old, new):
        yield f"{where.lstrip('.')}: {old!r} before, {new!r} now"


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return old == new or abs(old - new) <= NEAR * max(abs(old), abs(new))
    return bool(old == new)


if __name__ == "__main__":
    sys.exit(main())
