"""Whatever runs a network is handed to one door: counted, bounded, ended when nobody waits."""

import threading
from collections import Counter
from dataclasses import replace

import pytest
import torch

from benchmarks.cases import material
from core.diagnosis import diagnose, investigate
from core.diagnosis.thresholds import BUDGET
from core.engine import Engine
from core.presets import PRESETS
from core.settings import Settings
from examples.materials import case_of
from examples.zoo import ZOO
from tests.support.cases import healthy, with_settings, with_truth


@pytest.fixture
def threads(monkeypatch):
    """How many modules were called, by the name of the thread."""
    called, call = Counter(), torch.nn.Module.__call__

    def counted(module, *args, **kwargs):
        called[threading.current_thread().name.partition("_")[0]] += 1
        return call(module, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Module, "__call__", counted)
    return called


def exported():
    """A `.pt2` of the zoo, fed as no training fed it."""
    made = material(ZOO["plain_symmetric"], 1_000, truth=False)
    return case_of(replace(made, settings=Settings()))


CASES = {
    "healthy": healthy,
    "a normalization": lambda: with_settings(**PRESETS["unit"].changes),
    "an exported program": exported,
}


@pytest.mark.parametrize("name", CASES)
def test_a_diagnosis_runs_no_network_outside_the_engine(name, threads):
    case = CASES[name]()
    threads.clear()  # of building it
    engine = Engine()
    told = diagnose(case, forward=engine.runner(person="a diagnosis"))

    assert threads["forward"] > 0
    assert {name: n for name, n in threads.items() if name != "forward"} == {}
    assert engine.forwards_of["a diagnosis"] == engine.forwards > 3
    assert told.forwards == diagnose(case).forwards


@pytest.mark.parametrize("name", CASES)
def test_an_engine_changes_no_answer(name):
    case = CASES[name]()

    assert diagnose(case, forward=Engine().runner()).findings == diagnose(case).findings


def test_a_search_that_has_run_the_network_too_often_ends_with_a_sentence():
    last = diagnose(with_settings(**PRESETS["unit"].changes), budget=2)

    assert last.finished
    assert 2 <= last.forwards < 4
    assert last.verdict.endswith(f"The search ended after {last.forwards:.0f} forwards.")


def test_the_budget_is_far_above_what_a_case_takes():
    case = with_truth(torch.zeros(256, 256), with_settings(**PRESETS["unit"].changes))

    assert diagnose(case).forwards < BUDGET / 10


def test_a_diagnosis_that_nobody_waits_for_ends_within_a_forward(monkeypatch):
    """The first convolution holds; when it goes on, nobody waits, and no other layer is run."""
    began, let_go, ran = threading.Event(), threading.Event(), []
    convolve = torch.nn.Conv2d.forward

    def held(module, x):
        ran.append(threading.current_thread().name)
        began.set()
        let_go.wait(10)
        return convolve(module, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", held)

    class LeftError(Exception):
        """Who waited has gone."""

    def waiting():
        if began.is_set():
            raise LeftError

    engine = Engine()
    answers = investigate(with_settings(), forward=engine.runner(waiting=waiting))
    next(answers)
    with pytest.raises(LeftError):
        next(answers)
    let_go.set()
    assert engine.run("next", lambda: "another's turn") == "another's turn"
    assert len(ran) == 1
