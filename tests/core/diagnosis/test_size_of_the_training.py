"""S1 by masks alone: BatchNorm says which of two sizes is that of the training."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks.cases import material
from core.diagnosis.checks.feeding import _is_guess, _is_nearer
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.sizes import at_size
from core.diagnosis.progress import Progress
from core.settings import change
from examples.materials import case_of
from examples.zoo import ZOO

HALF = at_size((64, 96))


@pytest.fixture(scope="module")
def right():
    return material(ZOO["unet_unit"], 1_000, truth=False)


def saying(now: float, then: float, *, can_be_asked: bool = True) -> SimpleNamespace:
    """A case whose BatchNorms are so many nats from the input now, and at half the size."""
    nats = {False: now, True: then}
    norm = SimpleNamespace(
        can_be_asked=can_be_asked, input_kl_of_all=lambda changes: nats[changes == HALF]
    )
    return SimpleNamespace(batchnorm=norm)


@pytest.mark.parametrize(("now", "then", "nearer"), [(0.042, 0.023, True), (0.176, 0.112, False)])
def test_another_size_must_be_clearly_nearer_to_the_training(now, then, nearer):
    """As measured: a picture of twice the training's size, and one of the right size."""
    assert _is_nearer(saying(now, then), Progress(), HALF) is nearer
    assert _is_nearer(saying(now, then, can_be_asked=False), Progress(), HALF)


def test_no_other_size_is_nearer_than_that_of_the_training(right):
    measured = measure(case_of(right))

    assert not any(_is_nearer(measured, Progress(), at_size((side, side))) for side in (128, 512))


def test_a_size_is_only_guessed_where_the_picture_is_fed_at_its_own(right):
    resized = replace(right, settings=change(right.settings, resize="fixed", height=96, width=96))

    assert _is_guess(measure(case_of(right)))
    assert not _is_guess(measure(case_of(resized)))
