"""The workflow, the hooks and the issue templates say what the code really does."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scripts import bootstrap

ROOT = Path(__file__).resolve().parent.parent
GITHUB = ROOT / ".github"
JOBS = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())["jobs"]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
FORMS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
    if path.stem != "config"
}


def commands(job):
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


# --- the workflow ---------------------------------------------------------------------------------


def test_linux_lints_and_tests_every_python_that_is_promised():
    linux = JOBS["linux"]

    assert linux["runs-on"].startswith("ubuntu-")
    assert linux["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert {"make lint PYTHON=python", "make test PYTHON=python"} <= set(commands("linux"))


def test_macos_and_windows_set_up_and_test_without_a_browser():
    systems = {name.split("-")[0] for name in JOBS["others"]["strategy"]["matrix"]["system"]}
    (command,) = commands("others")
    words = shlex.split(command)

    assert systems == {"macos", "windows"}
    assert words[:3] == ["python", "scripts/bootstrap.py", "test"]
    assert "not browser" in words[words.index("-m") + 1]


def test_actions_are_pinned_by_their_major_version():
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]

    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used)


@pytest.mark.parametrize(
    ("expression", "brought"),
    [
        ("", ["browser", "postgres"]),
        ("not browser", ["postgres"]),
        ("not browser and not postgres", []),
    ],
)
def test_tests_that_are_not_run_bring_no_program(monkeypatch, expression, brought):
    seen = []
    needed = tuple((word, lambda word=word: seen.append(word) or 0) for word, _ in bootstrap.NEEDED)
    monkeypatch.setattr(bootstrap, "NEEDED", needed)
    monkeypatch.setattr(bootstrap, "_pytest", lambda rest: 0)

    assert bootstrap.COMMANDS["test"][1](["-m", expression]) == 0
    assert seen == brought


def test_no_test_runs_where_a_program_is_missing(monkeypatch):
    monkeypatch.setattr(bootstrap, "NEEDED", (("browser", lambda: 2),))
    monkeypatch.setattr(bootstrap, "_pytest", lambda rest: pytest.fail("ran"))

    assert bootstrap.COMMANDS["test"][1]([]) == 2


# --- the hooks ------------------------------------------------------------------------------------


def test_the_hooks_are_the_programs_of_the_set_up():
    hooks = [hook for repository in HOOKS for hook in repository["hooks"]]

    assert [repository["repo"] for repository in HOOKS] == ["local"]
    assert {hook["id"] for hook in hooks} == {"ruff", "ruff-format"}
    assert all(hook["entry"].startswith(".venv/bin/ruff ") for hook in hooks)


# --- the issue templates --------------------------------------------------------------------------


def test_there_are_issue_templates():
    assert len(FORMS) >= 2


@pytest.mark.parametrize("form", FORMS)
def test_a_template_has_what_a_form_needs(form):
    fields = FORMS[form]["body"]
    ids = [field["id"] for field in fields]

    assert FORMS[form]["name"]
    assert FORMS[form]["description"]
    assert {field["type"] for field in fields} <= {"textarea", "input", "dropdown", "checkboxes"}
    assert all(field["attributes"]["label"] for field in fields)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("form", FORMS)
def test_a_template_requires_the_json_of_inspect(form):
    asked = next(field for field in FORMS[form]["body"] if field["id"] == "inspect")

    assert "python -m core inspect" in asked["attributes"]["description"]
    assert asked["attributes"]["render"] == "json"
    assert asked["validations"]["required"]


def test_the_command_of_the_templates_is_one_that_the_command_line_knows():
    texts = [yaml.safe_dump(form, width=1000) for form in FORMS.values()]
    asked = {option for text in texts for option in re.findall(r"(--[a-z]+) ?", text)}
    done = subprocess.run(
        [sys.executable, "-m", "core", "inspect", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert asked == {"--image", "--checkpoint", "--json"}
    assert all(option in done.stdout for option in asked)
