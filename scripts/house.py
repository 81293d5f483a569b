"""What the house looks like in figures: `python -m scripts.house [FOLDER]`.

Prints modules over 350 lines, the largest folder, import circles, uses of the session's state
outside its own room, the documented share of public names, and how many files mypy checks.
FOLDER: another checkout, to compare with.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOMS = (
    "app.py",
    "serve.py",
    "core",
    "pages",
    "serving",
    "examples",
    "benchmarks",
    "scripts",
    "maskscope",
)
LONG = 350  # lines of a module
STATE = "pages/components/state"
Graph = dict[str, set[str]]


def main(root: Path) -> None:
    """Print each figure on a line."""
    files = list(_files(root, ROOMS))
    long = sorted(str(path.relative_to(root)) for path in files if _lines(path) > LONG)
    folder, count = Counter(path.parent for path in files).most_common(1)[0]
    circles = cycles(imports(root, [path for path in files if _is_ours(path, root)]))
    public, documented = _documented(files)
    rows = {
        f"modules over {LONG} lines": f"{len(long)} {' '.join(long)}",
        "largest folder": f"{count} modules in {folder.relative_to(root)}",
        "import circles": f"{len(circles)} {'; '.join(' '.join(sorted(c)) for c in circles)}",
        "session_state outside its room": str(_session_state(root)),
        "documented": f"{documented / public:.1%} of {public} public functions and classes",
        "files under mypy": str(len(list(_files(root, _checked(root))))),
    }
    for name, figure in rows.items():
        print(f"{name:32} {figure}")


def _files(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        path = root / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _is_ours(path: Path, root: Path) -> bool:
    return path.relative_to(root).parts[0] in ("core", "pages", "serving", "maskscope")


def _checked(root: Path) -> tuple[str, ...]:
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return tuple(settings["tool"]["mypy"]["files"])


# --- circles --------------------------------------------------------------------------------------


def module_name(path: Path, root: Path) -> str:
    """`core.checkpoint` for core/checkpoint/__init__.py."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(root: Path, paths: list[Path]) -> Graph:
    """Which modules each module imports: at its top, inside functions, and for types."""
    names = {module_name(path, root) for path in paths}
    return {module_name(path, root): _imported(path, names) for path in paths}


def _imported(path: Path, names: set[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & names) or {node.module}
            if inner - names:  # a name that the package's own __init__ binds
                found.add(node.module)
    return found & names


def cycles(graph: Graph) -> list[set[str]]:
    """Sets of modules that import each other, directly or by way of others."""
    reach = {name: _reachable(graph, name) for name in graph}
    circles: list[set[str]] = []
    for name in graph:
        circle = {other for other in reach[name] if name in reach[other]}
        if len(circle | {name}) > 1 and circle not in circles:
            circles.append(circle)
    return circles


def _reachable(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


# --- the rest -------------------------------------------------------------------------------------


def _session_state(root: Path) -> int:
    """Lines that name the session's state outside the room that owns it."""
    owner = root / STATE
    outside = [p for p in _files(root, ("app.py", "pages")) if not p.is_relative_to(owner)]
    if not owner.exists():  # the old house: one file owned it
        outside = [path for path in outside if path.name != "session.py"]
    lines = (line for path in outside for line in path.read_text(encoding="utf-8").splitlines())
    return sum("session_state" in line for line in lines)


def _documented(files: list[Path]) -> tuple[int, int]:
    """How many public functions and classes there are, and how many have a docstring."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [
        node
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, kinds) and not node.name.startswith("_")
    ]
    return len(nodes), sum(ast.get_docstring(node) is not None for node in nodes)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
