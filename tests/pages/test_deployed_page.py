"""The page of a deployed model: uploaded, compared, the first layer named; refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import examples
from benchmarks.deployed.exports import RIGHT, WRONG, Recipe
from core.deployed.opening import open_program
from core.image import decode_image
from core.preprocess import preprocess
from core.presets import apply_preset
from core.settings import Settings
from core.settings_address import to_query
from pages.components.deployed import comparing
from pages.components.state import files
from tests.conftest import dashboard


@pytest.fixture(autouse=True)
def own_works(own_store, monkeypatch):
    comparing.works.clear()
    comparing._programs.clear()
    monkeypatch.setenv("ALLOW_ONNX", "1")


@pytest.fixture(scope="module")
def recipe():
    settings = apply_preset(Settings(), "imagenet")
    network = open_program(examples.CHECKPOINT).network
    how = settings.preprocessing
    image = decode_image(examples.SCENES[0].read_bytes())
    return Recipe(network.module, preprocess(image, how).tensor, how.mean, how.std)


def page(**query) -> AppTest:
    app = dashboard()
    for name, value in query.items():
        app.query_params[name] = value
    return app.run().switch_page("pages/deployed.py").run()


def opened(path) -> AppTest:
    with path.open("rb") as file:
        digest = files.store().put(file, path.name)
    app = page(**to_query(apply_preset(Settings(), "imagenet")), deployed=digest)
    for _ in range(30):
        job = comparing.works().job_of(app.session_state.tab.person)
        ended = job.wait(1)  # before the page is drawn: what ends afterwards is not on it
        app.run()
        if ended:
            return app
    raise AssertionError("the comparison did not end")


def says(app) -> str:
    kinds = (app.markdown, app.caption, app.success, app.warning, app.error, app.info)
    return "\n".join(e.value for kind in kinds for e in kind).replace("\\", "")


def test_without_an_upload_the_page_says_what_it_is_for():
    app = page()

    assert not app.exception
    assert "Upload what was deployed" in says(app)


def test_a_faithful_export_is_green(recipe, tmp_path):
    app = opened(RIGHT["as exported"](recipe, tmp_path / "model.onnx"))

    assert not app.exception
    assert app.success[0].value.startswith("Your deployed model is the same")
    assert "layers were matched" in says(app)
    assert "What both are given: 256 x 256, from" in says(app)


def test_the_cause_is_named_with_the_first_layer(recipe, tmp_path):
    app = opened(WRONG["red and blue"].write(recipe, tmp_path / "model.onnx"))

    assert not app.exception
    assert app.warning[0].value.startswith("Red and blue are exchanged")
    assert "The first layer where they part" in says(app)


def test_the_address_carries_what_is_compared(recipe, tmp_path):
    app = opened(RIGHT["as exported"](recipe, tmp_path / "model.onnx"))

    assert app.session_state.tab.deployed


def test_what_is_no_program_is_a_sentence(tmp_path):
    path = tmp_path / "logits.npy"
    path.write_bytes(b"nothing of the kind")
    app = opened(path)

    assert not app.exception
    assert "no plain array" in app.error[0].value
    assert "np.save" in app.info[-1].value


def test_a_server_that_runs_no_graphs_says_so(recipe, tmp_path, monkeypatch):
    monkeypatch.delenv("ALLOW_ONNX")
    app = opened(RIGHT["as exported"](recipe, tmp_path / "model.onnx"))

    assert "may not be run on this server" in app.error[0].value


def test_on_ones_own_machine_one_click_allows_graphs(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("ALLOW_ONNX", "ask")
    app = opened(RIGHT["as exported"](recipe, tmp_path / "model.onnx"))
    asked = "native code" in says(app)
    app.button(key="allow_graphs").click().run()

    assert asked
    assert "native code" not in says(app)


def test_saved_outputs_are_compared_without_layers(recipe, tmp_path):
    path = tmp_path / "logits.npy"
    right = open_program(examples.CHECKPOINT).give(recipe.x.numpy()).outputs[0].values
    np.save(path, right)
    app = opened(path)

    assert not app.exception
    assert app.success
    assert "layers were matched" not in says(app)
