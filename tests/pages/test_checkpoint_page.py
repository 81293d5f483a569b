"""The checkpoint page: what it says of good files, of files nobody knows, and of bad ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.architectures.shapes import OUTPUT_STRIDE
from tests.conftest import saved, upload
from tests.core.architectures.test_families import state_for
from tests.support.crafted import LAVISH, UNWRITABLE, asking
from tests.support.fields import field
from tests.support.hostile import BOMBS, LIES, calls
from tests.support.networks import deeplab_mobilenet, of_a_class_that_exists_nowhere, seeded

UPLOADER = "Upload a checkpoint"


@pytest.fixture
def page(app):
    return app.switch_page("pages/checkpoint.py").run()


def says(page) -> str:
    kinds = (page.markdown, page.caption, page.success, page.warning, page.error, page.info)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def test_the_examples_file_is_described_and_healthy(page):
    assert not page.exception
    assert any("deeplabv3" in heading.value for heading in page.subheader)
    assert "All keys start with module.: written from DataParallel" in says(page)
    assert "352 of 352 tensors matched" in says(page)
    assert "No problem found. Examined: the numbers of 352 tensors" in says(page)
    assert "`classifier.4`: 6 classes from 64 channels" in says(page)


def test_every_tensor_is_in_the_table_and_can_be_searched(page):
    assert len(page.dataframe[0].value) == 352
    page.text_input(key="tensor_filter").set_value("classifier.4").run()

    table = page.dataframe[0].value
    assert list(table["tensor"]) == ["classifier.4.weight", "classifier.4.bias"]
    assert table["shape"].tolist() == ["6 x 64 x 1 x 1", "6"]


def test_what_is_odd_is_told(page):
    torch.manual_seed(0)
    model = seeded(deeplab_mobilenet())
    model.aux_classifier[4] = nn.Conv2d(10, 21, 1)
    state = model.state_dict()
    state["backbone.0.0.weight"][0] = 0
    upload(page, UPLOADER, "mine.pth", saved({"model": state, "epoch": 3}))

    assert not page.exception
    text = says(page)
    assert "whose BatchNorm multiplies by zero: 1, in backbone.0.0.weight" in text
    assert "aux_classifier.4 has 21 classes and the main head 4" in text
    assert "looks like PyTorch's initialization" in text


def test_a_network_that_nobody_knows_is_still_looked_into(page):
    upload(page, UPLOADER, "mine.pth", saved(of_a_class_that_exists_nowhere().state_dict()))

    assert not page.exception
    assert "No network is known for these" in says(page)
    assert any("torch.export.save" in code.value for code in page.code)
    assert len(page.dataframe[0].value) == 14


def test_from_the_dashboard_a_button_leads_to_what_could_not_be_run(app):
    upload(app, UPLOADER, "mine.pth", saved(of_a_class_that_exists_nowhere().state_dict()))
    assert app.error
    app.button(key="look").click().run()

    assert not app.exception
    assert len(app.dataframe[0].value) == 14
    app.switch_page("app.py").run()
    assert not app.error
    assert field(app.selectbox, "source_checkpoint").value == "example"


def test_averaged_weights_in_the_same_file_can_be_chosen(page):
    model = seeded(deeplab_mobilenet())
    averaged = {key: value.float() * 2 for key, value in model.state_dict().items()}
    upload(page, UPLOADER, "mine.pth", saved({"model": model.state_dict(), "ema": averaged}))
    key = f"part_{page.session_state.tab.sources.checkpoint}"
    assert field(page.selectbox, key).options[0].startswith("ema")
    field(page.selectbox, key).set_value("ema").run()

    assert not page.exception
    assert page.session_state.tab.sources.part == "ema"
    assert "The weights are under ema" in says(page)


def test_what_no_tensor_tells_is_a_choice_here_and_in_the_sidebar(page):
    upload(page, UPLOADER, "mine.pth", saved(state_for("vainf deeplabv3plus mobilenetv2 16")))
    key = f"fact_{OUTPUT_STRIDE}"
    assert field(page.selectbox, key).value == "16"
    field(page.selectbox, key).set_value("8").run()
    page.switch_page("app.py").run()

    assert not page.exception
    assert field(page.selectbox, key)
    choice = page.session_state.tab.good[0].inspection.network.choices[0]
    assert (choice.taken, choice.source) == ("8", "chosen")


# --- bad input ------------------------------------------------------------------------------------


def test_every_hostile_file_gets_a_sentence_and_the_page_stays(page):
    files = {name: make() for name, make in BOMBS.items()}
    files |= {name: (make(), "") for name, make in LIES.items()}
    files |= {name: make() for name, make in UNWRITABLE.items()}
    for name, (content, sentence) in files.items():
        if sentence == "opens":  # with the weights beside the bomb, which is left alone
            continue
        upload(page, UPLOADER, "mine.pth", content)
        assert not page.exception, name
        assert page.error, name
        assert page.info, name
        assert "352 of 352 tensors matched" in says(page), name


@pytest.mark.parametrize(
    "make",
    [
        UNWRITABLE["half a character in a name"],
        UNWRITABLE["half a character beside the weights"],
        LAVISH["one text of a million letters 2,000 times"],
    ],
)
def test_a_crafted_file_that_opens_is_described_and_another_one_can_follow(page, make):
    upload(page, UPLOADER, "mine.pth", make()[0])
    assert not page.exception
    assert "1 tensors, 4 numbers" in says(page)

    upload(page, UPLOADER, "next.pth", saved({"conv.weight": torch.ones(2, 3, 1, 1)}))
    assert not page.exception
    assert "1 tensors, 6 numbers" in says(page)


def test_no_hostile_call_runs_and_the_dashboard_stays(app, tmp_path):
    marker = tmp_path / "ran"
    for _, _, content in list(calls(f"touch {marker}"))[::12]:
        upload(app, UPLOADER, "mine.pth", content)
        assert not app.exception
        assert app.error
        assert "class 0 (desk)" in (app.success or app.warning)[0].value
    assert not marker.exists()


def test_what_a_file_asks_to_call_beside_good_weights_is_a_warning(page):
    upload(page, UPLOADER, "mine.pth", asking("requests.api.get", "GLOBAL and REDUCE"))

    assert not page.exception
    (warning,) = [w.value.replace("\\", "") for w in page.warning if "asks" in w.value]
    assert "This file asks to call requests.api.get. Maskscope never runs it" in warning
