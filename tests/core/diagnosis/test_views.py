"""Windows, flipped views, a letterbox, a turned picture: the diagnosis keeps them, or says so."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.architectures.sizes import only
from core.colors import colorize, palette_colors
from core.diagnosis import Case, diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.size_to_feed import size_to_feed, to_feed
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction.match import NOT_REBUILT, saved_output
from core.diagnosis.reproduction.rebuild import rebuild
from core.settings import Display, Settings, change
from tests.core.diagnosis.measure.test_sizes import Steps, network_of, picture
from tests.support.cases import TRAINED, causes, inspected, with_settings, written

VOC = palette_colors(Display(palette="voc"), 6)
BOXED = {"resize": "letterbox", "height": 256, "width": 320, "orientation": "mirrored"}
VIEWS = {"window": 160, "overlap": 0.25, "flip": "horizontal"}


def measured_of(size=(64, 96), sizes=None, **settings):
    torch.manual_seed(0)
    network = network_of(Steps(0), sizes)
    return measure(Case(picture(*size), None, network, change(Settings(), **settings)))


def test_the_agreement_with_the_mirrored_picture_is_that_of_unflipped_views():
    """The mean over both is the same for either picture, however bad the mask."""
    flipped, plain = measured_of(flip="both"), measured_of()

    assert flipped.mask.agreement({}) == pytest.approx(plain.mask.agreement({}), abs=1e-9)


def test_an_inspection_costs_what_all_its_views_cost():
    measured = measured_of(flip="both", window=32, overlap=0)
    measured.under({})
    one = measured.forwards.spent
    measured.under({"flip": "none", "color": "bgr"})

    assert measured.unit == 4 * 64 * 96
    assert (one, measured.forwards.spent) == (1, 1.25)


def test_a_network_of_one_size_is_content_with_windows_of_that_size():
    assert size_to_feed(measured_of(sizes=only(32, 32), window=32)) is None
    assert size_to_feed(measured_of(sizes=only(32, 32))) == (32, 32)


def test_the_size_to_feed_gives_up_windows_of_another_size():
    measured = measured_of(sizes=only(32, 32), window=48)

    assert size_to_feed(measured) == (32, 32)
    changes = to_feed(measured.settings, (32, 32))
    assert measured.under(changes).logits.output_size == (32, 32)


@pytest.mark.parametrize("changes", [BOXED, VIEWS], ids=["letterbox", "views"])
def test_an_output_as_the_settings_say_is_no_fault_and_no_program_is_claimed(changes):
    case = with_settings(**changes)
    ids = inspected(case, case.settings).labels.ids
    measured = measure(replace(case, saved=written(colorize(ids, VOC))))

    assert rebuild(measured) is None
    assert list(saved_output(measured, Progress())) == []


def test_an_output_of_another_mask_is_told_without_the_claim_that_programs_were_tried():
    case = with_settings(**BOXED)
    ids = inspected(case, change(TRAINED, color="bgr")).labels.ids
    measured = measure(replace(case, saved=written(colorize(ids[::-1], VOC))))
    (finding,) = saved_output(measured, Progress())

    assert finding.cause == "D8"
    assert NOT_REBUILT in finding.evidence[1].words


def test_what_is_fed_wrong_is_named_under_views_too():
    case = with_settings(mean=(0.0,) * 3, std=(1.0,) * 3, flip="horizontal", **BOXED)

    assert causes(diagnose(case))[0] == "P1"


def test_a_healthy_case_stays_healthy():
    diagnosis = diagnose(with_settings(**BOXED, flip="horizontal"))

    assert causes(diagnosis) == []
    assert np.isfinite(diagnosis.forwards)
