"""What was used most recently stays, within a number of bytes."""

import threading

from core.recent import Recent


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
