"""What a list of requirements takes is counted once for each package, and hidden packages hide."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata

from scripts.installed_size import HIDE, LISTS, ROOT, hidden_but, needed, size_of


def plain():
    return needed((ROOT / LISTS[0]).read_text().splitlines())


def test_a_list_needs_what_its_packages_need_and_nothing_of_an_extra():
    found = plain()

    assert {"torch", "timm", "numpy", "streamlit", "jinja2"} <= found  # jinja2: of torch
    assert not {"monai", "nibabel", "transformers", "pytest"} & found


def test_markers_and_extras_are_asked_and_comments_are_none():
    lines = ["# numpy", "tomli; python_version < '3.8'", "fsspec[s3]  # pillow", ""]

    assert needed(["fsspec"]) == {"fsspec"}
    assert "s3fs" in needed(lines) and not {"numpy", "tomli"} & needed(lines) - needed(["s3fs"])


def test_the_size_of_a_package_is_that_of_its_files():
    files = metadata.files("six") or []
    wanted = sum(path.stat().st_size for f in files if (path := f.locate()).is_file())

    assert size_of({"six"}) == wanted > 10_000


def test_what_is_no_requirement_is_not_found_by_python():
    hidden = hidden_but(plain())
    code = "import importlib.util as u; print([bool(u.find_spec(n)) for n in ('monai', 'numpy')])"
    told = {**os.environ, "HIDDEN": json.dumps(hidden)}
    done = subprocess.run([sys.executable, "-c", HIDE + code], env=told, capture_output=True)

    assert "monai" in hidden and "numpy" not in hidden
    assert done.stdout.decode().strip() == "[False, True]", done.stderr
