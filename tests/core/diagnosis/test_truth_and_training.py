"""What a ground truth tells of the training: two values, a lost class, a turned truth, targets."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cases import material
from core.colors import palette_colors
from core.diagnosis import diagnose
from core.diagnosis.checks import training
from core.diagnosis.checks.orientation import TURNS, turned_truth
from core.diagnosis.checks.training import class_never_wins, divided_targets
from core.diagnosis.checks.truth import two_values
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.picture import brightened
from core.diagnosis.progress import Progress
from core.scores import as_two_classes, decode_truth
from core.settings import Display
from examples.materials import case_of
from examples.seeds import background_only, small_targets, weights
from examples.zoo import ZOO
from tests.support.cases import (
    causes,
    example_checkpoint,
    healthy,
    true_ids,
    with_tensors,
    with_truth,
)
from tests.support.cases import written as png

ONE = next(name for name in ("mask_imagenet", "mask_bytes", "mask_gray") if name in ZOO)


def found(check, case):
    return [(one.cause, one.kind) for one in check(measure(case), Progress())]


def one_channel(values=(0, 1), edit=None):
    """A network of the zoo with one output, and its truth in these values."""
    made = material(ZOO[ONE], 1_000, truth=True)
    ids = decode_truth(made.truth, None, (256, 256)).ids
    made = replace(made, truth=png(np.array(values, np.uint8)[ids]))
    return case_of(made if edit is None else weights(edit)(made))


# --- two values for two classes -------------------------------------------------------------------


@pytest.mark.parametrize("values", [(0, 255), (0, 128), (1, 2)])
def test_two_values_are_the_two_classes_and_only_noted_where_the_mask_is_right(values):
    case = one_channel(values)

    assert measure(case).truth.iou({}) > 0.8
    assert found(two_values, case) == [("T2", "note")]


def test_255_that_the_training_ignored_is_why_the_foreground_is_missing():
    case = one_channel((0, 255), background_only)
    (told,) = two_values(measure(case), Progress())

    assert (told.kind, told.certainty) == ("fault", "likely")


def test_one_class_whose_rest_is_void_stays_what_it_is():
    truth = decode_truth(png(np.array([[1, 255]], np.uint8)), None, (1, 2))

    assert as_two_classes(truth, 2) is truth


def test_of_more_classes_two_values_stay_what_they_are():
    truth = decode_truth(png(np.array([[0, 255]], np.uint8)), None, (1, 2))

    assert as_two_classes(truth, 6) is truth
    assert as_two_classes(None, 2) is None


@pytest.mark.parametrize("name", ["voc", "cityscapes", "ade20k"])
def test_a_truth_in_the_colors_of_a_known_palette_opens_without_being_asked(name):
    colors = palette_colors(Display(palette=name), 19)
    painted = png(colors[np.array([[1, 5, 18]])])

    assert decode_truth(painted, palette_colors(Display(), 19), (1, 3)).ids.tolist() == [[1, 5, 18]]


# --- a class that never wins ----------------------------------------------------------------------


def without_class(class_id, by=1_000):
    tensors = dict(example_checkpoint().tensors)
    key = next(key for key in tensors if key.endswith("classifier.4.bias"))
    tensors[key] = tensors[key].clone()
    tensors[key][class_id] -= by
    return with_truth(true_ids(), with_tensors(tensors))


def test_a_background_that_the_training_ignored_is_named_with_what_to_change():
    (told,) = class_never_wins(measure(without_class(0)), Progress())

    assert (told.cause, told.certainty) == ("T5", "likely")

    assert "neither ignore_index=0 nor reduce_zero_label" in told.fix


def test_a_class_that_wins_in_another_light_is_not_said_never_to_win():
    measured = measure(without_class(0))
    measured.picture.__dict__["well_exposed"] = well = brightened(measured.case.image, 0.4)
    there = measured.of_picture(well, {}).labels.ids
    there[:16] = 0

    assert list(class_never_wins(measured, Progress())) == []


def test_a_class_that_is_missed_by_a_few_logits_was_learned():
    measured = measure(without_class(4, by=13))

    assert not (measured.seen.labels.ids == 4).any()
    assert list(class_never_wins(measured, Progress())) == []


def test_foreground_everywhere_is_the_same_fault_of_two_classes():
    def full(state):
        key = [key for key in state if key.endswith(".bias")][-1]
        state[key] += 1_000

    (told,) = class_never_wins(measure(one_channel(edit=full)), Progress())

    assert (told.cause, told.evidence[0].number > 0.02) == ("T5", True)


def test_where_all_classes_win_none_is_lost():
    assert found(class_never_wins, with_truth(true_ids())) == []
    assert found(class_never_wins, one_channel(edit=background_only)) == []  # T1


# --- a turned truth -------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["mirrored left to right", "turned left"])
def test_a_truth_that_is_turned_against_its_picture_is_named_with_the_line_that_mends_it(how):
    turned = with_truth(np.ascontiguousarray(TURNS[how][1](true_ids())))
    (told,) = turned_truth(measure(turned), Progress())

    back = eval(told.code.partition("=")[2], {"np": np, "ids": turned.truth.ids})
    assert told.cause == "T6"
    assert (back == true_ids()).all()


def test_a_truth_that_fits_or_fits_in_no_way_is_not_said_to_be_turned():
    assert found(turned_truth, with_truth(true_ids())) == []
    assert found(turned_truth, with_truth(np.roll(true_ids(), 100, axis=(0, 1)))) == []
    assert found(turned_truth, healthy()) == []


def test_a_mirrored_truth_is_the_first_word_of_the_whole_diagnosis():
    answered = diagnose(with_truth(np.ascontiguousarray(true_ids()[:, ::-1])))

    assert answered.faults[0].cause == "T6"


# --- targets divided by 255 -----------------------------------------------------------------------


def test_probabilities_of_at_most_1_of_255_are_told_with_the_threshold_that_shows_them():
    case = one_channel(edit=small_targets)
    measured = measure(case)
    (told,) = divided_targets(measured, Progress())

    assert (told.cause, told.certainty) == ("T7", "likely")
    assert measured.truth.iou(told.changes) > 0.8 > 0.5 > measured.truth.iou({})


def test_a_network_with_usual_probabilities_is_left_alone():
    assert found(divided_targets, one_channel()) == []
    assert found(divided_targets, one_channel(edit=background_only)) == []


@pytest.mark.parametrize(
    ("network", "picture", "kind"),
    [
        ("unet_caffe", 13001, "dark"),
        ("plain_imagenet", 13001, "dark"),
        ("unet_caffe", 13005, "dark"),
        ("unet_again", 13005, "low contrast"),
    ],
)
def test_what_a_network_gets_wrong_on_a_dark_or_pale_picture_is_no_fault_of_the_files(
    network, picture, kind
):
    files = material(ZOO[network], picture, kind, truth=True)

    assert causes(diagnose(case_of(files))) == []


@pytest.mark.parametrize("bare", [0.0, 1.0])
def test_what_the_head_s_bias_hides_is_asked_of_the_whole_mask_too(monkeypatch, bare):
    """A tenth of the pixels may agree little, though all of a lively mask lies under the bias."""
    made = weights(background_only)(material(ZOO["unet_unit"], 1_000, truth=False))
    monkeypatch.setattr(training, "_beneath", lambda *_: 0.05)
    monkeypatch.setattr(training, "agreement_without_bias", lambda *_: bare)
    told = [found.cause for found in training.background_only(measure(case_of(made)), Progress())]

    assert told == (["T1"] if bare else [])
