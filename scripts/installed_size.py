"""Write docs/size.md: what each list of requirements takes on disk, and how long a start takes.

    python -m scripts.installed_size --before a1927e5

Sizes are those of the files that each installed package's RECORD names; a list is all packages that
it needs, one of another. Starts are measured with all other packages hidden from Python, so that
they are as without any extra; `--before` names a commit that is unpacked and measured the same way.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "size.md"
LISTS = ("requirements.txt", "requirements-more.txt", "requirements-medical.txt",
         "requirements-team.txt", "requirements-ray.txt")  # fmt: skip
RUNS = 5
MIB = 2**20
STARTS = {  # what is measured -> lines of Python
    "the room of families": "import core.architectures",
    "the pictures' room": "import core.image",
    "example opened, its network run": (
        "import examples; from core.checkpoint import read_checkpoint; "
        "from core.architectures import build_network; import torch; p = examples.CHECKPOINT; "
        "n = build_network(read_checkpoint(p, name=p.name, digest='d')); "
        "n.module(torch.zeros(1, 3, 64, 64))"
    ),
}
# Python that does not find the modules named in HIDDEN, as if they were not installed.
HIDE = """
import importlib.machinery, json, os, sys
hidden = set(json.loads(os.environ["HIDDEN"]))
finder = importlib.machinery.PathFinder
class Hides:
    @staticmethod
    def find_spec(name, path=None, target=None):
        there = name.partition(".")[0] not in hidden
        return finder.find_spec(name, path, target) if there else None
    invalidate_caches = finder.invalidate_caches
    find_distributions = finder.find_distributions
sys.meta_path[sys.meta_path.index(finder)] = Hides
"""


@dataclass(frozen=True)
class Measured:
    """All figures of one state of the repository."""

    lists: Mapping[str, set[str]]  # the packages of each list
    own: int  # bytes
    starts: Mapping[str, float]  # CPU seconds


def needed(lines: Iterable[str]) -> set[str]:
    """The installed packages that a list of requirements needs, one of another.

    Args:
        lines: of a requirements file.
    """
    found: set[str] = set()
    todo = [(each, "") for line in lines if (each := line.partition("#")[0].strip())]
    while todo:
        text, extra = todo.pop()
        try:
            asked = Requirement(text)
        except InvalidRequirement:
            continue
        if asked.marker and not asked.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(asked.name)
        if name in found and not asked.extras:
            continue
        found.add(name)
        for more in ("", *asked.extras):
            todo += [(each, more) for each in _requires(name)]
    return {name for name in found if _requires(name) or _files(name)}


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []


def _files(name: str) -> list[Path]:
    try:
        return [Path(str(file.locate())) for file in metadata.files(name) or []]
    except metadata.PackageNotFoundError:
        return []


def size_of(names: Iterable[str]) -> int:
    """Bytes of all files of these packages."""
    files = {file for name in names for file in _files(name)}
    return sum(file.stat().st_size for file in files if file.is_file())


def hidden_but(names: set[str]) -> list[str]:
    """Modules of the packages that are installed and not among these."""
    by_module = metadata.packages_distributions()
    others = (
        module
        for module, owners in by_module.items()
        if not names & {canonicalize_name(owner) for owner in owners}
    )
    return sorted(others)


def seconds(code: str, folder: Path, hidden: Iterable[str]) -> float:
    """CPU time of a fresh Python that runs these lines; the median of some.

    Args:
        code: one line.
        folder: of the repository.
        hidden: modules that it does not find.
    """
    told = {**os.environ, "HIDDEN": json.dumps(list(hidden)), "PYTHONPATH": str(folder)}
    taken = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", HIDE + code], cwd=folder, env=told, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken)


def unpacked(commit: str, folder: Path) -> Path:
    """The repository as it was at a commit."""
    archive = subprocess.run(
        ["git", "archive", commit], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder


def own_bytes(folder: Path) -> int:
    """What a wheel takes of this repository: the app without tests, benchmarks and scripts."""
    rooms = ("core", "pages", "maskscope", "examples", "serving")
    files = (file for room in rooms for file in (folder / room).rglob("*"))
    return sum(f.stat().st_size for f in files if f.is_file() and "__pycache__" not in f.parts)


def measured(folder: Path) -> Measured:
    """Look at the lists, and start a Python again and again."""
    lists = {}
    for name in LISTS:
        path = folder / name
        lists[name] = needed(path.read_text().splitlines()) if path.exists() else set()
    plain = lists["requirements.txt"]
    hidden = hidden_but(plain)
    starts = {name: seconds(code, folder, hidden) for name, code in STARTS.items()}
    return Measured(lists, own_bytes(folder), starts)


def _sizes(now: Measured, then: Measured) -> list[str]:
    rows = [
        "| what is installed | packages | MiB | before: packages | MiB |",
        "|---|---|---|---|---|",
    ]
    states = (now.lists, then.lists)
    plain = [state["requirements.txt"] for state in states]
    for name in LISTS:
        cells: list[str] = []
        for state, base in zip(states, plain, strict=True):
            names = state[name]
            added = names - base if name != "requirements.txt" else names
            told = (f"{len(added)}", f"{size_of(added) / MIB:,.0f}") if names else ("-", "-")
            cells += told
        label = f"`{name}`" if name == "requirements.txt" else f"`{name}`, beside it"
        rows.append(f"| {label} | {' | '.join(cells)} |")
    cuda = [{n for n in base if n.startswith(("nvidia", "cuda", "triton"))} for base in plain]
    parts = [(str(len(names)), f"{size_of(names) / MIB:,.0f}") for names in cuda]
    rows.append(f"| of `requirements.txt`: torch's libraries of CUDA | {_row(parts)} |")
    own = [("-", f"{state.own / MIB:.1f}") for state in (now, then)]
    rows.append(f"| Maskscope itself | {_row(own)} |")
    return rows


def _row(parts: Iterable[tuple[str, str]]) -> str:
    return " | ".join(cell for part in parts for cell in part)


def page(now: Measured, then: Measured, commit: str) -> str:
    """The document."""
    starts = [f"| {name} | {now.starts[name]:.2f} | {then.starts[name]:.2f} |" for name in STARTS]
    parts = [
        "# What it takes on disk, and to start",
        f"Written by `python -m scripts.installed_size --before {commit}`. *Before* is that "
        "commit, older than the networks of today, with the packages that are installed now.",
        "Each package counts once, with what it needs in turn; those of an extra are what it adds "
        "to `requirements.txt`.",
        "\n".join(_sizes(now, then)),
        "## Start without extras",
        f"CPU seconds of a fresh Python, the median of {RUNS}, with every package hidden that "
        "`requirements.txt` does not need: neither transformers nor MONAI nor nibabel is found.",
        "\n".join(["| what is run | now | before |", "|---|---|---|", *starts]),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Measure both states, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", required=True, help="a commit to compare with")
    commit = parser.parse_args().before
    with tempfile.TemporaryDirectory() as folder:
        then = measured(unpacked(commit, Path(folder)))
    OUT.write_text(page(measured(ROOT), then, commit), encoding="utf-8")


if __name__ == "__main__":
    main()
