"""Work in the background: answers that get better, and an end when nobody waits."""

from __future__ import annotations

import threading
import time

from core.background import Background
from core.errors import ForwardError

SECONDS = 5


def counting(job):
    yield 1
    job.say("counting")
    yield 2


class Gate:
    """A work that goes on until it is let through."""

    def __init__(self):
        self.open, self.steps, self.ended = threading.Event(), 0, False

    def __call__(self, job):
        yield "first"
        try:
            while not self.open.wait(0.01):
                self.steps += 1
                job.say(f"step {self.steps}")
        finally:
            self.ended = True
        yield "last"


def test_the_newest_answer_is_the_last_one_yielded():
    job = Background().start("a", counting, person="ada")

    assert job.wait(SECONDS)
    assert job.partial == 2
    assert job.stage == "counting"


def test_the_first_answer_is_there_before_the_work_is_finished():
    gate = Gate()
    job = Background().start("a", gate, person="ada")
    job.wait_first(SECONDS)

    assert (job.partial, job.finished) == ("first", False)
    gate.open.set()
    assert job.wait(SECONDS)
    assert job.partial == "last"


def test_the_same_question_is_worked_on_once():
    gate, works = Gate(), Background()
    first = works.start("a", gate, person="ada")
    second = works.start("a", gate, person="bob")
    gate.open.set()

    assert first is second


def test_a_finished_work_is_kept():
    works = Background()
    job = works.start("a", counting, person="ada")
    job.wait(SECONDS)

    assert works.start("a", counting, person="bob") is job


def test_a_newer_question_of_the_same_person_ends_the_older_one():
    gate, works = Gate(), Background()
    old = works.start("a", gate, person="ada")
    works.start("b", counting, person="ada").wait(SECONDS)

    assert old.wait(SECONDS)
    assert gate.ended
    assert old.cancelled
    assert old.partial == "first"


def test_a_work_goes_on_while_somebody_else_waits_for_it():
    gate, works = Gate(), Background()
    old = works.start("a", gate, person="ada")
    works.start("a", gate, person="bob")
    works.start("b", counting, person="ada").wait(SECONDS)
    steps = gate.steps
    while gate.steps < steps + 3:
        time.sleep(0.01)

    assert not old.cancelled
    gate.open.set()
    assert old.wait(SECONDS)
    assert old.partial == "last"


def test_a_work_that_was_ended_begins_again_when_asked_for():
    gate, works = Gate(), Background()
    old = works.start("a", gate, person="ada")
    works.leave("ada")
    old.wait(SECONDS)

    again = works.start("a", counting, person="ada")
    assert again.wait(SECONDS)
    assert again.partial == 2


def test_an_error_for_people_is_kept_with_the_last_answer():
    def failing(job):
        yield 1
        raise ForwardError("It stops.", remedy="Go on.")

    job = Background().start("a", failing, person="ada")

    assert job.wait(SECONDS)
    assert (job.partial, job.error.message) == (1, "It stops.")


def test_a_fault_of_the_program_is_told_and_logged(caplog):
    def broken(job):
        yield 1
        raise ZeroDivisionError

    job = Background().start("a", broken, person="ada")

    assert job.wait(SECONDS)
    assert (job.partial, job.broken) == (1, True)
    assert "ZeroDivisionError" in caplog.text
