"""One queue of forwards: who waits, who is dropped, what is kept."""

import threading
import time

import numpy as np
import pytest

from core.engine import MOST_ASKERS, Engine, Lane, Place, Superseded, load
from core.engine.queue import MOST_PREEMPTED
from core.errors import BusyError
from core.inference import Logits
from core.operators import check_wanted
from core.testing import Held, in_background, paused, wait_until


def logits_of(value: float) -> Logits:
    return Logits(np.full((1, 2, 2), value, np.float32), (2, 2), "out", "eval", 0.0)


def test_the_same_key_is_computed_once():
    engine = Engine()

    for _ in range(3):
        engine.run("a", lambda: logits_of(1))

    assert engine.forwards == 1


def test_no_more_than_one_forward_runs_at_a_time():
    engine, at_once, running = Engine(), [], []

    def slow():
        running.append(threading.current_thread().name)
        time.sleep(0.02)
        at_once.append(len(running))
        running.pop()
        return logits_of(0)

    threads = [in_background(lambda k=k: engine.run(f"{k}", slow, person=f"{k}")) for k in range(5)]
    for thread in threads:
        thread.join()

    assert engine.forwards == 5
    assert engine.most_running == 1
    assert at_once == [1] * 5


def test_of_one_person_only_the_newest_waiting_request_is_computed():
    engine, held, computed = Engine(), Held(logits_of(0)), []

    def ask(name):
        def forward():
            computed.append(name)
            return logits_of(0)

        def call():
            try:
                engine.run(name, forward, person="dragger")
            except Exception:
                computed.append(f"{name} dropped")

        return in_background(call)

    other = in_background(lambda: engine.run("held", held, person="other"))
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
    other = in_background(lambda: engine.run("held", held, person="other"))
    held.began.wait(5)
    second = in_background(lambda: engine.run("next", lambda: logits_of(0), person="second"))
    wait_until(lambda: engine.waiting == 1)
    busy = load()
    held.let_go.set()
    other.join()
    second.join()

    assert (busy.running - before.running, busy.waiting - before.waiting) == (1, 1)
    assert (load().running, load().waiting) == (before.running, before.waiting)
    assert load().forwards - before.forwards == 2


def test_a_host_can_ask_how_long_requests_take_and_how_many_cost_nothing():
    engine, before = Engine(), load()
    for _ in range(3):
        engine.run("a", lambda: logits_of(0), lane=Lane.DRAG)
    now = load()

    assert now.kept - before.kept == 2
    assert len(now.seconds["drag"]) - len(before.seconds["drag"]) == 1


def test_whoever_gives_up_takes_a_waiting_request_out_of_the_queue():
    engine, held, computed = Engine(), Held(logits_of(0)), []

    class GaveUp(BaseException):
        pass

    def give_up():
        raise GaveUp

    other = in_background(lambda: engine.run("held", held, person="other"))
    held.began.wait(5)
    with pytest.raises(GaveUp):
        engine.run("mine", lambda: computed.append(1), person="me", waiting=give_up)
    held.let_go.set()
    other.join()
    engine.run("last", lambda: logits_of(0))

    assert computed == []


def test_results_are_forgotten_oldest_first_when_they_weigh_too_much():
    engine = Engine(cache_bytes=2 * logits_of(0).values.nbytes)
    for key in ("a", "b", "c", "a"):
        engine.run(key, lambda: logits_of(0))

    assert engine.forwards == 4


def test_an_error_of_the_forward_reaches_whoever_asked():
    def broken():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Engine().run("a", broken)


def test_forwards_are_counted_by_who_asked_for_them():
    engine = Engine()
    for key, person in (("a", "a page"), ("b", "its diagnosis"), ("a", "its diagnosis")):
        engine.run(key, lambda: logits_of(1), person=person)

    assert engine.forwards_of == {"a page": 1, "its diagnosis": 1}


def test_who_asked_is_forgotten_where_many_others_asked_since():
    engine = Engine()
    for number in range(MOST_ASKERS + 10):
        engine.run("", lambda: 1, person=f"person {number}")

    assert len(engine.forwards_of) == MOST_ASKERS
    assert "person 0" not in engine.forwards_of
    assert engine.forwards_of[f"person {MOST_ASKERS + 9}"] == 1


def test_any_result_is_kept_under_its_key_and_none_without_one():
    engine, made = Engine(), []

    def numbers():
        made.append(1)
        return (1.0, 2.0)

    for key in ("a tap", "a tap", "", ""):
        assert engine.run(key, numbers) == (1.0, 2.0)
    assert len(made) == 3


class Layers:
    """A network of two layers; it is held before the second one."""

    def __init__(self):
        self.began, self.let_go, self.ran = threading.Event(), threading.Event(), []

    def __call__(self):
        for number in (1, 2):
            check_wanted()  # as is asked before every layer
            self.ran.append(number)
            self.began.set()
            self.let_go.wait(5)
        return logits_of(0)


class GaveUpError(Exception):
    """Who asked has gone."""


def gives_up(began):
    def waiting():
        if began.is_set():
            raise GaveUpError

    return waiting


def test_a_forward_that_nobody_waits_for_ends_before_its_next_layer():
    engine, layers = Engine(), Layers()
    with pytest.raises(GaveUpError):
        engine.run("a", layers, waiting=gives_up(layers.began))
    layers.let_go.set()

    assert engine.run("b", lambda: "next") == "next"
    assert layers.ran == [1]
    assert engine.running == 0


def test_a_forward_that_somebody_else_waits_for_goes_on():
    engine, layers, answers = Engine(), Layers(), []
    other = in_background(lambda: answers.append(engine.run("a", layers, person="other")))
    layers.began.wait(5)
    with pytest.raises(GaveUpError):
        engine.run("a", layers, person="me", waiting=gives_up(layers.began))
    layers.let_go.set()
    other.join()

    assert layers.ran == [1, 2]
    assert len(answers) == 1


def asked(engine, name, compute, answers, **how):
    return in_background(lambda: answers.append((name, engine.run(name, compute, **how))))


def test_a_drag_is_served_before_a_page_and_a_page_before_a_diagnosis():
    engine, held, answers = Engine(), Held(0), []
    threads = [asked(engine, "held", held, [], person="other")]
    held.began.wait(5)
    for number, lane in enumerate((Lane.IDLE, Lane.DIAGNOSIS, Lane.PAGE, Lane.DRAG)):
        named = dict(person=lane.name, lane=lane)
        threads.append(asked(engine, lane.name, lambda: 0, answers, **named))
        wait_until(lambda number=number: engine.waiting == number + 1)
    held.let_go.set()
    for thread in threads:
        thread.join()

    assert [*engine.forwards_of] == ["other", "DRAG", "PAGE", "DIAGNOSIS", "IDLE"]


def test_people_are_served_in_turn():
    engine, held, threads = Engine(), Held(0), []
    engine.run("before", lambda: 0, person="eager")
    threads.append(asked(engine, "held", held, [], person="other"))
    held.began.wait(5)
    for number, person in enumerate(("eager", "new")):
        threads.append(asked(engine, f"of {person}", lambda: 0, [], person=person))
        wait_until(lambda number=number: engine.waiting == number + 1)
    held.let_go.set()
    for thread in threads:
        thread.join()

    assert [*engine.forwards_of] == ["other", "new", "eager"]


@pytest.mark.parametrize(
    ("lane", "person", "makes_room"),
    [
        (Lane.DIAGNOSIS, "anybody", True),
        (Lane.PAGE, "dragger", True),
        (Lane.PAGE, "somebody else", False),
        (Lane.DRAG, "somebody else", False),
    ],
)
def test_what_makes_room_for_a_drag_begins_anew_after_it(lane, person, makes_room):
    engine, layers = Engine(), Layers()
    slow = asked(engine, "slow", layers, [], person=person, lane=lane)
    layers.began.wait(5)

    def dragged():
        layers.ran.append("drag")
        return 0

    drag = asked(engine, "drag", dragged, [], person="dragger", lane=Lane.DRAG)
    wait_until(lambda: engine.waiting == 1)
    layers.let_go.set()
    slow.join()
    drag.join()

    assert layers.ran == ([1, "drag", 1, 2] if makes_room else [1, 2, "drag"])


def test_a_newer_position_ends_the_one_that_runs_though_a_page_waits_for_that_one_too():
    engine, layers, dropped, answers = Engine(), Layers(), [], []

    def older():
        try:
            engine.run("older", layers, person="me", lane=Lane.DRAG)
        except Superseded:
            dropped.append("older")

    def newer():
        layers.ran.append("newer")
        return 0

    first = in_background(older)
    layers.began.wait(5)
    page = asked(engine, "older", layers, answers, person="me", lane=Lane.PAGE)
    wait_until(lambda: engine.waiting == 1)
    second = asked(engine, "newer", newer, [], person="me", lane=Lane.DRAG)
    wait_until(lambda: engine.waiting == 2)
    layers.let_go.set()
    for thread in (first, page, second):
        thread.join()

    assert layers.ran == [1, "newer", 1, 2]
    assert dropped == ["older"]
    assert len(answers) == 1


def test_the_same_position_asked_twice_is_computed_once():
    engine, layers, answers = Engine(), Layers(), []
    first = asked(engine, "same", layers, answers, person="me", lane=Lane.DRAG)
    layers.began.wait(5)
    second = asked(engine, "same", layers, answers, person="me", lane=Lane.DRAG)
    wait_until(lambda: engine.waiting == 1)
    layers.let_go.set()
    first.join()
    second.join()

    assert layers.ran == [1, 2]
    assert len(answers) == 2


def test_what_made_room_a_few_times_is_finished():
    engine, ran, answers = Engine(), [], []
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def slow():
        for _ in range(2):
            check_wanted()
            ran.append(1)
            begun.release()
            go_on.acquire(timeout=5)
        return "done"

    waits = asked(engine, "slow", slow, answers, person="reader", lane=Lane.DIAGNOSIS)
    for number in range(MOST_PREEMPTED + 1):
        begun.acquire(timeout=5)
        drag = asked(engine, f"{number}", lambda: 0, [], person="dragger", lane=Lane.DRAG)
        wait_until(lambda: engine.waiting == 1)
        go_on.release()
        if number < MOST_PREEMPTED:
            drag.join()
    go_on.release()
    waits.join()

    assert answers == [("slow", "done")]
    assert len(ran) == MOST_PREEMPTED + 2


def test_the_worker_of_an_engine_that_is_done_with_ends(monkeypatch):
    monkeypatch.setattr("core.engine.engine.REST_SECONDS", 0.05)
    monkeypatch.setattr("core.engine.engine.WORKER", "of this test")
    engine = Engine()
    engine.run("a", lambda: 0)

    wait_until(lambda: not [each for each in threading.enumerate() if each.name == "of this test"])
    assert engine.run("b", lambda: 1) == 1


# --- how long one waits ---------------------------------------------------------------------------


def test_whoever_waits_can_be_told_how_many_forwards_of_others_come_first():
    engine, told = Engine(), []

    def ask(person, lane):
        return in_background(lambda: engine.run("", lambda: 1, person=person, lane=lane))

    with paused(engine):
        waiting = [
            ask("first", Lane.PAGE),
            ask("dragger", Lane.DRAG),
            ask("reader", Lane.DIAGNOSIS),
        ]
        wait_until(lambda: engine.waiting == 3)
        waiting.append(ask("me", Lane.PAGE))
        wait_until(lambda: engine.waiting == 4)
        told = [engine.place(person).others for person in ("dragger", "first", "me", "nobody")]
    for thread in waiting:
        thread.join()

    assert told == [1, 2, 3, 0]  # with the one that runs


def test_the_time_is_that_of_the_last_forwards():
    engine = Engine()
    engine.ran[Lane.PAGE].extend((2.0, 2.0, 9.0))
    with paused(engine):
        threads = [
            in_background(lambda p=p: engine.run("", lambda: 1, person=p)) for p in ("other", "me")
        ]
        wait_until(lambda: engine.waiting == 2)
        place = engine.place("me")
    for thread in threads:
        thread.join()

    assert place.others == 2
    assert 3 <= place.seconds <= 4


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (Place(3, 4.2), "3 forwards of others are before yours, about 4 s."),
        (Place(1, 0.1), "1 forward of others is before yours, about 1 s."),
        (Place(2, 0.0), "2 forwards of others are before yours."),
        (Place(0, 0.0), ""),
    ],
)
def test_a_place_is_said_in_words(place, said):
    assert place.in_words == said


def test_a_request_that_waits_too_long_is_refused_with_a_sentence():
    engine, computed = Engine(), []
    with paused(engine), pytest.raises(BusyError, match="1 forward of others") as caught:
        engine.run("", lambda: computed.append(1), person="me", patience=0.1)
    engine.run("", lambda: 1)

    assert "Try again" in caught.value.remedy
    assert not computed
    assert engine.waiting == 0


def test_a_forward_that_has_begun_is_waited_for():
    engine = Engine()

    assert engine.run("", lambda: time.sleep(0.3) or 7, patience=0.1) == 7
