"""What a notebook says becomes settings; where it says nothing, the model does."""

import pytest

from core.errors import SettingsError
from core.presets import PRESETS, apply_preset
from core.settings import Settings, change
from maskscope.living.case import open_case
from tests.support.living import Tiny, picture

PIXELS = picture()[:64, :64]


def settings_of(model=None, **options):
    return open_case(model or Tiny().eval(), PIXELS, **options).case.settings


def test_nothing_said_is_pixels_of_0_to_1_and_the_mode_of_the_model():
    assert settings_of() == Settings()
    assert settings_of(Tiny().train()) == change(Settings(), mode="train")
    assert settings_of(Tiny(channels=1).eval()) == change(Settings(), color="gray")


def test_a_preset_goes_by_its_name():
    assert settings_of(settings="imagenet") == apply_preset(Settings(), "imagenet")


def test_choices_go_by_their_names():
    assert settings_of(settings={"resize": "shorter", "side": 96}).preprocessing.side == 96


def test_settings_are_taken_as_they_are_with_their_class_names():
    given = change(Settings(), class_names=("desk", "cup", "book"), mean=(0.1, 0.2, 0.3))

    assert settings_of(Tiny().train(), settings=given) == given
    assert settings_of(settings=given, class_names=["a", "b"]).display.class_names == ("a", "b")


@pytest.mark.parametrize("given", ["image net", {"mena": (0, 0, 0)}, {"resize": "wide"}])
def test_what_is_no_setting_is_a_sentence(given):
    with pytest.raises(SettingsError) as caught:
        settings_of(settings=given)

    assert caught.value.remedy
    assert "imagenet" in PRESETS
