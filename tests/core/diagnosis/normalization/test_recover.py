"""The normalization of the training, as far as checkpoint and picture tell it."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cases import BY_NAME, material, scene
from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import Measurements, measure
from core.diagnosis.measure.picture import brightened, mirrored
from core.diagnosis.normalization.channel_order import (
    _is_like_training,
    is_judged,
    needed_votes,
    preference,
)
from core.diagnosis.normalization.conventions import FIXED, memory_of
from core.diagnosis.normalization.recover import _is_light, recover
from core.diagnosis.thresholds import VOTES
from core.image import decode_image
from core.presets import PRESETS
from core.settings import Settings, change
from examples.materials import case_of, picture_file
from examples.zoo import ZOO
from tests.support.cases import healthy


def measured_of(name: str, seed: int = 1_000, kind: str = "scene", **changes) -> Measurements:
    """A network of the zoo before a picture of the tune part, fed plainly or as said."""
    made = material(ZOO[name], seed, kind, truth=False)
    plain = change(Settings(), **changes)
    return measure(case_of(replace(made, settings=plain)))


def test_without_batch_norm_the_mask_that_stays_under_brightness_variants_tells_the_convention():
    """Under ImageNet's numbers this network's mask is rich too, but near an edge."""
    measured = measured_of("plain_symmetric", seed=1_010)
    known = recover(measured, {})
    imagenet, symmetric = (PRESETS[name].changes for name in ("imagenet", "symmetric"))

    assert memory_of(measured) is None
    assert known.family == "symmetric"
    assert known.certainty == "likely"
    assert measured.mask.agreement(imagenet) > measured.mask.agreement(symmetric)
    assert measured.mask.steady_agreement(imagenet) < measured.mask.steady_agreement(symmetric)


def test_where_two_conventions_do_as_well_as_what_is_fed_that_is_said_and_nothing_changed():
    known = recover(measured_of("group_unit"), {})

    assert known.certainty == "likely"
    assert known.changes == {}
    assert "No convention makes the mask agree better with its mirrored one" in known.reason


@pytest.mark.parametrize("name", ["unet_unit", "deeplab_clip", "lraspp_mean"])
def test_what_is_fed_as_in_the_training_is_known_as_that(name):
    known = recover(measured_of(name, **ZOO[name].convention), {})

    assert known.certainty == "likely"
    assert known.changes == {}
    assert known.current < 0.1


@pytest.mark.parametrize("seed", [1_014, 1_028, 1_029])
def test_on_a_flat_picture_a_richer_mask_is_no_evidence_of_another_convention(seed):
    right = ZOO["plain_symmetric"].convention
    measured = measured_of("plain_symmetric", seed=seed, kind="low contrast", **right)

    assert measured.picture.is_flat
    assert recover(measured, {}).changes == {}


def test_the_training_s_own_numbers_are_known_though_the_other_order_has_the_smaller_input_kl():
    case = healthy()
    measured = measure(replace(case, image=decode_image(picture_file(scene(4_242)[0]))))
    known = recover(measured, {})

    assert measured.batchnorm.input_kl({"color": "bgr"}) < measured.batchnorm.input_kl({}) / 2
    assert known.changes == {}
    assert known.certainty == "likely"


def test_what_the_checkpoint_alone_rules_out_is_not_recovered_however_well_one_picture_fits():
    """This picture is so flat that [-1, 1] looks right; the memory is of ImageNet's numbers."""
    known = recover(measured_of("deeplab_clip", seed=1_013), {})
    fits = dict(known.ranking)

    assert fits["symmetric"] < fits["imagenet"]
    assert known.family == "imagenet"
    assert known.certainty == "likely"


def test_numbers_of_its_own_that_were_applied_twice_are_known_by_applying_them_once():
    trained = ZOO["unet_custom"].convention
    mean, std = (np.array(trained[name]) for name in ("mean", "std"))
    twice = {"mean": tuple(mean + mean * std), "std": tuple(std**2)}
    known = recover(measured_of("unet_custom", seed=1_007, **{**trained, **twice}), {})

    np.testing.assert_allclose(known.changes["mean"], mean, atol=0.001)
    np.testing.assert_allclose(known.changes["std"], std, atol=0.001)
    assert {type(value) for name in ("mean", "std") for value in known.changes[name]} == {float}


def test_a_known_convention_applied_twice_is_told_by_its_numbers_where_nothing_else_tells():
    """A picture that is too dark to compare masks, and no BatchNorm."""
    twice = BY_NAME["mean and std twice"].seed(
        material(ZOO["plain_symmetric"], 1_014, "dark", truth=False)
    )
    measured = measure(case_of(twice))
    found = {finding.cause: finding for finding in diagnose(case_of(twice)).faults}

    assert recover(measured, {}).certainty == "cannot tell"
    assert found["P2"].changes["std"] == PRESETS["symmetric"].changes["std"]


def test_a_z_score_that_is_divided_again_is_not_what_the_running_statistics_show():
    trained = ZOO["unet_zscore"].convention
    known = recover(measured_of("unet_zscore", **{**trained, "divide_again": 255.0}), {})

    assert known.changes["divide_again"] == 1
    assert known.current > 1


def test_two_conventions_that_tie_are_both_named_and_the_finding_is_only_possible():
    """GroupNorm forgives scale, so pixels of 0 to 1 and 0 to 255 less a mean come to the same."""
    made = BY_NAME["-1 to 1 for 0 to 1"].seed(material(ZOO["group_unit"], 1_009, truth=True))
    measured = measure(case_of(made))
    first = diagnose(case_of(made)).faults[0]

    assert recover(measured, {}).certainty == "cannot tell"
    assert "Two conventions do equally well" in recover(measured, {}).reason
    assert first.certainty == "possible"
    assert first.changes["scale"] == "255"
    assert first.separates


def test_the_channel_order_is_not_told_under_numbers_that_fit_badly():
    """Trained on BGR with numbers of its own, whose nearest known convention is wrong for each."""
    known = recover(measured_of("unet_custom", seed=1_007), {})

    assert known.family == "imagenet"
    assert known.color == ""


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_brightness_variant_moves_every_sample_by_the_same_and_none_out_of_its_range(dtype):
    samples = np.linspace(0, 200, 48).reshape(4, 4, 3).astype(dtype)
    image = replace(healthy().image, samples=samples, pixels=samples.astype(np.uint8))
    largest = {np.uint8: 255, np.uint16: 65535, np.float32: 200}[dtype]
    up, down = brightened(image, 0.1), brightened(image, -0.1)

    expected = np.minimum(samples + 0.1 * largest, largest)
    np.testing.assert_allclose(up.samples, expected, atol=1, rtol=0)
    assert up.samples.dtype == dtype
    assert down.samples.min() == 0
    assert len({image.digest, up.digest, down.digest, mirrored(image).digest}) == 4


@pytest.mark.parametrize("name", ["lraspp_mean", "deeplab_clip"])
def test_the_present_order_is_doubted_where_the_other_is_surer_steadier_and_nearer(name):
    right = ZOO[name].convention
    measured = measured_of(name, seed=1_028, **{**right, "color": "bgr"})
    found = preference(measured, {}, {"color": "rgb"})

    assert found.surer > 0
    assert found.nearer > 1
    assert found.steadier > 1
    assert found.votes > VOTES
    assert preference(measured_of(name, seed=1_028, **right), {}, {"color": "bgr"}).votes < -VOTES


def test_two_signs_alone_do_not_make_a_right_order_wrong():
    """Without BatchNorm one sign is missing: the wrong order of this scene has 3.3 votes."""
    measured = measured_of("group_unit", seed=1_013, **ZOO["group_unit"].convention)
    votes = preference(measured, {}, {"color": "bgr"}).votes

    assert VOTES < votes < needed_votes(measured)
    assert diagnose(measured.case).faults == ()


def test_a_flat_picture_that_is_like_the_training_is_asked_for_its_order():
    """Contrast alone says nothing where BatchNorm says that the training saw the like."""
    swapped = {**ZOO["lraspp_mean"].convention, "color": "bgr"}
    measured = measured_of("lraspp_mean", seed=1_004, **swapped)
    found = diagnose(measured.case)

    assert measured.picture.is_flat
    assert [finding.cause for finding in found.faults] == ["P6"]
    assert found.faults[0].changes == {"color": "rgb"}


@pytest.mark.parametrize(("contrast", "seed"), [(0.65, 1_013), (0.7, 1_006), (0.7, 1_024)])
def test_a_faded_picture_in_the_right_order_has_no_other_one(contrast, seed):
    """The wrong order has 2.6 to 6.5 votes: of a faded picture the network is surer in it."""
    right = material(ZOO["unet_unit"], seed, truth=False)
    faded = (scene(seed)[0] * contrast + 40).astype(np.uint8)
    case = case_of(replace(right, picture=picture_file(faded)))

    assert preference(measure(case), {}, {"color": "bgr"}).votes > VOTES
    assert "P6" not in [finding.cause for finding in diagnose(case).faults]


@pytest.mark.parametrize(
    ("flat", "other", "judged"), [(True, 0.06, False), (True, 0.09, True), (False, 0.02, True)]
)
def test_on_a_faded_picture_batch_norm_must_clearly_prefer_the_order_that_is_told(
    flat, other, judged
):
    """Just like training as it may be: there a wrong order had up to 6.3 votes of the masks."""
    assert _is_like_training(0.05, other, flat=flat) is judged


def test_a_flat_or_unknown_picture_is_not_asked_for_its_order():
    right = ZOO["deeplab_clip"].convention
    flat = measured_of("deeplab_clip", seed=1_028, kind="low contrast", **right)
    unknown = BY_NAME["pictures of another world"].seed(
        material(ZOO["deeplab_clip"], 1_029, truth=False)
    )

    swapped = {"color": "bgr"}

    assert is_judged(measured_of("deeplab_clip", seed=1_028, **right), {}, swapped)
    assert not is_judged(flat, {}, swapped)
    assert not is_judged(measure(case_of(unknown)), {}, swapped)


def test_a_picture_that_is_only_darker_than_the_training_has_no_other_mean():
    """More light makes it like training as well as another mean does; without it there is none."""
    trained = ZOO["lraspp_mean"].convention
    dark = measured_of("lraspp_mean", kind="dark", **trained)
    wrong = measured_of("lraspp_mean", **PRESETS["unit"].changes)

    assert _is_light(dark, FIXED["unit"], 0.1)
    assert not _is_light(dark, FIXED["imagenet"], 0.1)
    assert not _is_light(wrong, FIXED["mean only"], 0.1)
