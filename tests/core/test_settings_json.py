"""Settings on disk: whole, and understood by every later version."""

import json

import pytest

from core.errors import SettingsError
from core.settings import CONTROLS, PART_OF, Settings, change, flatten
from core.settings_json import SCHEMA, from_json, to_json

CHANGED = change(
    Settings(), mean=(0.485, 0.456, 0.406), color="bgr", zscore=True, class_names=("a|b", "ä,c")
)

# Schema 1: flat, without `depth` and `divide_again`. Never edit it: people may have such files.
OLD = """{"schema": 1, "color": "bgr", "scale": "255", "mean": [0.485, 0.456, 0.406],
 "std": [0.229, 0.224, 0.225], "zscore": false, "resize": "shorter", "height": 520, "width": 520,
 "side": 256, "multiple": 32, "interpolation": "bicubic", "dtype": "float32", "mode": "eval",
 "head": "out", "upsampling": "nearest", "rule": "per_class", "activation": "auto",
 "threshold": 0.25, "palette": "voc", "custom": [], "alpha": 0.3, "ignore_index": -1,
 "class_names": ["road", "sky"]}"""


@pytest.mark.parametrize("settings", [Settings(), CHANGED], ids=["defaults", "changed"])
def test_settings_come_back_as_they_were(settings):
    assert from_json(json.loads(json.dumps(to_json(settings)))) == settings


def test_nothing_is_left_to_a_default_that_may_change():
    written = to_json(Settings())

    assert {name for part in written.values() if isinstance(part, dict) for name in part} == set(
        PART_OF
    )


def test_settings_of_schema_1_mean_what_they_meant():
    settings = from_json(json.loads(OLD))

    assert SCHEMA > 1
    given = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(OLD).items()}
    later = {name for name, control in CONTROLS.items() if control.since > 1}
    defaults = {name: flatten(Settings())[name] for name in later}
    assert {**given, **defaults} == {"schema": 1, **flatten(settings)}


def test_a_field_that_came_later_says_since_which_schema():
    """Or settings from before it are refused, and an older version ignores it silently."""
    first = {name for name, control in CONTROLS.items() if control.since == 1}

    assert first == set(json.loads(OLD)) - {"schema"}
    assert {control.since for control in CONTROLS.values()} <= set(range(1, SCHEMA + 1))


def test_settings_of_schema_3_are_fed_and_run_as_they_were():
    """Before letterbox, orientation, windows and flipped views."""
    chosen = change(Settings(), resize="multiple", red_band=4)
    old = to_json(chosen) | {"schema": 3}
    for name in (name for name, control in CONTROLS.items() if control.since > 3):
        del old[PART_OF[name]][name]

    assert from_json(old) == chosen


def test_settings_of_a_newer_version_are_told_and_not_guessed():
    with pytest.raises(SettingsError, match="newer Maskscope"):
        from_json({**to_json(Settings()), "schema": SCHEMA + 1})


def without(name):
    value = to_json(Settings())
    del value["decoding"][name]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"schema": "2"},
        {"schema": 0},
        {"schema": -5},
        {"schema": True},
        {"schema": 2},
        {"schema": 2, "preprocessing": 3},
        {"schema": 1},
        without("threshold"),
        {**to_json(Settings()), "decoding": {**to_json(Settings())["decoding"], "rule": "odd"}},
        {**to_json(Settings()), "decoding": {**to_json(Settings())["decoding"], "threshold": "x"}},
        {**to_json(Settings()), "display": {**to_json(Settings())["display"], "custom": 7}},
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_settings_is_told_in_a_sentence(value):
    with pytest.raises(SettingsError):
        from_json(value)
