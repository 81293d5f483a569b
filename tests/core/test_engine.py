"""One queue of forwards: who waits, who is dropped, what is kept."""

import time

import numpy as np
import pytest

from core.engine import Engine, load
from core.inference import Logits
from core.testing import Held, in_background, wait_until


def logits_of(value: float) -> Logits:
    return Logits(np.full((1, 2, 2), value, np.float32), (2, 2), "out", "eval", 0.0)


def test_the_same_key_is_computed_once():
    engine = Engine()

    for _ in range(3):
        engine.logits("a", lambda: logits_of(1))

    assert engine.forwards == 1


def test_no_more_than_one_forward_runs_at_a_time():
    engine = Engine()

    def slow():
        time.sleep(0.02)
        return logits_of(0)

    threads = [
        in_background(lambda k=k: engine.logits(f"{k}", slow, person=f"{k}")) for k in range(5)
    ]
    for thread in threads:
        thread.join()

    assert engine.forwards == 5
    assert engine.most_running == 1


def test_of_one_person_only_the_newest_waiting_request_is_computed():
    engine, held, computed = Engine(), Held(logits_of(0)), []

    def ask(name):
        def forward():
            computed.append(name)
            return logits_of(0)

        def call():
            try:
                engine.logits(name, forward, person="dragger")
            except Exception:
                computed.append(f"{name} dropped")

        return in_background(call)

    other = in_background(lambda: engine.logits("held", held, person="other"))
    held.began.wait(5)
    first = ask("first")
    wait_until(lambda: engine.waiting == 1)
    second = ask("second")
    wait_until(lambda: computed == ["first dropped"])
    held.let_go.set()
    for thread in (other, first, second):
        thread.join()

    assert sorted(computed) == ["first dropped", "second"]


def test_a_host_can_ask_how_busy_all_engines_are():
    engine, held, before = Engine(), Held(logits_of(0)), load()
    other = in_background(lambda: engine.logits("held", held, person="other"))
    held.began.wait(5)
    second = in_background(lambda: engine.logits("next", lambda: logits_of(0), person="second"))
    wait_until(lambda: engine.waiting == 1)
    busy = load()
    held.let_go.set()
    other.join()
    second.join()

    assert (busy.running - before.running, busy.waiting - before.waiting) == (1, 1)
    assert (load().running, load().waiting) == (before.running, before.waiting)
    assert load().forwards - before.forwards == 2


def test_whoever_gives_up_takes_a_waiting_request_out_of_the_queue():
    engine, held, computed = Engine(), Held(logits_of(0)), []

    class GaveUp(BaseException):
        pass

    def give_up():
        raise GaveUp

    other = in_background(lambda: engine.logits("held", held, person="other"))
    held.began.wait(5)
    with pytest.raises(GaveUp):
        engine.logits("mine", lambda: computed.append(1), person="me", waiting=give_up)
    held.let_go.set()
    other.join()
    engine.logits("last", lambda: logits_of(0))

    assert computed == []


def test_results_are_forgotten_oldest_first_when_they_weigh_too_much():
    engine = Engine(cache_bytes=2 * logits_of(0).values.nbytes)
    for key in ("a", "b", "c", "a"):
        engine.logits(key, lambda: logits_of(0))

    assert engine.forwards == 4


def test_an_error_of_the_forward_reaches_whoever_asked():
    def broken():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Engine().logits("a", broken)


def test_forwards_are_counted_by_who_asked_for_them():
    engine = Engine()
    for key, person in (("a", "a page"), ("b", "its diagnosis"), ("a", "its diagnosis")):
        engine.logits(key, lambda: logits_of(1), person=person)

    assert engine.forwards_of == {"a page": 1, "its diagnosis": 1}
