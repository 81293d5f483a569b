"""The quiet corner of the dashboard says how long stages take."""

import pytest
import streamlit as st

from core.timing import STAGES


@pytest.fixture
def nothing_decoded():
    """Another test's picture would be taken from the cache, which takes no time."""
    st.cache_resource.clear()


def test_it_is_closed_at_first_and_then_says_what_each_stage_takes(nothing_decoded, app):
    closed = len(app.table)
    app.session_state.timing = True
    app.run()
    shown = app.table[0].value

    assert not app.exception
    assert closed == 0
    assert list(shown.columns) == ["stage", "last (ms)", "p50 (ms)", "p95 (ms)", "times"]
    stages = [stage.partition(":")[0] for stage in shown["stage"]]
    assert [*stages] == [stage for stage in STAGES if stage in stages]
    assert {"decode", "preprocess", "forward", "decide", "encode"} <= set(stages)


def test_it_says_what_waits_and_where_the_network_runs(app):
    app.session_state.timing = True
    app.run()
    said = " ".join(caption.value for caption in app.caption)

    assert "Queue: 0 running, 0 waiting" in said or "Queue: 1 running" in said
    assert "answers from the cache" in said
    assert "plain float32 on CPU" in said
