"""Inside the diagnosis too imports go one way: at the top, in functions, and for types."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOM = ROOT / "core" / "diagnosis"
# Each knows those before it.
FOLDERS = ("measure", "normalization", "reproduction", "checks", "many")


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(ROOM.rglob("*.py"))}


def imported(path):
    """Modules of this room that a file names in any import statement, wherever that stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ([name for name in inner if name in FILES] or [node.module])


def test_no_module_of_the_diagnosis_is_part_of_a_circle():
    graph = {name: set(imported(path)) & FILES.keys() for name, path in FILES.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_of_the_diagnosis_knows_only_those_before_it(folder):
    later = FOLDERS[FOLDERS.index(folder) + 1 :]
    used = {
        name.split(".")[2]
        for path in (ROOM / folder).glob("*.py")
        for name in imported(path)
        if name.startswith("core.diagnosis.")
    }

    assert not used & set(later)
