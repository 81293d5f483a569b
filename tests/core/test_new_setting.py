"""A setting is a field: address, JSON, cache key, words and sidebar need no line for a new one.

A copy of the house gets a switch, a choice and a number, and another process asks it.
CONTRIBUTING.md says what else a setting needs; each of those gives it its meaning.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from core.errors import SettingsError
from core.settings import Settings
from core.settings_json import SCHEMA, from_json, to_json
from tests.support.serving import ROOT

LAST = '    dtype: Annotated[Dtype, Control("Data type")] = "float32"\n'
FIELDS = f"""\
    gamma: Annotated[float, Control("Gamma", limits=(0.1, 10), step=0.1, since={SCHEMA + 1})] = 1.0
    flipped: Annotated[bool, Control("Flipped", since={SCHEMA + 1})] = False
    edge: Annotated[
        Literal["black", "mirror"],
        Control("Edge", {{"mirror": "mirrored"}}, beside=("flipped", (True,)), since={SCHEMA + 1}),
    ] = "black"
"""
CHANGES = {"gamma": 2.2, "flipped": True, "edge": "mirror"}
PAGE = """
from pages.components.state import page
from pages.components.widgets import sidebar

page.open_page("A page with nothing but the sidebar")
sidebar.show()
"""
ASK = """
import json, sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

from core.diagnosis.normalization.naming import difference_in_words
from core.errors import SettingsError
from core.settings import Settings, change, digest
from core.settings_address import from_query, to_query
from core.settings_json import from_json, to_json

changes, older = json.loads(sys.argv[1]), json.loads(sys.argv[2])


def refused(call):
    try:
        call()
        return ""
    except SettingsError as error:
        return error.message


def controls(app):
    each = (*app.sidebar.number_input, *app.sidebar.checkbox, *app.sidebar.selectbox)
    return {one.key.removeprefix("set_"): one for one in each if one.key}


before, after = Settings(), change(Settings(), **changes)
incomplete = to_json(before)
del incomplete["preprocessing"]["gamma"]

app = AppTest.from_file(str(Path("app.py").resolve()), default_timeout=120).run()
first = {name: one.label for name, one in controls(app).items()}
controls(app)["flipped"].check()
controls(app)["gamma"].set_value(2.2).run()
controls(app)["edge"].select("mirror").run()
print(json.dumps({
    "address": from_query(to_query(after)) == (after, ()),
    "address of before it": from_query({"color": "bgr"}) == (change(before, color="bgr"), ()),
    "json": from_json(json.loads(json.dumps(to_json(after)))) == after,
    "json of before it": from_json(older) == before,
    "cache key": digest(before.preprocessing) != digest(after.preprocessing),
    "sidebar": app.session_state.tab.settings == after and not app.exception,
    "words": difference_in_words(before, after),
    "refused": refused(lambda: change(before, gamma=99)),
    "incomplete": refused(lambda: from_json(incomplete)),
    "written": to_json(after),
    "labels": first,
    "options": controls(app)["edge"].options,
}))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("more")
    for room in ("core", "pages", "examples"):
        left = shutil.ignore_patterns("__pycache__", "zoo", "*.pth", "*.pt")
        shutil.copytree(ROOT / room, folder / room, ignore=left)
    (folder / "app.py").write_text(PAGE, encoding="utf-8")
    path = folder / "core" / "settings.py"
    text = path.read_text(encoding="utf-8")
    assert LAST in text
    path.write_text(text.replace(LAST, LAST + FIELDS), encoding="utf-8")
    given = (json.dumps(CHANGES), json.dumps(to_json(Settings())))
    own = {**os.environ, "MASKSCOPE_DATA": str(folder / "data")}
    asked = subprocess.run(
        [sys.executable, "-c", ASK, *given], cwd=folder, env=own, capture_output=True, text=True
    )
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)


@pytest.mark.parametrize(
    "way",
    ["address", "address of before it", "json", "json of before it", "cache key", "sidebar"],
)
def test_a_new_field_is_carried_by(answer, way):
    assert answer[way]


def test_a_new_field_has_its_control_in_the_sidebar(answer):
    assert answer["labels"]["gamma"] == "Gamma"
    assert answer["labels"]["flipped"] == "Flipped"
    assert "edge" not in answer["labels"]  # without a meaning before the switch is on
    assert answer["options"] == ["black", "mirrored"]


def test_a_new_field_is_told_among_the_differences(answer):
    assert answer["words"] == "gamma 2.2, flipped True, edge mirror"


def test_a_new_field_is_refused_outside_its_range(answer):
    assert "gamma" in answer["refused"]


def test_json_that_should_have_the_new_field_is_refused_without_it(answer):
    assert "gamma is missing" in answer["incomplete"]


def test_json_with_a_new_field_is_refused_by_the_version_before_it(answer):
    with pytest.raises(SettingsError, match="newer Maskscope"):
        from_json(answer["written"])
