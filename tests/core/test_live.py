"""Answers to a slider that moves: fast ones for the eye, exact ones as soon as it rests."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from torch import nn

from core import live
from core.engine import Engine, in_this_thread
from core.engine.choice import FastPaths
from core.engine.paths import MainHead
from core.errors import SettingsError
from core.inspection import run_stages
from core.settings import change
from tests.support.cases import TRAINED, healthy, inspected

POSITION = {"mean": (0.3, 0.4, 0.5), "std": (0.2, 0.2, 0.2)}


class Fast(nn.Module):
    """A path that is a little off, so that its answers are known for what they are."""

    def __init__(self, module):
        super().__init__()
        self.module, self.ran = MainHead(module), 0

    def forward(self, x):
        self.ran += 1
        return self.module(x) + 1e-4


@lru_cache(maxsize=1)
def shown():
    return inspected(healthy(), TRAINED)


def asking(*, path=None, seconds=0.0):
    """Ask for a position; returns engine and a function."""
    engine = Engine()
    paths = FastPaths(engine, lambda: {"fast": lambda module, x: path} if path else {})
    before = shown()
    slow = replace(before.logits, seconds=seconds) if seconds else before.logits
    before = replace(before, logits=slow)
    if path:
        paths.search(before.network, before.input, before.settings.forwarding).join()

    def ask(position=POSITION, *, resting=False):
        return live.answer(
            before, position, resting=resting, engine=engine, paths=paths,
            person="me", waiting=lambda: None,
        )  # fmt: skip

    return engine, ask


def plain():
    case = healthy()
    settings = change(TRAINED, **POSITION)
    return run_stages(case.image, case.network, settings, forward=in_this_thread)


def test_without_a_faster_path_the_answer_is_exact():
    _, ask = asking()
    made = ask()

    assert made.kind == "exact"
    assert np.array_equal(made.inspection.logits.values, plain().logits.values)


def test_a_moving_slider_is_answered_by_the_fastest_path(monkeypatch):
    monkeypatch.setattr("core.engine.choice.FASTER", 100.0)
    path = Fast(healthy().network.module)
    _, ask = asking(path=path)
    made = ask()

    assert (made.kind, made.path) == ("fast", "fast")
    assert not np.array_equal(made.inspection.logits.values, plain().logits.values)


def test_nothing_exact_is_ever_taken_from_a_fast_path_or_a_preview(monkeypatch):
    monkeypatch.setattr("core.engine.choice.FASTER", 100.0)
    path = Fast(healthy().network.module)
    engine, ask = asking(path=path)
    ask()
    ran = path.ran
    resting = ask(resting=True)
    page = run_stages(
        resting.inspection.image, healthy().network, resting.inspection.settings,
        forward=engine.runner(person="me"),
    )  # fmt: skip

    assert resting.kind == "exact"
    assert path.ran == ran
    for each in (resting.inspection, page):
        assert np.array_equal(each.logits.values, plain().logits.values)
    assert page.logits is resting.inspection.logits  # the page pays no second forward


def test_what_moves_pushes_nothing_exact_out_of_the_cache(monkeypatch):
    monkeypatch.setattr("core.engine.choice.FASTER", 100.0)
    path = Fast(healthy().network.module)
    _, ask = asking(path=path)
    ran = path.ran
    for _ in range(2):
        assert ask().kind == "fast"

    assert path.ran == ran + 2
    assert ask(resting=True).kind == "exact"


def test_a_position_whose_exact_answer_is_kept_is_exact_at_once(monkeypatch):
    monkeypatch.setattr("core.engine.choice.FASTER", 100.0)
    engine, ask = asking(path=Fast(healthy().network.module))
    ask(resting=True)
    before = engine.forwards

    assert ask().kind == "exact"
    assert engine.forwards == before


def test_a_slow_network_answers_from_a_smaller_picture_while_the_slider_moves():
    _, ask = asking(seconds=live.SLOW_SECONDS + 1)
    moving, resting = ask(), ask(resting=True)
    height, width = moving.inspection.input.tensor.shape[2:]

    assert (moving.kind, resting.kind) == ("preview", "exact")
    assert height * width * 6 <= np.prod(resting.inspection.input.tensor.shape[2:])
    assert moving.inspection.labels.ids.shape == resting.inspection.labels.ids.shape
    assert np.array_equal(resting.inspection.logits.values, plain().logits.values)


def test_an_unusable_position_is_refused():
    _, ask = asking()

    with pytest.raises(SettingsError):
        ask({"mean": (0.0,), "std": (0.0, 0.0, 0.0)})


def test_a_view_is_known_as_long_as_its_tab_holds_it():
    view = live.LiveView()
    token = view.token
    known = live.DOORS.behind(token)
    del known, view

    assert live.DOORS.behind(token) is None
