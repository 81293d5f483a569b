"""Every number that decides stands in one file, once, with what it means."""

import ast
from pathlib import Path

import pytest

ROOM = Path(__file__).resolve().parents[3] / "core" / "diagnosis"
THRESHOLDS = ROOM / "thresholds.py"
OTHERS = [path for path in sorted(ROOM.rglob("*.py")) if path != THRESHOLDS]


def assigned(path):
    """Name and value of every assignment at the top of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            target = node.targets[0]
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from ((name.id, node) for name in names)


def is_number(node):
    """A number, or a tuple of numbers."""
    if isinstance(node, ast.Tuple):
        return all(is_number(part) for part in node.elts)
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def test_no_threshold_has_two_values():
    names = [name for name, _ in assigned(THRESHOLDS)]

    assert len(names) > 100
    assert sorted(set(names)) == sorted(names)


def test_every_threshold_says_beside_it_what_it_means():
    lines = THRESHOLDS.read_text(encoding="utf-8").splitlines()

    assert [
        name for name, node in assigned(THRESHOLDS) if "  # " not in lines[node.lineno - 1]
    ] == []


def test_every_threshold_is_used():
    used = {
        node.id
        for path in OTHERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name)
    }

    assert {name for name, _ in assigned(THRESHOLDS)} - used == set()


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(ROOM)))
def test_no_other_module_of_the_diagnosis_has_a_number_of_its_own(path):
    assert [name for name, node in assigned(path) if is_number(node.value)] == []
