"""docs/masks.md says what the page says."""

from pathlib import Path

from scripts.masks import page

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "masks.md"


def test_the_document_is_what_the_kinds_make_of_it():
    assert DOCUMENT.read_text(encoding="utf-8") == page()
