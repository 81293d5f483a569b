"""One count of turns serves fields that show a value and uploaders that empty themselves."""

import pytest

from pages.components.widgets import turns


@pytest.fixture
def state(monkeypatch):
    kept = {}
    monkeypatch.setattr(turns.session, "widget", lambda key, default=None: kept.get(key, default))
    monkeypatch.setattr(turns.session, "set_widget", kept.__setitem__)
    return kept


def test_each_turn_of_a_widget_has_a_key_of_its_own(state):
    keys = [turns.key_now("preset")]
    for _ in range(2):
        turns.next_turn("preset")
        keys.append(turns.key_now("preset"))

    assert keys == ["preset", "preset~1", "preset~2"]


def test_the_turn_of_one_widget_is_not_that_of_another(state):
    turns.next_turn("preset")

    assert turns.key_now("upload_preset") == "upload_preset"
