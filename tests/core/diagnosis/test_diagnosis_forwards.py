"""What is told by running the network: once, and under changed settings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import examples
from core.diagnosis import Case, diagnose, investigate
from core.diagnosis.bisect import bisect
from core.diagnosis.measure.mask import mutual_information
from core.image import decode_image
from core.presets import PRESETS
from core.settings import Settings, change
from tests.support.cases import (
    TRAINED,
    causes,
    example_checkpoint,
    healthy,
    inspected,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
    written,
)

IMAGENET = PRESETS["imagenet"].changes
TWICE = {
    "mean": tuple(m + m * s for m, s in zip(IMAGENET["mean"], IMAGENET["std"], strict=True)),
    "std": tuple(s * s for s in IMAGENET["std"]),
}
WRONG = {
    "nothing but /255": (PRESETS["unit"].changes, "P1"),
    "0-255": (PRESETS["bytes"].changes, "P1"),
    "[-1, 1]": (PRESETS["symmetric"].changes, "P3"),
    "applied twice": (TWICE, "P2"),
    "/255 again": ({"divide_again": 255.0}, "P2"),
    "not divided": ({"scale": "1"}, "P4"),
    "swapped": ({"color": "bgr"}, "P6"),
    "train": ({"mode": "train"}, "B2"),
    "64 pixels": ({"resize": "fixed", "height": 64, "width": 64}, "S1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_and_its_fix_brings_the_mask_back(name):
    changes, cause = WRONG[name]
    case = with_settings(**changes)
    first = diagnose(case).faults[0]
    mended = inspected(case, change(case.settings, **first.changes)).labels.ids
    right = inspected(healthy(), TRAINED).labels.ids

    assert first.cause == cause
    assert first.effect > 0.02
    assert (mended == right).mean() > 0.98


@pytest.mark.parametrize("preset", ["clip", "zscore", "imagenet"])
def test_conventions_that_come_to_the_same_raise_no_alarm(preset):
    for scene in examples.SCENES[1:3]:
        case = with_settings(**PRESETS[preset].changes)

        assert diagnose(replace(case, image=decode_image(scene.read_bytes()))).faults == ()


def test_the_diagnosis_of_the_example_takes_no_longer_than_twelve_forwards():
    assert diagnose(with_settings(**PRESETS["unit"].changes)).forwards <= 12


def test_two_faults_at_once_are_both_named():
    case = with_settings(**PRESETS["unit"].changes, mode="train", palette="gray")

    assert set(causes(diagnose(case))) == {"P1", "B2", "D1"}


def test_a_palette_that_is_too_short_is_named_though_the_mask_is_still_black():
    """Only the mask that the other fix brings has the classes without a color."""
    short = {"palette": "custom", "custom": ("#000000", "#ff0000")}
    case = with_settings(**PRESETS["unit"].changes, **short)

    assert inspected(case, case.settings).labels.ids.max() == 0
    assert set(causes(diagnose(case))) == {"P1", "D4"}


def test_statistics_that_were_never_updated_are_named():
    tensors = dict(example_checkpoint().tensors)
    for key, tensor in tensors.items():
        if key.endswith("running_mean"):
            tensors[key] = torch.zeros_like(tensor)
        if key.endswith("running_var"):
            tensors[key] = torch.ones_like(tensor)

    assert causes(diagnose(with_tensors(tensors)))[0] == "B1"


@pytest.mark.parametrize(
    ("renamed", "cause"),
    [
        ((1, 2, 3, 4, 5, 6), "T3"),
        ((0, 1, 2, 3, 5, 4), "T3"),
    ],
)
def test_a_truth_with_other_ids_for_the_same_shapes_is_named(renamed, cause):
    truth = np.array(renamed)[true_ids()]

    assert causes(diagnose(with_truth(truth))) == [cause]


def test_where_black_begins_is_told_by_stage_and_number():
    black = inspected(healthy(), change(TRAINED, mean=(0.0,) * 3, std=(1.0,) * 3))
    gray = inspected(healthy(), change(TRAINED, palette="gray"))

    assert bisect(black).stage == "labels"
    assert bisect(black).numbers["share"] > 0.999
    assert bisect(gray).stage == "mask"


def test_each_answer_is_at_least_as_far_as_the_one_before():
    answers = list(investigate(with_settings(palette="gray", **PRESETS["unit"].changes)))

    assert [answer.finished for answer in answers] == [False, False, True]
    assert causes(answers[0]) == ["D1", "P1"]
    assert answers[0].forwards == 0


def test_what_the_caller_raises_ends_the_work():
    def stop():
        raise TimeoutError

    with pytest.raises(TimeoutError):
        diagnose(healthy(), waiting=stop)


def test_noise_and_black_tell_nothing_and_a_mask_tells_its_entropy():
    random = np.random.default_rng(0)
    noise = random.integers(0, 2, (64, 64))
    half = np.repeat([[0, 1]], 32, axis=1).repeat(64, axis=0)

    assert mutual_information(np.zeros((64, 64)), noise) == 0
    assert mutual_information(noise, noise.T.copy()) < 0.01
    assert mutual_information(half, half) == pytest.approx(np.log(2))


# --- one output channel ---------------------------------------------------------------------------


class Bright(nn.Module):
    """Bright pixels are foreground, as a logit, or as a probability where `final` is a sigmoid."""

    def __init__(self, final=None, bias=-5.0):
        super().__init__()
        self.head = nn.Conv2d(3, 1, 1)
        nn.init.constant_(self.head.weight, 10 / 3)
        nn.init.constant_(self.head.bias, bias)
        self.final = final or nn.Identity()

    def forward(self, x):
        return self.final(self.head(x))


def one_channel(final=None, bias=-5.0, **changes) -> Case:
    network = replace(
        healthy().network,
        module=Bright(final, bias).eval(),
        num_classes=1,
        aux_classes=None,
        checkpoint_digest=f"{final}{bias}",
    )
    return replace(
        healthy(), network=network, checkpoint=None, settings=change(Settings(), **changes)
    )


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        (one_channel(rule="argmax"), "R1"),
        (one_channel(activation="softmax"), "R1"),
        (one_channel(rule="threshold", activation="none"), "R3"),
        (one_channel(nn.Sigmoid()), "R5"),
        (one_channel(bias=-9.0, threshold=0.8), "R4"),
    ],
)
def test_a_decision_that_cannot_be_right_is_named(case, cause):
    assert causes(diagnose(case))[0] == cause


def test_an_output_of_nan_is_no_probability_and_not_called_healthy():
    answered = diagnose(one_channel(nn.Sigmoid(), bias=float("nan")))

    assert "R5" not in causes(answered)
    assert answered.verdict.startswith("100.0% of the logits are NaN or infinite")


def test_a_truth_of_one_class_whose_rest_is_void_raises_no_alarm():
    kept = int(np.bincount(true_ids()[true_ids() > 0]).argmax())
    case = with_truth(np.where(true_ids() == kept, kept, 255), with_settings())

    assert causes(diagnose(case)) == []


def test_an_empty_mask_at_half_is_not_doubted_where_the_scores_are_one_heap():
    assert causes(diagnose(one_channel(bias=-9.0, threshold=0.5))) == []


def test_a_single_channel_with_a_sigmoid_and_a_threshold_raises_no_alarm():
    assert causes(diagnose(one_channel())) == []
    assert causes(diagnose(one_channel(activation="none", threshold=0.0))) == []
    assert causes(diagnose(one_channel(nn.Sigmoid(), activation="none"))) == []


# --- weights and training -------------------------------------------------------------------------


def with_head(make_weight, make_bias) -> Case:
    tensors = dict(example_checkpoint().tensors)
    weight, bias = "classifier.4.weight", "classifier.4.bias"
    tensors[weight] = make_weight(tensors[weight].clone())
    tensors[bias] = make_bias(tensors[bias].clone())
    return with_tensors(tensors)


def fresh_head() -> Case:
    torch.manual_seed(0)
    fresh = nn.Conv2d(64, 6, 1)
    return with_head(lambda _: fresh.weight.detach(), lambda _: fresh.bias.detach())


def test_a_head_as_pytorch_makes_it_is_named_without_a_forward():
    first = next(investigate(fresh_head()))

    assert (first.findings[0].cause, first.findings[0].certainty) == ("W3", "certain")


def test_a_background_that_leads_everywhere_is_named():
    case = with_head(lambda w: w, lambda b: b + torch.tensor([40.0, 0, 0, 0, 0, 0]))

    assert causes(diagnose(case)) == ["T1"]
    assert causes(diagnose(with_truth(true_ids(), case))) == ["T1"]


def test_an_empty_scene_raises_no_alarm():
    desk = np.full((256, 256, 3), (190, 180, 170), np.uint8)
    desk += np.random.default_rng(0).integers(0, 8, desk.shape, np.uint8)
    case = replace(healthy(), image=decode_image(written(desk)))

    assert causes(diagnose(case)) == []
    assert causes(diagnose(with_truth(np.zeros((256, 256)), case))) == []


def test_a_prefix_that_nobody_knows_is_named_where_the_network_is_found_behind_it():
    tensors = {f"mine.{key}": tensor for key, tensor in example_checkpoint().tensors.items()}
    checkpoint = replace(example_checkpoint(), tensors=tensors)
    diagnosis = diagnose(replace(healthy(), checkpoint=checkpoint, network=None))

    assert causes(diagnosis) == ["W1"]
    assert "mine." in diagnosis.findings[0].code


def test_what_was_tried_is_told_with_what_it_did():
    diagnosis = diagnose(with_truth(true_ids(), with_settings(**PRESETS["unit"].changes)))
    best = max(diagnosis.tried, key=lambda tried: tried.agreement)

    assert best.words.startswith("mean 0.485 0.456 0.406 and std 0.229")
    assert best.iou > 0.85
    assert best.changed > 0.5
