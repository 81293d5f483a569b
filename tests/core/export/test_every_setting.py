"""What is chosen for preprocessing and forward is in the code that people take home."""

from dataclasses import fields, replace
from typing import get_args

import pytest

from core.export import script_input, script_network
from core.export.transforms import albumentations_transform, torchvision_transform
from core.image import ImageFacts
from core.settings import BANDS, CONTROLS, HINTS, SLICE, WINDOW, Forwarding, Preprocessing, Triple
from tests.support.cases import healthy

NAMES = [field.name for field in fields(Preprocessing)]
OF_TRAINING = [  # the others are of the forward, and of the file
    name for name in NAMES if name not in ("dtype", "depth", *BANDS, *SLICE, *WINDOW)
]
OF_FORWARD = [  # the heads are those of the network: test_script.py runs both
    field.name for field in fields(Forwarding) if field.name != "head"
]
FACTS = ImageFacts("TIFF", "6 bands;16", 8, 8, 16, False, 1, False, (0, 65535), bands=6)
VOLUME = replace(FACTS, format="NIFTI", mode="int16 9 x 80 x 70", volume=(9, 80, 70))


def with_and_without(name, part=Preprocessing):
    """The same choices twice; this one is another in the second."""
    beside = CONTROLS[name].beside
    first = replace(part(), **({beside[0]: beside[1][0]} if beside else {}))
    if name == "window_level":  # of a window that is chosen
        first = replace(first, window_width=8.0)
    return first, replace(first, **{name: another(name, getattr(first, name))})


def another(name, value):
    if HINTS[name] is bool:
        return not value
    if HINTS[name] == Triple:
        return (0.25, 0.5, 0.75)
    if HINTS[name] in (int, float):
        return value * 2 or 64
    return get_args(HINTS[name])[-1]


def script(chosen, about=FACTS):
    about = replace(about, chosen=chosen.bands)
    return script_input.loading(chosen, about), script_input.preprocessing(chosen, deep=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_script_says_every_setting(name):
    first, second = with_and_without(name)
    about = VOLUME if name in SLICE else FACTS

    assert script(first, about) != script(second, about)


@pytest.mark.parametrize("name", OF_FORWARD)
def test_the_script_says_every_setting_of_the_forward(name):
    case = healthy()
    first, second = (
        [
            piece(case.checkpoint, case.network, replace(case.settings, forwarding=chosen))
            for piece in (script_network.forwarding, script_network.loading)
        ]
        for chosen in with_and_without(name, Forwarding)
    )

    assert first != second


@pytest.mark.parametrize("name", OF_TRAINING)
def test_torchvisions_transform_says_every_setting(name):
    first, second = with_and_without(name)

    assert torchvision_transform(first) != torchvision_transform(second)


@pytest.mark.parametrize("name", OF_TRAINING)
def test_albumentations_transform_says_every_setting(name):
    first, second = with_and_without(name)

    assert albumentations_transform(first) != albumentations_transform(second)


@pytest.mark.parametrize("says", [script, torchvision_transform, albumentations_transform])
def test_a_z_score_that_is_divided_again_is_said_so(says):
    zscore = Preprocessing(zscore=True)

    assert says(zscore) != says(replace(zscore, divide_again=255.0))
