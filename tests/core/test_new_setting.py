"""A setting is a field: what only carries settings needs no line for a new one.

A copy of `core` gets one more field, and another process asks it. CONTRIBUTING.md says what
else a setting needs; each of those gives it its meaning.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parents[2] / "core"
LAST = '    dtype: Dtype = "float32"\n'
RANGES = "LIMITS: dict[str, tuple[float, float]] = {\n"
ASK = """
import json
from core.diagnosis.normalization.naming import difference_in_words
from core.errors import SettingsError
from core.settings import Settings, change, digest, from_query, to_query
from core.settings_json import from_json, to_json

before, after = Settings(), change(Settings(), gamma=2.2)
try:
    change(before, gamma=99)
    refused = ""
except SettingsError as error:
    refused = error.message
older = to_json(before)
del older["preprocessing"]["gamma"]
try:
    from_json(older)
    unstepped = ""
except SettingsError as error:
    unstepped = error.message
print(json.dumps({
    "address": from_query(to_query(after)) == (after, ()),
    "address of before it": from_query({"color": "bgr"}) == (change(before, color="bgr"), ()),
    "json": from_json(json.loads(json.dumps(to_json(after)))) == after,
    "cache key": digest(before.preprocessing) != digest(after.preprocessing),
    "words": difference_in_words(before, after),
    "refused": refused,
    "unstepped": unstepped,
}))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("more")
    shutil.copytree(CORE, folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "core" / "settings.py"
    text = path.read_text(encoding="utf-8")
    assert LAST in text and RANGES in text
    text = text.replace(LAST, f"{LAST}    gamma: float = 1.0\n")
    path.write_text(text.replace(RANGES, f'{RANGES}    "gamma": (0.1, 10),\n'), encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(told.stdout)


@pytest.mark.parametrize("way", ["address", "address of before it", "json", "cache key"])
def test_a_new_field_is_carried_by(answer, way):
    assert answer[way]


def test_a_new_field_is_told_among_the_differences(answer):
    assert answer["words"] == "gamma 2.2"


def test_a_new_field_is_refused_outside_its_range(answer):
    assert "gamma" in answer["refused"]


def test_json_from_before_a_new_field_asks_for_a_step_of_the_schema(answer):
    assert "gamma is missing" in answer["unstepped"]
