"""How long stages take is noted, the last times of each."""

import math

import numpy as np
import pytest

from core import timing
from core.engine import in_this_thread
from core.image import decode_image
from core.inspection import run_stages
from core.settings import Settings, change
from core.timing import TIMED, forget, quantiles, stages, tell, timed
from tests.conftest import png
from tests.core.test_inference import Wrapped, network_of


@pytest.fixture(autouse=True)
def afresh():
    forget()
    yield
    forget()


def count():
    return {stage: len(took) for stage, took in stages().items() if took}


def test_each_stage_that_runs_is_timed_once():
    image = decode_image(png(np.zeros((4, 4, 3))))
    first = run_stages(image, network_of(Wrapped()), Settings(), forward=in_this_thread)
    after_first = count()
    other = change(Settings(), rule="per_class")
    run_stages(image, first.network, other, forward=lambda *_: first.logits, previous=first)

    assert after_first == {"preprocess": 1, "forward": 1, "decide": 1}
    assert count() == {"preprocess": 1, "forward": 1, "decide": 2}


def test_only_the_last_times_are_kept():
    for number in range(TIMED + 5):
        tell("paint", number)

    assert len(stages()["paint"]) == TIMED
    assert stages()["paint"][-1] == pytest.approx((TIMED + 4) / 1000)


def test_what_failed_took_no_time():
    with pytest.raises(ZeroDivisionError), timed("decode"):
        print(1 / 0)

    assert count() == {}


@pytest.mark.parametrize("nonsense", [-1, math.nan, math.inf, 10**400, timing.LONGEST_MS + 1])
def test_nonsense_that_a_browser_tells_is_passed_over(nonsense):
    tell("paint", nonsense)
    tell("forward", 5.0)  # that is not seen by a browser

    assert count() == {}


def test_p95_of_one_time_is_that_time():
    assert quantiles([0.5]) == {0.5: 0.5, 0.95: 0.5}
