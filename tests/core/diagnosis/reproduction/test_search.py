"""How long the search for a program goes on, and what it tries first."""

from types import SimpleNamespace

import pytest

from core.diagnosis.reproduction.search import Search, _less
from core.diagnosis.thresholds import NEARLY, NO_CHANGE


def search_after(spent: float, gain: float, *, exact: bool = False) -> Search:
    """A search of 10 forwards, after so many, whose best program explains so much."""
    forwards = SimpleNamespace(spent=0.0)
    search = Search(SimpleNamespace(measured=SimpleNamespace(forwards=forwards)), 10.0)
    search.best = SimpleNamespace(gain=gain, writing=SimpleNamespace(exact=exact))
    forwards.spent = spent
    return search


@pytest.mark.parametrize(
    ("spent", "gain", "over"),
    [(9, 0.5, False), (10, 0.5, True), (10, 0.97, False), (10 * NEARLY, 0.97, True)],
)
def test_a_search_that_is_nearly_there_goes_on_longer(spent, gain, over):
    assert search_after(spent, gain).over is over
    assert search_after(0, gain, exact=True).over


def test_what_completes_a_program_of_99_percent_does_not_wait_behind_one_of_95():
    """The third change of three may not show in the part by which changes are ranked."""
    assert 0.9932 - _less(NO_CHANGE, 0.9932) > 0.95
    assert 0.9 - _less(NO_CHANGE, 0.9) == pytest.approx(0.85)
