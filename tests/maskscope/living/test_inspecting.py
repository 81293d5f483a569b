"""`maskscope.inspect` says what the uploaded file of the same model says."""

import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

import maskscope
from core.diagnosis import diagnose
from examples.faults import FAULTS
from examples.gallery import material_of
from examples.materials import case_of
from tests.support.living import Tiny, example_model, picture

# Of those of the gallery that a living model can have: in its weights, its mode, or how it is fed.
SHARED = (
    "pixels from 0 to 1 for normalized",
    "divided by 255 twice",
    "training mode",
    "argmax over one channel",
    "statistics never updated",
    "head never trained",
    "a weight is NaN",
)


def named(name):
    return next(fault for fault in FAULTS if fault.name == name)


def alive(case):
    """The model of a case as its owner has it: with the weights, and in the mode of the script."""
    model = case.network.module
    return model.train() if case.settings.forwarding.mode == "train" else model


@pytest.mark.parametrize("name", SHARED)
def test_the_findings_are_those_of_the_file(name):
    material = material_of(named(name))
    case = case_of(material)
    of_the_file = diagnose(case)

    answer = maskscope.inspect(
        alive(case), material.picture, truth=material.truth, settings=material.settings
    )

    found = [(finding.cause, finding.certainty) for finding in answer.findings]
    assert found == [(finding.cause, finding.certainty) for finding in of_the_file.findings]
    assert set(named(name).causes) & {finding.cause for finding in answer.diagnosis.faults}


@pytest.fixture(scope="module")
def answer():
    return maskscope.inspect(example_model(), picture(), class_names=["desk", "cup & saucer"])


def test_a_terminal_gets_verdict_evidence_and_fix(answer):
    text = repr(answer)

    assert text.startswith(answer.verdict)
    assert "[P1] Normalization is missing (certain)" in text
    assert "What to do: Normalize as in training." in text


def test_a_notebook_gets_verdict_five_panels_and_findings(answer):
    page = answer._repr_html_()

    assert page.count("<figure") == 5
    assert answer.verdict in page.replace("&#x27;", "'")
    assert 'class="badge certain"' in page


def test_what_a_notebook_gets_needs_nothing_from_elsewhere(answer):
    page = answer._repr_html_()

    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert not re.findall(r"url\(|@import|<script", page)


def test_the_panels_are_lossless(answer):
    import base64

    first, *_ = re.findall(r"data:image/png;base64,([^\"]+)", answer._repr_html_())

    shown = np.array(Image.open(io.BytesIO(base64.b64decode(first))))
    assert np.array_equal(shown, picture())


def test_names_of_classes_are_shown_and_escaped(answer):
    assert "cup &amp; saucer" in answer._repr_html_()


def test_the_report_is_one_file(answer, tmp_path):
    path = answer.save(tmp_path / "report.html")

    assert path.read_text().startswith("<!DOCTYPE html>")


def test_a_mode_that_is_forgotten_is_a_finding():
    model = example_model()
    model.train()

    found = maskscope.inspect(model, picture(), settings="imagenet")

    assert "B2" in [finding.cause for finding in found.findings]


def test_a_network_that_takes_no_such_size_is_told_with_the_size(tmp_path):
    class Square(Tiny):
        def forward(self, x):
            assert tuple(x.shape[2:]) == (64, 64), "only 64 x 64"
            return super().forward(x)

    found = maskscope.inspect(Square().eval(), picture())

    assert found.findings[0].cause == "S1" or "64" in repr(found)


def test_a_random_network_is_not_called_healthy():
    torch.manual_seed(0)

    found = maskscope.inspect(Tiny().eval(), picture())

    assert found.verdict != "No problem found in these files."
