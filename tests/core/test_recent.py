"""What was used most recently stays, within a number of bytes."""

import threading

import pytest

from core.recent import Recent
from core.testing import Held, in_background, wait_until


def of_ten_bytes():
    return Recent(10, len)


def test_the_least_recently_used_value_goes_first():
    recent = of_ten_bytes()
    recent.put("a", "12345")
    recent.put("b", "12345")
    recent.get("a")
    recent.put("c", "12345")

    assert (recent.get("a"), recent.get("b"), recent.get("c")) == ("12345", None, "12345")


def test_a_value_over_the_limit_stays_while_it_is_the_newest():
    recent = of_ten_bytes()
    recent.put("a", "x" * 99)

    assert recent.get("a") == "x" * 99


def test_two_who_ask_for_one_wait_for_one():
    recent, made = of_ten_bytes(), []

    def make():
        made.append(1)
        return "value"

    threads = [threading.Thread(target=recent.get_or_make, args=("key", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert made == [1]


def test_whoever_makes_one_thing_slowly_does_not_delay_those_who_want_another():
    recent, slow = Recent(100, lambda _: 1), Held("slow")
    thread = in_background(lambda: recent.get_or_make("slow", slow))
    wait_until(slow.began.is_set)

    assert recent.get_or_make("other", lambda: "quick") == "quick"
    slow.let_go.set()
    thread.join()
    assert recent.get("slow") == "slow"


def test_two_who_want_the_same_wait_for_one_that_makes_it():
    recent, slow, made = Recent(100, lambda _: 1), Held("value"), []
    first = in_background(lambda: made.append(recent.get_or_make("a", slow)))
    wait_until(slow.began.is_set)
    second = in_background(lambda: made.append(recent.get_or_make("a", lambda: "again")))
    slow.let_go.set()
    first.join()
    second.join()

    assert made == ["value", "value"]


def test_where_making_fails_the_next_one_may_try():
    recent = Recent(100, lambda _: 1)
    with pytest.raises(ZeroDivisionError):
        recent.get_or_make("a", lambda: 1 // 0)

    assert recent.get_or_make("a", lambda: 1) == 1
