"""No module needs itself: not at import time, not inside a function, not for a type."""

from pathlib import Path

from scripts.house import cycles, imports

ROOT = Path(__file__).resolve().parent.parent


def test_two_modules_that_import_each_other_are_a_circle():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [{"b", "c"}]


def test_modules_that_import_one_way_are_none():
    assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_modules_of_core_serving_and_the_package_import_each_other():
    paths = [
        path
        for room in ("core", "serving", "maskscope")
        for path in sorted((ROOT / room).rglob("*.py"))
    ]

    assert cycles(imports(ROOT, paths)) == []
