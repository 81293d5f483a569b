"""docs/datasets.md says what the code says."""

import doctest
from pathlib import Path

import pytest

from core.dataset import Rule, finding, truth
from core.dataset.files import limited
from core.dataset.hosting import FOLDER, URLS
from scripts.datasets import page

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")


def test_the_table_of_findings_is_what_the_kinds_make_of_it():
    assert page(TEXT) == TEXT


@pytest.mark.parametrize("module", [finding, limited, truth])
def test_the_examples_of_docstrings_are_true(module):
    failed, tried = doctest.testmod(module)

    assert (failed, tried > 0) == (0, True)


@pytest.mark.parametrize("name", [FOLDER, URLS])
def test_the_host_s_variables_stand_in_both_pages(name):
    assert name in TEXT
    assert f"`{name}`" in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_limits_are_those_of_the_code():
    assert f"over {limited.MOST_BYTES // 2**20} MiB" in TEXT
    assert f"more than {limited.MOST_FILES:,} files" in TEXT
    assert f"longer than {limited.LONGEST} characters" in TEXT


def test_the_rule_of_the_page_is_one():
    line = next(line for line in TEXT.splitlines() if line.startswith("    {root}images/"))

    assert Rule(*line.split()).mask_key("set/masks/a_mask.png") == ("set/", "", "a")
