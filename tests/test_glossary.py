"""One word for one thing, and the symbol that carries it."""

import importlib
import re
from pathlib import Path

GLOSSARY = Path(__file__).resolve().parent.parent / "docs" / "glossary.md"


def rows():
    """Term, meaning and symbols of each row."""
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith("| term "):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def symbols():
    return [name for row in rows() for name in re.findall(r"`([\w.]+)`", row[2])]


def exists(symbol):
    """Whether it is a module, or an attribute or field of what stands in one."""
    parts = symbol.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        try:
            found = importlib.import_module(name)
        except ModuleNotFoundError as missing:
            if not name.startswith(str(missing.name)):
                raise  # something that the module needs
            continue
        return has(found, parts[length:])
    return False


def has(found, names):
    for name in names:
        if name in getattr(found, "__annotations__", {}) and not hasattr(found, name):
            return name == names[-1]  # a field without a default
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


def test_every_row_has_a_term_a_meaning_and_a_symbol():
    assert [row for row in rows() if len(row) != 3 or not all(row) or "`" not in row[2]] == []


def test_one_word_means_one_thing_and_one_symbol_has_one_word():
    terms = [term for row in rows() for term in row[0].split(", ")]

    assert len(terms) == len(set(terms))
    assert len(symbols()) == len(set(symbols()))


def test_every_symbol_exists():
    assert [name for name in symbols() if not exists(name)] == []


def test_a_symbol_that_does_not_exist_is_seen():
    assert exists("core.labels.Labels.cut")
    assert not exists("core.labels.Labels.cuts")
    assert not exists("core.label.Labels")
