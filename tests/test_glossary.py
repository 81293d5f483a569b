"""One word for one thing, and the symbol that carries it."""

import importlib
import re
from pathlib import Path

import pytest

HOUSE = Path(__file__).resolve().parent.parent
GLOSSARY = HOUSE / "docs" / "glossary.md"
ROOMS = (
    "core",
    "maskscope",
    "pages",
    "serving",
    "benchmarks",
    "examples",
    "scripts",
    "tests",
    "docs",
)
PRIVATE = re.compile(  # a network is no person; docs/decisions keeps the words of its time
    r"\b(familiar\w*|hears?|heard|hearing|ears?|remember\w*|strangeness|in other light)\b", re.I
)


def private_words(path):
    """Each line of a file with a word that the glossary replaced."""
    lines = path.read_text(encoding="utf-8").splitlines()
    name = path.relative_to(HOUSE)
    return [f"{name}:{n}: {line}" for n, line in enumerate(lines, 1) if PRIVATE.search(line)]


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


@pytest.mark.parametrize("room", ROOMS)
def test_the_words_are_the_field_s_and_not_our_own(room):
    files = [path for path in (HOUSE / room).rglob("*") if path.suffix in (".py", ".js", ".md")]
    read = [path for path in files if "decisions" not in path.parts and path != Path(__file__)]

    assert read
    assert [line for path in read for line in private_words(path)] == []


@pytest.mark.parametrize(
    "place", ["pages/components/viewer/viewer.css", "pages/components/diagnosis/findings.py"]
)
def test_where_the_stages_are_drawn_the_first_bad_one_is_called_so(place):
    assert "First bad stage" in (HOUSE / place).read_text(encoding="utf-8")
