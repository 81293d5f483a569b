"""What many pictures prove, on the built-in example and its scenes."""

from dataclasses import replace

import numpy as np
import pytest

import examples
from core.diagnosis.many.between import between
from core.diagnosis.many.of_set import of_set
from core.diagnosis.many.sample import Sample, sample_of
from core.errors import ImageError
from core.image import decode_image
from core.presets import PRESETS
from core.scores import Truth, decode_truth
from core.settings import change
from tests.support.cases import TRAINED, causes, healthy


def opened(scene):
    image = decode_image(scene.read_bytes())
    ids = decode_truth(examples.mask_of(scene).read_bytes(), None, image.pixels.shape[:2]).ids
    return image, Truth(ids, ())


@pytest.fixture(scope="module")
def pictures():
    return [opened(scene) for scene in examples.SCENES]


def said_of(pictures, settings=TRAINED, **options):
    case = healthy()
    samples = [sample_of(image, truth, str(n)) for n, (image, truth) in enumerate(pictures)]
    return of_set(case.network, samples, settings, checkpoint=case.checkpoint, **options)


def test_a_healthy_set_has_no_fault(pictures):
    found = said_of([(image, None) for image, _ in pictures[:4]])

    assert causes(found) == []
    assert found.count == 4


def test_a_set_without_normalization_tells_the_convention_from_all_pictures(pictures):
    plain = change(TRAINED, **PRESETS["unit"].changes)
    found = said_of([(image, None) for image, _ in pictures], plain, masks=False)

    assert causes(found)[0] == "P1"
    assert found.faults[0].certainty in ("certain", "likely")
    assert f"{len(pictures)} pictures" in found.faults[0].evidence[1].words
    assert found.recovered.family == "imagenet"


def test_a_picture_that_cannot_be_opened_is_counted_and_the_others_are_told(pictures):
    def broken():
        raise ImageError("The file ends early.", remedy="Upload it again.", code="damaged")

    case, (image, _) = healthy(), pictures[0]
    samples = [Sample("broken", broken), sample_of(image, name="good")]
    found = of_set(case.network, samples, TRAINED, checkpoint=case.checkpoint)

    assert found.count == 1
    assert [each.what for each in found.failed] == [("broken",)]
    assert "1 could not be computed" in found.verdict


def test_a_set_of_which_nothing_can_be_opened_is_not_called_healthy():
    def broken():
        raise ImageError("The file ends early.", remedy="Upload it again.", code="damaged")

    found = of_set(healthy().network, [Sample("broken", broken)], TRAINED)

    assert found.verdict == "No picture could be looked at."
    assert found.faults == ()


def test_what_the_caller_raises_ends_the_work(pictures):
    class EnoughError(Exception):
        pass

    def stop(stage, done, total):
        if done == 1:
            raise EnoughError

    with pytest.raises(EnoughError):
        said_of(pictures[:2], progress=stop)


def test_a_spent_budget_tells_what_was_seen_so_far(pictures):
    found = said_of(pictures[:3], budget=2.0)

    assert "ended after" in found.verdict
    assert found.count < 3


def test_a_door_that_is_closed_ends_the_work(pictures):
    class ClosedError(Exception):
        pass

    def door(key, compute):
        raise ClosedError

    with pytest.raises(ClosedError):
        said_of(pictures[:1], forward=door)


def test_swapped_ground_truths_are_told_from_the_sums(pictures):
    renamed = [
        (image, Truth(np.where(truth.ids == 0, 0, truth.ids % 5 + 1).astype(np.int32), ()))
        for image, truth in pictures[:4]
    ]

    assert causes(said_of(renamed)) == ["T3"]


def test_mirrored_ground_truths_are_told_from_the_sums(pictures):
    mirrored = [
        (image, replace(truth, ids=np.ascontiguousarray(truth.ids[:, ::-1])))
        for image, truth in pictures[:4]
    ]

    assert causes(said_of(mirrored)) == ["T6"]


def darker(image):
    pixels = (image.pixels * 0.4).astype(np.uint8)
    return replace(image, pixels=pixels, samples=pixels, digest=f"dark-{image.digest}")


def test_dark_pictures_are_told_as_another_light_and_not_as_another_normalization(pictures):
    usual = said_of([(image, None) for image, _ in pictures], masks=False)
    dark = said_of([(darker(image), None) for image, _ in pictures], masks=False)

    assert causes(usual) == []
    assert causes(dark) == ["S3"]
    assert "darker" in dark.faults[0].evidence[0].words
    assert dark.faults[0].changes == {}


def test_two_sets_are_compared_by_what_the_first_batchnorm_sees(pictures):
    usual = said_of([(image, None) for image, _ in pictures[:4]], masks=False)
    dark = said_of([(darker(image), None) for image, _ in pictures[4:]], masks=False)

    found = between(dark, usual, "the validation")

    assert found.cause == "S3" and "darker" in found.evidence[0].words
    assert between(usual, usual) is None
