"""What raised is neither evidence nor calm: it is counted, told, and nothing rests on it."""

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.architectures import Account, Network
from core.colors import encode_png
from core.diagnosis import Case, diagnose
from core.diagnosis.checks.phases import Phase
from core.diagnosis.inquiry import Questions
from core.diagnosis.measure.measurements import measure
from core.diagnosis.normalization.agreement import by_agreement
from core.errors import ForwardError
from core.image import decode_image
from core.scores import Truth
from core.settings import Settings, change
from tests.support.cases import causes

NOTHING = Account(matched=(), missing=(), unexpected=(), wrong_shape=())


class Background(nn.Module):
    """Says background whatever it is fed, and stops where the numbers are not those it likes."""

    def __init__(self, stops=lambda x: False):
        super().__init__()
        self.head, self.stops = nn.Conv2d(3, 3, 1), stops
        self.head.weight.data.mul_(0.01)
        self.head.bias.data.copy_(torch.tensor([5.0, 0.0, 0.0]))

    def forward(self, x):
        if self.stops(x):
            raise RuntimeError("the sky is falling")
        return self.head(x)


def case_of(module):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    network = Network(module.eval(), "background", 3, 3, None, NOTHING, f"{id(module)}")
    truth = np.zeros((64, 96), np.int32)
    truth[:32] = 1
    return Case(decode_image(encode_png(pixels)), None, network, Settings(), Truth(truth, ()))


def negative(x):
    """Whether a convention with a mean was fed."""
    return bool((x < 0).any())


def broken(measured, so_far):
    """P6: by mistake."""
    raise ZeroDivisionError("of ours")
    yield


def test_an_unforeseen_error_of_one_check_silences_no_other_and_goes_to_the_log(caplog):
    plain = Questions()
    questions = replace(plain, one_forward=(Phase((broken,)), *plain.one_forward))
    with caplog.at_level(logging.ERROR):
        told = diagnose(case_of(Background()), questions=questions)

    (failed,) = told.failed
    assert failed.what == ("broken",)
    assert failed.why == "An unexpected error (ZeroDivisionError), whose trace is in the log."
    assert "of ours" in caplog.text
    assert told.to_dict()["failed"] == [{"what": ["broken"], "why": failed.why}]
    assert told.tried


def test_conventions_that_could_not_be_run_are_counted_with_their_reason():
    measured = measure(case_of(Background(stops=negative)))
    known = by_agreement(measured, {}, masks_tell=True)

    assert known.certainty == "cannot tell"
    assert known.changes == {}
    assert known.reason.startswith("7 of 9 conventions could not be run: The network stops on an")
    assert [failed.what for failed in measured.failures] == [("7 of 9 conventions",)]


def test_no_cause_rests_on_trials_that_did_not_happen():
    assert causes(diagnose(case_of(Background()))) == ["T1"]

    told = diagnose(case_of(Background(stops=negative)))
    assert causes(told) == []
    assert "the sky is falling" in told.failed[0].why


def test_where_something_failed_and_nothing_was_found_the_verdict_is_not_calm():
    dead, alive = (Background(stops=negative) for _ in range(2))
    nn.init.eye_(alive.head.weight.data.view(3, 3)).mul_(20)  # sure of what it says
    nn.init.zeros_(alive.head.bias.data)
    seen = {mask: diagnose(replace(case_of(mask), truth=None)) for mask in (dead, alive)}

    assert [told.faults for told in seen.values()] == [(), ()]
    assert seen[dead].verdict.startswith("The mask shows nothing")
    assert "7 of 9 conventions" in seen[dead].unexplained.tried
    assert seen[alive].verdict.startswith("Whether something is wrong cannot be told. Could not")
    assert "7 of 9 conventions" in seen[alive].verdict


def test_a_network_that_stops_at_every_batch_norm_question_has_not_no_batch_norm():
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)

        def forward(self, x):
            raise RuntimeError("before the norm")

    measured = measure(case_of(Late()))

    assert measured.batchnorm.input_kl_by_layer({}) == ()
    with pytest.raises(ForwardError, match="before the norm"):
        measured.batchnorm.divergence(measured.tensor.tensor, 5)
    assert [failed.what for failed in measured.failures] == [("what BatchNorm says of the input",)]


def test_what_the_caller_raises_inside_a_check_still_ends_the_work():
    def door(key, compute, /):
        raise TimeoutError

    with pytest.raises(TimeoutError):
        diagnose(case_of(Background()), forward=door)


class Sixteens(nn.Module):
    """Stops where the sides are no multiples of 16."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        if x.shape[2] % 16 or x.shape[3] % 16:
            raise RuntimeError("sizes of tensors must match")
        return self.head(x)


def test_a_size_that_the_network_cannot_take_is_named_and_the_rest_is_asked_at_the_nearest():
    case = replace(case_of(Sixteens()), truth=None)
    case = replace(case, settings=change(Settings(), resize="fixed", height=70, width=90))
    told = diagnose(case)

    assert causes(told)[0] == "S1"
    assert told.findings[0].certainty == "certain"
    assert told.findings[0].changes == {"resize": "fixed", "height": 64, "width": 96}
    assert told.failed == ()
    assert told.tried
    assert told.settings.preprocessing.height == 64


def test_a_network_that_stops_for_another_reason_is_not_told_a_size():
    told = diagnose(case_of(Background(stops=lambda x: True)))

    assert "S1" not in causes(told)
    assert "the mask" in told.failed[0].what
