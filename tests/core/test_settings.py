"""Settings: frozen, changed by name, carried by an address, digested for caches."""

import math

import pytest

from core.errors import SettingsError
from core.presets import PRESETS, apply_preset, preset_of
from core.settings import Settings, change, digest, flatten
from core.settings_address import from_query, to_query


def test_a_change_by_name_finds_its_part():
    changed = change(Settings(), std=(1, 2, 3), alpha=0.25)

    assert changed.preprocessing.std == (1.0, 2.0, 3.0)
    assert changed.display.alpha == 0.25
    assert Settings().display.alpha == 0.6


@pytest.mark.parametrize(
    "changes",
    [
        {"std": (1, 2)},
        {"mean": (0, 0, math.nan)},
        {"mean": (0, 0, math.inf)},
        {"alpha": 1.5},
        {"color": "cmyk"},
        {"height": 0},
        {"zscore": "yes"},
        {"divide_again": 0},
        {"class_names": ("a" * 100,)},
        {"no_such_setting": 1},
    ],
)
def test_an_unusable_value_is_refused_with_its_name(changes):
    with pytest.raises(SettingsError, match=next(iter(changes))):
        change(Settings(), **changes)


def test_the_address_form_holds_every_setting_so_that_a_changed_default_changes_no_link():
    assert to_query(Settings()).keys() == flatten(Settings()).keys()


@pytest.mark.parametrize("name", PRESETS)
def test_settings_survive_the_address(name):
    settings = change(
        apply_preset(Settings(), name), class_names=("desk", "cup, red"), custom=("#00ff00",)
    )

    assert from_query(to_query(settings)) == (settings, ())


def test_an_unusable_value_in_the_address_falls_back_and_is_named():
    settings, ignored = from_query({"std": "1,2", "alpha": "0.5", "mode": "dream"})

    assert settings == change(Settings(), alpha=0.5)
    assert ignored == ("mode", "std")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_recognized_from_its_values(name):
    assert preset_of(apply_preset(Settings(), name)) == name


def test_values_of_nobody_are_no_preset():
    assert preset_of(change(Settings(), mean=(0.1, 0.2, 0.3))) is None


def test_a_preset_leaves_what_it_does_not_speak_of():
    settings = change(Settings(), resize="fixed", alpha=0.1)

    assert apply_preset(settings, "imagenet").preprocessing.resize == "fixed"
    assert apply_preset(settings, "imagenet").display.alpha == 0.1


def test_equal_settings_have_equal_digests_and_others_do_not():
    assert digest(Settings()) == digest(Settings())
    assert digest(Settings()) != digest(change(Settings(), alpha=0.61))
