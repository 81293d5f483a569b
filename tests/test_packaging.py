"""The wheel has everything that the app needs, and there is one version."""

import re
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from core.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("core", "pages", "serving", "examples")
MODULES = ("app.py", "serve.py")
METADATA = ("pyproject.toml", "README.md", "LICENSE", "requirements.txt", "requirements-extra.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, as setuptools leaves a folder `build` beside what it packs."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*MODULES, *METADATA):
        shutil.copy(ROOT / name, source / name)
    script = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", script, str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def facts(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def requirements(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {re.match(r"[\w-]+", line)[0] for line in lines if line}


def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    files = (path for name in PACKAGES for path in (ROOT / name).rglob("*") if path.is_file())
    needed = {str(path.relative_to(ROOT).as_posix()) for path in files}

    missing = {name for name in needed if "__pycache__" not in name} - set(wheel.namelist())
    assert not missing


def test_app_and_server_are_in_the_wheel_and_no_test_is(wheel):
    roots = {name.split("/")[0] for name in wheel.namelist()}

    assert roots == {*PACKAGES, *MODULES, f"maskscope-{VERSION}.dist-info"}


def test_the_wheel_carries_the_license(wheel, facts):
    text = wheel.read(f"maskscope-{VERSION}.dist-info/licenses/LICENSE").decode()

    assert facts["License-Expression"] == "MIT"
    assert "the Maskscope authors" in text


def test_the_wheel_needs_what_the_requirements_name(facts):
    needed = facts.get_all("Requires-Dist")
    always = {re.match(r"[\w-]+", line)[0] for line in needed if "extra ==" not in line}
    extra = {re.match(r"[\w-]+", line)[0] for line in needed if "extra ==" in line}

    assert always == requirements("requirements.txt")
    assert extra == requirements("requirements-extra.txt")


def test_the_wheel_the_code_and_the_changelog_name_the_same_version(facts):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", changelog, re.M)

    assert facts["Version"] == VERSION
    assert released[0] == VERSION


def test_what_is_not_released_yet_stands_on_top_of_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\S+)", changelog, re.M)[0] == "Unreleased"
