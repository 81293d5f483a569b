"""Who may import whom, and what may never stand in the source (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
SERVING = [ROOT / "serve.py", *sorted((ROOT / "serving").rglob("*.py"))]
CORE = sorted((ROOT / "core").rglob("*.py"))
PACKAGE = sorted((ROOT / "maskscope").rglob("*.py"))

# In the direction of the flow: a room imports only rooms above it.
ROOMS = (
    "version",
    "errors",
    "cluster",
    "terminal",
    "forked",
    "settings",
    "orientation",
    "settings_address",
    "settings_json",
    "presets",
    "sketch",
    "onnx_graph",
    "recent",
    "tab_doors",
    "timing",
    "background",
    "store",
    "image",
    "preprocess",
    "checkpoint",
    "architectures",
    "operators",
    "views",
    "inference",
    "cost",
    "feature_maps",
    "engine",
    "labels",
    "colors",
    "saving",
    "one_hot",
    "scores",
    "differences",
    "verdict",
    "inspection",
    "ahead",
    "live",
    "activation_map",
    "mask_file",
    "dataset",
    "diagnosis",
    "deployed",
    "sweep",
    "thumbs",
    "export",
    "__main__",
    "testing",
)
TORCH_ROOMS = {
    "preprocess",
    "checkpoint",
    "architectures",
    "operators",
    "views",
    "inference",
    "cost",
    "feature_maps",
    "engine",
    "activation_map",
    "diagnosis",
    "deployed",
}


def imports(path):
    """Every module that a file imports, and the line; those only for type checkers are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def named(path):
    return str(path.relative_to(ROOT))


def only_filled(found):
    """The files where something was found, by name, with what was found."""
    return {name: things for name, things in found.items() if things}


def that_import(roots, paths):
    """The files that import one of these packages, and which."""
    return only_filled(
        {named(path): {name.split(".")[0] for name in imports(path)} & roots for path in paths}
    )


def room(path):
    return path.relative_to(ROOT / "core").parts[0].removesuffix(".py")


def test_the_rooms_are_the_files_of_core():
    assert {room(path) for path in CORE} - {"__init__"} == set(ROOMS)


def test_core_knows_no_page_and_no_streamlit():
    unknown = {"streamlit", "plotly", "pages", "app", "examples", "tests"}

    assert not that_import(unknown, CORE)


def test_a_room_imports_only_rooms_above_it():
    below = {}
    for path in CORE:
        if path.name == "__init__.py" and path.parent == ROOT / "core":
            continue
        here = ROOMS.index(room(path))
        used = {name.split(".")[1] for name in imports(path) if name.startswith("core.")}
        below[named(path)] = {other for other in used if ROOMS.index(other) > here}

    assert not only_filled(below)


def test_torch_lives_in_the_rooms_before_the_labels():
    after = [path for path in CORE if room(path) not in TORCH_ROOMS]

    assert not that_import({"torch", "torchvision"}, after)


def test_pages_know_no_torch_and_nobody_knows_the_app():
    assert not that_import({"torch", "torchvision", "app"}, APP)


def test_what_stands_before_the_app_knows_no_page_and_no_torch():
    unknown = {"torch", "torchvision", "pages", "app", "examples", "tests"}

    assert not that_import(unknown, SERVING)


def test_the_app_does_not_know_how_it_is_served():
    assert not that_import({"serve", "serving"}, [*APP, *CORE])


def test_the_package_knows_no_page_and_nobody_knows_the_package():
    assert not that_import({"pages", "app", "examples", "tests"}, PACKAGE)
    assert not that_import({"maskscope"}, [*APP, *CORE, *SERVING])


def test_importing_the_package_imports_neither_the_app_nor_torch():
    script = "import sys, maskscope; print({'torch', 'numpy', 'core'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_what_helps_tests_is_used_by_tests_alone():
    users = {
        named(path) for path in [*APP, *CORE, *SERVING, *PACKAGE] if "core.testing" in imports(path)
    }

    assert not users


def test_only_one_room_reads_checkpoint_files():
    readers = {
        room(path)
        for path in CORE
        if {"safetensors", "pickletools", "zipfile", "onnx"} & (set(imports(path)) - known_to(path))
    }

    assert readers <= {"checkpoint"}


def known_to(path):
    """Runs, arrays and data sets are ZIPs, and the process of a graph adds outputs to it."""
    if room(path) in ("store", "deployed", "image", "dataset"):
        return {"zipfile"}
    return {"onnx"} if room(path) == "onnx_graph" else set()


FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler"),
    *("torch.load", "torch.jit.load", "torch.export.load", "torch.hub.load", "joblib.load"),
}


def test_nothing_that_runs_foreign_code_stands_in_the_source():
    found = {named(path): list(foreign_code(path)) for path in [*APP, *CORE, *SERVING, *PACKAGE]}

    assert not only_filled(found)


def foreign_code(path):
    """Calls of a file that run what a file of a stranger says, or could."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if (
            name in FORBIDDEN
            or keywords.get("unsafe_allow_html") == "True"
            or keywords.get("allow_pickle") not in (None, "False")
            or (name in ("Image.open", "PIL.Image.open") and "formats" not in keywords)
        ):
            yield f"line {call.lineno}: {ast.unparse(call)}"


@pytest.mark.parametrize("module", ["core.checkpoint.child", "core.onnx_graph.child"])
def test_a_process_of_its_own_starts_without_torch(module):
    script = f"import sys; import {module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


def test_the_page_is_painted_before_torch_is_imported():
    """Every module that a page imports at its beginning; what a page then calls may load it."""
    parts = [
        path.relative_to(ROOT).with_suffix("").parts for path in APP if "components" in path.parts
    ]
    modules = "; ".join(f"import {'.'.join(names)}" for names in parts)
    script = f"import sys; {modules}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
