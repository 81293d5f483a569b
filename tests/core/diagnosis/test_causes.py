"""Every cause is one entry; its fields decide, its text is that of the page and of the docs."""

import ast
import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from core.diagnosis import CAUSES, diagnose
from core.diagnosis.causes import SECTIONS, Stage
from core.presets import PRESETS
from examples.gallery import KINDS
from scripts import findings
from tests.core.diagnosis.test_diagnosis_forwards import fresh_head
from tests.support.cases import (
    causes,
    example_checkpoint,
    with_settings,
    with_tensors,
)

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    path
    for folder in ("core", "pages", "benchmarks", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path.parent != ROOT / "core" / "diagnosis" / "causes"
]


@pytest.fixture
def without(monkeypatch):
    """Takes a field from a cause, or gives it one."""

    def changed(cause, **fields):
        monkeypatch.setitem(CAUSES, cause, replace(CAUSES[cause], **fields))

    return changed


# --- the entries ----------------------------------------------------------------------------------


def is_whole(cause):
    texts = [text.strip() for text in (cause.what, cause.found_by, cause.fix)]
    named = re.fullmatch(r"[A-Z]\d", cause.id) and not cause.title.endswith(".")
    sentences = all(text.endswith(".") and "\n\n" not in text for text in texts)
    lines = all(0 < len(line) <= findings.WIDTH for line in cause.code.splitlines())
    return bool(named and sentences and lines and cause.code and cause.stage in get_args(Stage))


def test_every_entry_is_whole():
    assert [cause.id for cause in CAUSES.values() if not is_whole(cause)] == []


def test_no_id_is_given_twice():
    assert [c.id for part in SECTIONS.values() for c in part] == list(CAUSES)


def test_the_page_of_all_causes_is_what_the_script_writes():
    assert findings.OUT.read_text(encoding="utf-8") == findings.page()


def test_an_explanation_is_one_section_of_the_page():
    for cause in CAUSES.values():
        section = findings.page().split(f"\n### {cause.id}\n")[1].split("\n##")[0]

        assert " ".join(section.split()) == " ".join(cause.explanation.split())


def test_a_cause_is_listed_in_the_gallery_under_its_stage():
    stages = [stage for stages in KINDS.values() for stage in stages]

    assert sorted(stages) == sorted(get_args(Stage))


# --- what the fields decide -----------------------------------------------------------------------


def all_nan():
    tensors = example_checkpoint().tensors
    broken = {
        key: torch.full_like(t, torch.nan) if t.is_floating_point() else t.clone()
        for key, t in tensors.items()
    }
    return with_tensors(broken)


def test_broken_weights_end_the_search(without):
    ended = diagnose(all_nan())
    without("N1", ends_search=False)
    searched = diagnose(all_nan())

    assert ended.finished
    assert causes(ended) == causes(searched) == ["N1"]
    assert ended.forwards < searched.forwards


def test_what_makes_masks_meaningless_keeps_them_from_being_compared(without):
    kept = diagnose(fresh_head())
    without("W3", makes_masks_meaningless=False)

    assert causes(kept) == ["W3"]
    assert kept.tried != diagnose(fresh_head()).tried


def test_a_fix_of_the_label_map_is_in_place_for_later_checks_and_one_of_its_colors_is_not(without):
    case = with_settings(palette="gray", **PRESETS["unit"].changes)
    kept = diagnose(case)
    without("D1", mended_by_settings=True)

    assert set(causes(kept)) == {"P1", "D1"}
    assert not any("palette" in one.changes for one in kept.tried)
    assert any("std" in one.changes for one in kept.tried)
    assert any("palette" in one.changes for one in diagnose(case).tried)


def never_updated():
    tensors = {
        key: nn.init.zeros_(t.clone())
        if key.endswith("running_mean")
        else nn.init.ones_(t.clone())
        if key.endswith("running_var")
        else t
        for key, t in example_checkpoint().tensors.items()
    }
    return with_tensors(tensors)


def test_unusable_statistics_keep_channel_order_and_size_from_being_asked(without):
    kept = diagnose(never_updated())
    without("B1", blocks_order_and_size=False)

    assert "B1" in causes(kept)
    assert not any("color" in one.changes for one in kept.tried)
    assert any("color" in one.changes for one in diagnose(never_updated()).tried)


def test_what_may_be_harmless_can_be_mended_by_settings_so_that_two_masks_can_be_compared():
    assert all(cause.mended_by_settings for cause in CAUSES.values() if cause.may_be_harmless)


# --- nobody asks for letters ----------------------------------------------------------------------


def is_cause(node):
    """A name or attribute `cause`, or an element of `causes`."""
    if isinstance(node, ast.Subscript):
        return getattr(node.value, "attr", getattr(node.value, "id", "")) == "causes"
    return getattr(node, "attr", getattr(node, "id", "")) in ("cause", "cause_id")


def asks_a_letter(node):
    """`cause[0]`, `causes[0][0]`, `cause.startswith(...)`."""
    if isinstance(node, ast.Subscript):
        return is_cause(node.value)
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return called and node.func.attr == "startswith" and is_cause(node.func.value)


def is_id(node):
    return isinstance(node, ast.Constant) and node.value in CAUSES


def lists_causes(node):
    """A set of ids, or a test for membership: `{"W3", "W6"}`, `in ("P1", "P2")`, `"B1" in`."""
    if isinstance(node, ast.Set):
        return all(map(is_id, node.elts))
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In | ast.NotIn):
        return False
    listed = node.comparators[0]
    several = isinstance(listed, ast.Tuple | ast.List) and all(map(is_id, listed.elts))
    return several or is_id(node.left)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('finding.cause[0] not in "DTW"', True),
        ('fault.causes[0][0] == "T"', True),
        ('cause.startswith("P")', True),
        ('faults & {"W3", "W6"}', True),
        ('cause in ("P1", "P2")', True),
        ('"B1" in facts.faults', True),
        ("CAUSES[cause].ends_search", False),
        ("CAUSES[fault.causes[0]].stage", False),
        ('"B1" if own else "B2"', False),
        ('fault.causes == ("W7",)', False),
    ],
)
def test_the_next_test_sees_letters(text, found):
    nodes = list(ast.walk(ast.parse(text)))

    assert any(asks_a_letter(node) or lists_causes(node) for node in nodes) == found


def test_no_module_asks_for_the_letter_of_a_cause_nor_lists_ids():
    lines = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if asks_a_letter(node) or lists_causes(node)
    ]

    assert lines == []


def test_nothing_reads_the_docs_while_it_runs():
    app = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("core", "pages")]
    readers = [path for path in app if '/ "docs"' in path.read_text(encoding="utf-8")]

    assert readers == []
