"""One word for one thing, and the symbol that carries it."""

import importlib
import re
from pathlib import Path

GLOSSARY = Path(__file__).resolve().parent.parent / "docs" / "glossary.md"
MEASURE, NORMALIZATION = "core.diagnosis.measure", "core.diagnosis.normalization"
COMING = {  # names of issue 13 that other branches bring; to be emptied when they are merged
    "core.inspection.run_stages",
    "core.engine.Runner",
    *(f"core.operators.{name}" for name in ("OperatorTap", "StopForward", "tap")),
    "core.diagnosis.Diagnosis.to_dict",
    "core.diagnosis.checks.phases.Check",
    "core.diagnosis.checks.phases.Phase",
    "core.diagnosis.progress.Progress",
    "core.diagnosis.progress.Progress.fixes",
    *(f"{MEASURE}.forwards.{name}" for name in ("Forwards", "BUDGET")),
    f"{MEASURE}.head_bias",
    f"{MEASURE}.measurements.Measurements",
    f"{MEASURE}.mask.mutual_information",
    f"{MEASURE}.mask.MaskMeasures.agreement",
    f"{MEASURE}.picture.PictureMeasures.brightness_variants",
    f"{MEASURE}.reference_picture.reference_picture",
    *(f"{MEASURE}.batchnorm_divergence.{name}" for name in ("kl", "remembers", "divergence")),
    *(
        f"{MEASURE}.batchnorm_divergence.BatchNormMeasures.{name}"
        for name in ("never_updated", "input_kl", "reference_kl")
    ),
    *(
        f"{MEASURE}.truth.TruthMeasures.{name}"
        for name in ("mask_score", "max_score", "matches_truth")
    ),
    f"{NORMALIZATION}.conventions.CONVENTIONS",
    f"{NORMALIZATION}.first_layer.Gauge",
    f"{NORMALIZATION}.memory.Memory",
    f"{NORMALIZATION}.recover.recover",
    "pages.components.state.session.fork",
    "pages.components.state.gc_freeze",
}


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
    assert [name for name in symbols() if name not in COMING and not exists(name)] == []


def test_what_is_coming_is_in_the_glossary():
    assert set(symbols()) >= COMING


def test_a_symbol_that_does_not_exist_is_seen():
    assert exists("core.labels.Labels.cut")
    assert not exists("core.labels.Labels.cuts")
    assert not exists("core.label.Labels")
