"""The user's own wrong output: each way of writing it is named, and a right one is left alone."""

import io
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from PIL import Image as PillowImage

import examples
from benchmarks.cases import material
from core.colors import colorize, palette_colors
from core.diagnosis import diagnose
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import measure
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction.match import saved_output
from core.diagnosis.reproduction.rebuild import rebuild
from core.image import decode_image
from core.labels import probabilities
from core.settings import Display, change
from examples.materials import case_of
from examples.zoo import ZOO
from tests.support.cases import TRAINED, causes, healthy, inspected, written

VOC = palette_colors(Display(palette="voc"), 6)
RAW = {"scale": "1", "mean": (0.0,) * 3, "std": (1.0,) * 3}


@lru_cache(maxsize=8)
def seen(**changes):
    return inspected(healthy(), change(TRAINED, **changes))


def ids():
    return seen().labels.ids.astype(np.uint8)


def probs():
    return probabilities(seen().logits.values, "softmax")


def in_palette_mode(colors):
    picture = PillowImage.fromarray(ids()).convert("P")
    picture.putpalette(colors.tobytes())
    return picture


def diagnosed(picture, *options, **more):
    if isinstance(picture, PillowImage.Image):
        file = io.BytesIO()
        picture.save(file, "PNG")
        return diagnose(replace(healthy(), saved=file.getvalue()))
    return diagnose(replace(healthy(), saved=written(picture, *options, **more)))


WRONG = {
    "D1": lambda: ids(),
    "D2": lambda: probs().max(axis=0).astype(np.uint8),
    "D3": lambda: ids() * np.uint8(255),
    "D4": lambda: colorize(seen().labels.ids, VOC[:5]),
    "D5": lambda: in_palette_mode(VOC).convert("RGB").convert("L"),
    "D7": lambda: ids().astype(np.uint16),
    "R6": lambda: seen().logits.values.argmax(axis=1).astype(np.uint8),
    "R8": lambda: seen().labels.ids[8::16, 8::16].astype(np.uint8) * 40,
    "B2": lambda: colorize(seen(mode="train").labels.ids, VOC),
    "P6": lambda: colorize(seen(color="bgr").labels.ids, VOC),
    "P1": lambda: colorize(seen(mean=(0.0,) * 3, std=(1.0,) * 3).labels.ids, VOC),
}


@pytest.mark.parametrize("cause", WRONG)
def test_the_bug_that_wrote_the_file_is_named(cause):
    diagnosis = diagnosed(WRONG[cause]())

    assert causes(diagnosis)[0] == cause
    assert diagnosis.findings[0].evidence


def retouched():
    """What a forward with red and blue swapped writes, but for 30 pixels."""
    made = colorize(seen(color="bgr").labels.ids, VOC)
    made.reshape(-1, 3)[::2184] = 255 - made.reshape(-1, 3)[::2184]
    return made


def test_the_nearest_program_is_possible_with_its_share_and_never_more():
    found = diagnosed(retouched()).findings[0]

    assert (found.cause, found.certainty) == ("P6", "possible")
    assert "explains 99.9% of it" in found.evidence[0].words
    assert 0.99 < found.evidence[0].number < 1


def test_the_nearest_program_has_no_last_word_on_what_is_known_otherwise():
    known = Finding("P6", "certain", (Evidence("The file says so."),), "Swap.", "")
    measured = measure(replace(healthy(), saved=written(retouched())))
    so_far = Progress(findings={"P6": known}, rebuilt=rebuild(measured))

    assert list(saved_output(measured, so_far)) == []


def test_a_jpeg_of_the_mask_is_named():
    diagnosis = diagnosed(colorize(seen().labels.ids, VOC), "JPEG", quality=80)

    assert causes(diagnosis) == ["D6"]


@pytest.mark.parametrize(
    "right",
    [
        lambda: colorize(seen().labels.ids, VOC),
        lambda: colorize(seen().labels.ids, palette_colors(Display(), 6)),
        lambda: ids() * 51,
        lambda: in_palette_mode(VOC),
    ],
)
def test_a_file_that_is_as_it_should_be_raises_no_alarm(right):
    assert causes(diagnosed(right())) == []


def test_a_file_with_our_objects_is_not_said_to_come_from_other_weights():
    """As another resize writes it: near our label map, and yet of no bug that is known."""
    moved = np.roll(ids(), 3, axis=(0, 1))

    assert healthy().checkpoint.prefix
    assert "W1" not in causes(diagnosed(moved))


def test_a_file_with_other_objects_is():
    other = replace(healthy(), image=decode_image(examples.SCENES[1].read_bytes()))
    elsewhere = inspected(other, TRAINED).labels.ids.astype(np.uint8)

    assert causes(diagnosed(elsewhere)) == ["W1"]


def test_a_mask_that_is_turned_is_named_as_turned():
    turned = np.ascontiguousarray(ids()[::-1, ::-1].T) * np.uint8(51)

    assert causes(diagnosed(turned)) == ["F7"]


def test_a_file_that_is_no_picture_raises_no_alarm():
    assert causes(diagnose(replace(healthy(), saved=b"nothing"))) == []


def test_black_is_what_many_bugs_write_so_they_are_one_sentence_and_only_possible():
    """A cast of probabilities, and pixels of 0 to 1: of both this network makes black."""
    made = material(ZOO["unet_zscore"], 1_000, truth=False)
    black = written(np.zeros((256, 256), np.uint8))
    (found,) = diagnose(case_of(replace(made, saved=black))).faults

    assert (found.cause, found.certainty) == ("D2", "possible")
    assert "a cast of the probabilities to uint8; " in found.evidence[1].words


@pytest.fixture(scope="module")
def without_prefix():
    """The example saved from a network that nothing was wrapped around."""
    return replace(healthy(), checkpoint=replace(healthy().checkpoint, prefix=""))


@pytest.mark.parametrize(
    ("file", "certainty"),
    [
        (lambda: written(colorize(np.ascontiguousarray(ids()[::-1].T), VOC)), "likely"),
        (lambda: written(colorize(np.roll(ids(), 60, axis=1), VOC), "JPEG"), "likely"),
        (lambda: written(np.full((256, 256), 7, np.uint8)), "possible"),
        (lambda: written(np.full((300, 500, 3), 255, np.uint8) - 1), "possible"),
    ],
)
def test_a_file_that_nothing_explains_is_said_to_be_another_mask(without_prefix, file, certainty):
    found = next(saved_output(measure(replace(without_prefix, saved=file())), Progress()))

    assert (found.cause, found.certainty, found.kind) == ("D8", certainty, "fault")
    assert "Compare your script with inference.py" in found.fix


def test_it_says_how_much_agrees(without_prefix):
    turned = written(colorize(np.ascontiguousarray(ids()[::-1].T), VOC))
    found = next(saved_output(measure(replace(without_prefix, saved=turned)), Progress()))

    assert found.evidence[0].number < 0.9
    assert f"{found.evidence[0].number:.0%} of the pixels agree" in found.evidence[0].words


def test_a_decoder_that_was_not_loaded_is_left_open_unless_the_objects_are_ours(without_prefix):
    turned = written(colorize(np.ascontiguousarray(ids()[::-1].T), VOC))
    moved = written(np.roll(ids(), 2, axis=(0, 1)))
    other, ours = (
        next(saved_output(measure(replace(without_prefix, saved=file)), Progress())).evidence
        for file in (turned, moved)
    )

    assert "kept its initialization" in other[-1].words
    assert not any("kept its initialization" in each.words for each in ours)


def test_the_same_objects_with_other_edges_are_told_as_that(without_prefix):
    moved = written(np.roll(ids(), 2, axis=(0, 1)))
    found = next(saved_output(measure(replace(without_prefix, saved=moved)), Progress()))

    assert (found.cause, found.certainty) == ("D8", "possible")
    assert "another resize or interpolation would leave this" in found.evidence[1].words
