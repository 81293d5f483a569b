"""The doubles do what tests take them for."""

import io

import numpy as np
import pytest

from core.background import Background
from core.engine import Engine
from core.errors import StoreError
from core.inference import Logits
from core.testing import Held, in_background, overwrite, paused, wait_until


def one_logit() -> Logits:
    return Logits(np.zeros((1, 2, 2), np.float32), (2, 2), "out", "eval", 0.0)


def test_what_does_not_come_true_is_told_after_the_time_given():
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        wait_until(lambda: False, seconds=0.05)


def test_a_held_call_returns_its_value_once_it_is_let_go():
    held, answers = Held("value"), []
    thread = in_background(lambda: answers.append(held()))
    wait_until(held.began.is_set)
    before = list(answers)
    held.let_go.set()
    thread.join()

    assert (before, answers) == ([], ["value"])


def test_forwards_wait_while_an_engine_is_paused_and_run_afterwards():
    engine, computed = Engine(), []
    with paused(engine):
        thread = in_background(lambda: engine.run("a", lambda: computed.append(1), person="ada"))
        wait_until(lambda: engine.waiting == 1)
        during = list(computed)
    thread.join()

    assert (during, computed) == ([], [1])


def test_a_pause_ends_with_an_error_in_it():
    engine = Engine()
    with pytest.raises(KeyError), paused(engine):
        raise KeyError

    assert engine.run("a", one_logit).values.shape == (1, 2, 2)


def test_other_bytes_under_a_digest_are_found_to_be_damaged(place):
    store = place.open(disk="here")
    digest = store.put(io.BytesIO(b"weights"), "best.pth")
    overwrite(store, digest, b"other b")
    elsewhere = place.open(disk="there" if "BLOBS_URL" in place.environment else "here")

    try:
        assert elsewhere.path(digest).read_bytes() == b"other b"
    except StoreError as error:
        assert "damaged" in error.message


# --- waiting for all work in the background -------------------------------------------------------


def test_all_that_somebody_waits_for_is_waited_for():
    works, held = Background(), Held(2)

    def slow(job):
        yield 1
        yield held()

    jobs = [works.start(key, slow, person=key) for key in ("ada", "bob")]
    early = works.wait_all(0.05)
    held.let_go.set()

    assert not early
    assert works.wait_all(5)
    assert [job.partial for job in jobs] == [2, 2]


def test_the_job_of_a_person_is_the_one_they_wait_for():
    works = Background()
    job = works.start("a", lambda job: iter([1]), person="ada")

    assert works.job_of("ada") is job
    assert works.job_of("bob") is None
    works.leave("ada")
    assert works.job_of("ada") is None
