"""What can be told from the files and the settings alone, without running the network."""

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from core.diagnosis import CAUSES, diagnose, investigate
from core.diagnosis.checks.truth import interpolated_share
from core.errors import ChannelMismatchError
from core.image import decode_image
from tests.support.cases import (
    causes,
    example_checkpoint,
    healthy,
    true_ids,
    with_settings,
    with_tensors,
    with_truth,
    written,
)


def first_answer(case):
    return next(investigate(case))


def test_the_healthy_example_raises_no_alarm():
    diagnosis = diagnose(with_truth(true_ids()))

    assert diagnosis.findings == ()
    assert diagnosis.bisect.stage == ""
    assert diagnosis.verdict == "No problem found in these files."


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"palette": "gray"}, "D1"),
        ({"palette": "custom", "custom": ("#000000", "#ff0000")}, "D4"),
        ({"palette": "custom", "custom": ("#000000",) * 6}, "D4"),
        ({"color": "gray"}, "F3"),
        ({"class_names": tuple("abcdefghijklmnopqrstu")}, "W4"),
        ({"resize": "fixed", "height": 32, "width": 32}, "S1"),
        ({"mode": "train"}, "B2"),
    ],
)
def test_a_setting_that_cannot_be_right_is_named_without_a_forward(changes, cause):
    diagnosis = first_answer(with_settings(**changes))

    assert causes(diagnosis)[0] == cause
    assert diagnosis.forwards == 0


def test_a_single_nan_is_a_broken_weight():
    tensors = dict(example_checkpoint().tensors)
    name = next(key for key, t in tensors.items() if t.ndim == 4)
    tensors[name] = tensors[name].clone()
    tensors[name].view(-1)[0] = torch.nan
    finding = first_answer(with_tensors(tensors)).findings[0]

    assert (finding.cause, finding.certainty) == ("W6", "certain")
    assert name in finding.evidence[1].words


@pytest.mark.parametrize("color", [(0, 0, 0), (200, 30, 30)])
def test_a_picture_of_one_color_is_named_before_anything_else(color):
    image = decode_image(written(np.full((64, 64, 3), color, np.uint8)))
    diagnosis = first_answer(replace(healthy(), image=image))

    assert (causes(diagnosis)[0], diagnosis.forwards) == ("F5", 0)
    assert diagnosis.verdict.startswith("The picture is of one color. All its pixels are rgb(")


def test_nan_everywhere_is_a_training_that_diverged():
    tensors = {
        key: torch.full_like(t, torch.nan) if t.is_floating_point() else t
        for key, t in example_checkpoint().tensors.items()
    }

    assert causes(first_answer(with_tensors(tensors))) == ["N1"]


@pytest.mark.parametrize(
    ("ids", "cause"),
    [
        (true_ids() * 51, "T2"),
        (np.where(true_ids() > 0, 255, 0), None),  # may be void: only a forward can tell
        (np.array([0, 37, 52, 19, 90, 14])[true_ids()], "T2"),
        (np.array([0, 38, 75, 113, 14, 52])[true_ids()], "D5"),
    ],
)
def test_a_truth_of_other_values_than_ids_is_named(ids, cause):
    found = causes(first_answer(with_truth(ids)))

    assert found == ([cause] if cause else [])


def test_a_truth_that_was_resized_with_bilinear_is_named():
    small = PillowImage.fromarray(true_ids().astype(np.uint8)).resize((100, 100), 0)
    ids = np.array(small.resize((256, 256), PillowImage.Resampling.BILINEAR))

    assert causes(first_answer(with_truth(ids))) == ["T4"]
    assert interpolated_share(true_ids()) < 0.05


def test_a_truth_in_a_jpeg_is_named():
    file = written(true_ids().astype(np.uint8), "JPEG")

    assert causes(first_answer(replace(with_truth(true_ids()), truth_file=file))) == ["D6"]


def test_files_that_other_programs_read_otherwise_are_notes():
    pixels = np.zeros((40, 60, 4), np.uint8)
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    image = decode_image(written(pixels, exif=exif))
    diagnosis = first_answer(replace(healthy(), image=image, network=None))

    assert diagnosis.finished
    assert causes(diagnosis, "note") == ["F1", "F2"]


def test_which_bands_of_many_are_fed_is_a_note():
    bands = np.random.default_rng(0).integers(0, 256, (24, 32, 5)).astype(np.uint8)
    file = io.BytesIO()
    np.save(file, bands)
    image = decode_image(file.getvalue(), bands=(5, 1, 2))
    diagnosis = first_answer(replace(healthy(), image=image, network=None))

    assert causes(diagnosis, "note") == ["F6"]
    assert diagnosis.findings[0].evidence[1].words.startswith("Bands 5, 1 and 2 are taken")


def test_sixteen_bits_over_255_are_named():
    image = decode_image(written(np.arange(65536, dtype=np.uint16).reshape(256, 256)))

    assert "F4" in causes(first_answer(replace(with_settings(depth="file"), image=image)))
    assert "F4" not in causes(first_answer(replace(healthy(), image=image)))


def test_an_input_that_the_network_refuses_is_still_diagnosed():
    case = replace(with_settings(color="gray"), error=ChannelMismatchError(expected=3, got=1))

    assert causes(diagnose(case)) == ["F3"]


def test_a_network_of_four_bands_is_to_be_fed_the_bands_of_the_file():
    case = replace(with_settings(), network=replace(with_settings().network, in_channels=4))
    finding = first_answer(case).findings[0]

    assert finding.cause == "F3"
    assert "4 channels" in finding.fix
    assert "[h w 4]" in finding.code
    assert "RGB" not in finding.code


def test_every_finding_says_how_to_mend_it():
    diagnosis = first_answer(with_settings(palette="gray", mode="train", color="gray"))

    assert len(diagnosis.findings) == 3
    for finding in diagnosis.findings:
        assert finding.cause in CAUSES
        assert finding.fix.endswith(".")
        assert finding.code
        assert finding.evidence


def test_every_cause_has_its_section_in_the_docs_under_its_name():
    text = (Path(__file__).resolve().parents[3] / "docs" / "findings.md").read_text()
    sections = re.findall(r"^### (\w\d)\n\n\*\*([^*]+?)\.\*\*", text, re.M)

    assert dict(sections) == {cause.id: cause.title for cause in CAUSES.values()}
