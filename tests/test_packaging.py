"""The wheel has everything that the app needs, and works in a folder without the repository."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from core.version import VERSION
from tests.support.serving import free_port, serve_command

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("core", "pages", "serving", "examples")
MODULES = ("app.py", "serve.py", "setup.py")
EXTRAS = ("more", "team", "ray")
REQUIREMENTS = ("requirements.txt", *(f"requirements-{extra}.txt" for extra in EXTRAS))
METADATA = ("pyproject.toml", "README.md", "LICENSE", *REQUIREMENTS)


@pytest.fixture(scope="module")
def wheel_file(tmp_path_factory):
    """Built from a copy, as setuptools leaves a folder `build` beside what it packs."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*ROOMS, "maskscope", ".streamlit", "tests/support"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*MODULES, *METADATA):
        shutil.copy(ROOT / name, source / name)
    script = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
    command = [sys.executable, "-c", script, str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(wheel_file):
    with zipfile.ZipFile(wheel_file) as archive:
        yield archive


@pytest.fixture(scope="module")
def facts(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def requirements(name):
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return {re.match(r"[\w-]+", line)[0] for line in lines if line}


# --- what is in it --------------------------------------------------------------------------------


def test_every_file_of_the_app_is_in_the_wheel(wheel):
    files = (path for name in ROOMS for path in (ROOT / name).rglob("*") if path.is_file())
    needed = {f"maskscope/_app/{path.relative_to(ROOT).as_posix()}" for path in files}
    needed |= {
        f"maskscope/_app/{name}" for name in ("app.py", "serve.py", ".streamlit/config.toml")
    }

    missing = {name for name in needed if "__pycache__" not in name} - set(wheel.namelist())
    assert not missing


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    files = {path for path in (ROOT / "maskscope").rglob("*") if path.is_file()}
    needed = {path.relative_to(ROOT).as_posix() for path in files}

    assert "maskscope/py.typed" in needed
    assert {name for name in needed if "__pycache__" not in name} <= set(wheel.namelist())


def test_nothing_of_the_wheel_has_a_name_that_a_project_of_the_user_may_have(wheel):
    roots = {name.split("/")[0] for name in wheel.namelist()}

    assert roots == {"maskscope", f"maskscope-{VERSION}.dist-info"}


def test_no_test_and_no_build_script_is_in_the_wheel(wheel):
    inside = {name.split("/")[2] for name in wheel.namelist() if name.startswith("maskscope/_app/")}

    assert inside == {*ROOMS, "app.py", "serve.py", ".streamlit"}


def test_the_wheel_carries_the_license(wheel, facts):
    text = wheel.read(f"maskscope-{VERSION}.dist-info/licenses/LICENSE").decode()

    assert facts["License-Expression"] == "MIT"
    assert "the Maskscope authors" in text


def test_the_wheel_needs_what_the_requirements_name(facts):
    always = {
        re.match(r"[\w-]+", line)[0]
        for line in facts.get_all("Requires-Dist")
        if "extra ==" not in line
    }

    assert always == requirements("requirements.txt")


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_a_file_of_requirements(facts, extra):
    marked = [line for line in facts.get_all("Requires-Dist") if f'extra == "{extra}"' in line]

    assert extra in facts.get_all("Provides-Extra")
    assert {re.match(r"[\w-]+", line)[0] for line in marked} == requirements(
        f"requirements-{extra}.txt"
    )


def test_the_wheel_the_code_and_the_changelog_name_the_same_version(facts):
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", changelog, re.M)

    assert facts["Version"] == VERSION
    assert released[0] == VERSION


def test_what_is_not_released_yet_stands_on_top_of_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\S+)", changelog, re.M)[0] == "Unreleased"


# --- it works where there is no repository --------------------------------------------------------


@pytest.fixture(scope="module")
def installed(wheel_file, tmp_path_factory):
    """The wheel in a folder of its own; what it needs comes from this environment."""
    folder = tmp_path_factory.mktemp("site")
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(folder))
    command = (sys.executable, "-m", "pip", "install", "-q", *options, str(wheel_file))
    subprocess.run(command, check=True, capture_output=True)
    return folder


def maskscope(installed, *arguments):
    """The command line and the environment of somebody who has installed it."""
    path = os.pathsep.join((str(installed), sysconfig.get_paths()["purelib"]))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return [str(installed / "bin" / "maskscope"), *arguments], {**environment, "PYTHONPATH": path}


def answer(installed, folder, *arguments):
    command, environment = maskscope(installed, *arguments)
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=110
    )


def test_the_command_tells_its_version_and_its_commands(installed, tmp_path):
    version, help_ = answer(installed, tmp_path, "--version"), answer(installed, tmp_path, "--help")

    assert version.stdout == f"maskscope {VERSION}\n"
    assert all(name in help_.stdout for name in ("run", "serve", "inspect", "export"))
    assert str(installed / "maskscope" / "_app") in help_.stdout


def test_inspect_answers_in_another_folder(installed, tmp_path):
    example = installed / "maskscope" / "_app" / "examples"
    shutil.copy(example / "scenes" / "scene_01.png", tmp_path / "cup.png")
    shutil.copy(example / "deeplabv3_desk.pth", tmp_path / "best.pth")

    done = answer(installed, tmp_path, "inspect", "--image", "cup.png", "--checkpoint", "best.pth")

    assert done.returncode == 10, done.stderr
    assert "[P1]" in done.stdout


def test_a_core_of_the_user_is_not_taken_for_ours(installed, tmp_path):
    """A project with a package of that name: the command works, and `import` says it in words."""
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("")
    _, environment = maskscope(installed)
    script = "import core, maskscope; maskscope.__version__"

    command = answer(installed, tmp_path, "--version")
    imported = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert command.stdout == f"maskscope {VERSION}\n"
    assert (
        "NameTakenError: Maskscope has a package named 'core', and so has your" in imported.stderr
    )


def test_importing_the_package_hides_nothing_of_the_user_s(installed, tmp_path):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "__init__.py").write_text("mine = True")
    _, environment = maskscope(installed)
    script = (
        "import sys, maskscope; maskscope.__version__; import examples; "
        "print(examples.mine, 'torch' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert done.stdout == "True False\n", done.stderr


@pytest.mark.browser
def test_run_shows_the_example(installed, tmp_path, page):
    port = free_port()
    command, environment = maskscope(installed, "run", "--port", str(port))

    with serve_command(
        tuple(command), port, tmp_path, tmp_path, **environment, STREAMLIT_SERVER_HEADLESS="true"
    ) as address:
        page.goto(address)
        page.wait_for_selector(".viewer[data-ready]", timeout=60_000)
        page.get_by_text("[0, 1]").first.wait_for(timeout=60_000)
