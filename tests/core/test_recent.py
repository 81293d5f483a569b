"""What was used most recently stays, within a number of bytes."""

import gc
import os
import threading
import weakref

import pytest

from core.recent import Recent, forget_oldest
from core.testing import Held, in_background, wait_until


def of_ten_bytes():
    return Recent(10, len)


class Key(str):
    """A key of which one sees whether it is still held; a plain text has no weak references."""


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


def test_a_value_over_the_limit_goes_for_a_newer_one():
    recent = of_ten_bytes()
    recent.put("a", "x" * 99)
    recent.put("b", "1")

    assert (recent.get("a"), recent.get("b")) == (None, "1")


def test_a_made_value_over_the_limit_stays_too():
    recent = of_ten_bytes()
    recent.get_or_make("a", lambda: "x" * 99)

    assert recent.get("a") == "x" * 99


def test_another_value_under_a_key_counts_instead_of_the_older_one():
    recent = of_ten_bytes()
    recent.put("a", "1234")
    recent.put("b", "123456")
    recent.put("b", "654321")

    assert (recent.get("a"), recent.get("b")) == ("1234", "654321")


def test_where_no_byte_may_be_kept_the_newest_value_stays():
    recent = Recent(0, len)
    recent.put("a", "1")
    recent.put("b", "1")

    assert (recent.get("a"), recent.get("b")) == (None, "1")


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


def test_who_asks_while_it_is_made_gets_what_is_made():
    recent, slow, got = of_ten_bytes(), Held("slow"), []
    first = in_background(lambda: recent.get_or_make("a", slow))
    wait_until(slow.began.is_set)
    second = in_background(lambda: got.append(recent.get_or_make("a", lambda: "again")))
    slow.let_go.set()
    first.join()
    second.join()

    assert got == ["slow"]


def test_what_is_made_slowly_delays_nobody_who_asks_for_something_else():
    recent, slow, got = of_ten_bytes(), Held("slow"), []
    first = in_background(lambda: recent.get_or_make("a", slow))
    wait_until(slow.began.is_set)
    second = in_background(lambda: got.append(recent.get_or_make("b", lambda: "b")))
    try:
        wait_until(lambda: got == ["b"], seconds=5)
        assert (recent.get("a"), recent.get("b")) == (None, "b")
    finally:
        slow.let_go.set()
        first.join()
        second.join()


def test_where_making_fails_the_next_one_makes_it():
    recent = of_ten_bytes()
    with pytest.raises(ZeroDivisionError):
        recent.get_or_make("a", lambda: 1 // 0)

    assert recent.get_or_make("a", lambda: "made") == "made"


def test_who_waits_for_a_making_that_fails_makes_it():
    recent, slow, got = of_ten_bytes(), Held(None), []

    def fail():
        slow()
        raise ZeroDivisionError

    def ask():
        with pytest.raises(ZeroDivisionError):
            recent.get_or_make("a", fail)

    first = in_background(ask)
    wait_until(slow.began.is_set)
    second = in_background(lambda: got.append(recent.get_or_make("a", lambda: "made")))
    slow.let_go.set()
    first.join()
    second.join()

    assert got == ["made"]


def test_of_a_forgotten_value_not_even_the_key_is_kept():
    recent, key = of_ten_bytes(), Key("a")
    held = weakref.ref(key)
    recent.get_or_make(key, lambda: "1234567890")
    recent.put("b", "1234567890")
    del key
    gc.collect()

    assert held() is None


def test_of_a_value_that_was_never_made_not_even_the_key_is_kept():
    recent, key = of_ten_bytes(), Key("a")
    held = weakref.ref(key)
    with pytest.raises(ZeroDivisionError):
        recent.get_or_make(key, lambda: 1 // 0)
    del key
    gc.collect()

    assert held() is None


# --- files ----------------------------------------------------------------------------------------


def write(path, count, *, age):
    path.write_bytes(bytes(count))
    os.utime(path, (1e9 - age, 1e9 - age))


def test_what_belongs_to_a_kept_file_counts_too(tmp_path):
    for name, age in (("a", 3), ("b", 2), ("c", 1)):
        write(tmp_path / f"{name}.safetensors", 10, age=age)
        write(tmp_path / f"{name}.json", 90, age=age)

    forget_oldest(tmp_path, "*.safetensors", 200, keep="c.safetensors")

    assert {path.name for path in tmp_path.iterdir()} == {
        *("b.safetensors", "b.json"),
        *("c.safetensors", "c.json"),
    }


def test_what_was_used_last_stays_with_all_that_belongs_to_it(tmp_path):
    write(tmp_path / "old.json", 90, age=9)  # only its numbers were looked at since
    write(tmp_path / "old.safetensors", 10, age=1)
    write(tmp_path / "new.safetensors", 10, age=2)

    forget_oldest(tmp_path, "*.safetensors", 100, keep="none")

    assert {path.name for path in tmp_path.iterdir()} == {"old.safetensors", "old.json"}
