"""What a set says of the convention: most single answers, and never one read backwards."""

import numpy as np
import pytest

from core.diagnosis.many.family import Family
from core.diagnosis.many.light import is_exposure
from core.diagnosis.many.numbers import SetNumbers
from core.diagnosis.many.recovered import from_answers, from_layer
from core.diagnosis.normalization.memory import Memory
from core.diagnosis.normalization.recovered import Recovered, cannot_tell
from core.presets import PRESETS
from core.settings import Settings, change

IMAGENET = change(Settings(), **PRESETS["imagenet"].changes)
MEAN, STD = (np.array(PRESETS["imagenet"].changes[name]) for name in ("mean", "std"))
MEMORY = Memory((0.0, 0.0, 0.0), 1.0, 1.0, "first.weight")


def family(name, mean, std, changes, nats=0.001, fed=0.08):
    numbers = SetNumbers(np.asarray(mean), np.asarray(std), 0.02, 0.1, 0.0, 16)
    ranking = (("imagenet", nats), ("unit", 1.0))
    return Family("rgb", name, "imagenet", changes, nats, fed, numbers, 0.01, ranking)


def told(found, settings=IMAGENET):
    return from_layer({"rgb": found}, MEMORY, settings, "rgb")


def answer(name):
    changes = {**PRESETS[name].changes, "color": "rgb"}
    return Recovered("likely", "", name, changes, 5.0, 0.0, 0.0)


def test_numbers_that_lie_elsewhere_are_told():
    mean, std = MEAN[[1, 2, 0]] - 0.1, STD * [0.5, 1.0, 2.0]
    changes = {**IMAGENET.preprocessing.__dict__, "mean": tuple(mean), "std": tuple(std)}
    keys = PRESETS["imagenet"].changes
    found, lit = told(
        family("numbers of its own", mean, std, {k: changes[k] for k in keys}, fed=0.5)
    )

    assert found.changes["mean"] == tuple(mean) and not lit
    assert found.solved is not None and not found.solved.known_within


def test_the_convention_that_is_fed_read_backwards_is_no_other_one():
    changes = {**PRESETS["imagenet"].changes, "mean": tuple(MEAN[::-1]), "std": tuple(STD[::-1])}
    found, _ = told(family("imagenet", MEAN[::-1], STD[::-1], changes))

    assert found.changes == {}


def test_half_the_light_is_an_exposure_and_other_numbers_are_none():
    dark = family("numbers of its own", MEAN / 2, STD / 2, {}, fed=0.8)
    odd = family("numbers of its own", MEAN / 2, STD * [0.5, 1.0, 2.0], {}, fed=0.8)

    assert is_exposure(dark, IMAGENET.preprocessing)
    assert not is_exposure(odd, IMAGENET.preprocessing)
    assert told(dark) == (told(dark)[0], True) and told(dark)[0].certainty == "cannot tell"


@pytest.mark.parametrize(
    ("names", "family_told"),
    [
        (("unit", "unit", "unit", "imagenet"), "unit"),
        (("unit", "unit", "imagenet", "imagenet"), ""),
        (("unit", "", "", ""), ""),
    ],
)
def test_most_of_the_single_answers_must_say_the_same(names, family_told):
    answers = [answer(name) if name else cannot_tell("Too dark.", (), 0.0) for name in names]
    found = from_answers(answers)

    assert found.family == family_told
    assert (found.certainty == "likely") == bool(family_told)
