"""The notebook of the examples runs, in a real kernel, and says what it should."""

import asyncio
import os
import sys

import nbformat
import pytest
from nbclient import NotebookClient

import examples
from tests.support.serving import ROOT

pytestmark = pytest.mark.timeout(300)  # a kernel of its own, a server, five diagnoses
PATH = examples.FOLDER / "notebook.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Every cell, in this Python; what it needs of the repository it finds by its path."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(PATH, as_version=4)
    client = NotebookClient(notebook, timeout=110, resources={"metadata": {"path": str(folder)}})
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MASKSCOPE_DATA": str(folder / "data"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    client.execute(env=environment)
    return notebook


def outputs(notebook, kind):
    """What the cells show, by kind: texts of the type of a page, or of streams."""
    shown = [each for cell in notebook.cells for each in cell.get("outputs", [])]
    if kind == "text/html":
        return [each.data[kind] for each in shown if kind in each.get("data", {})]
    return [each.text for each in shown if each.get("name") == kind]


def test_the_black_mask_is_explained_and_the_fixed_one_is_healthy(executed):
    black, healthy = outputs(executed, "text/html")

    assert "Normalization is missing" in black
    assert black.count("<figure") == healthy.count("<figure") == 5
    assert "No problem found in these files." in healthy


def test_preprocessing_is_measured(executed):
    said = "".join(outputs(executed, "stdout"))

    assert "BGR, pixels of 0 to 1, divided by 255 again" in said


def test_a_training_that_goes_wrong_is_warned_of(executed):
    said, warned = ("".join(outputs(executed, kind)) for kind in ("stdout", "stderr"))

    assert "epoch 0: 3 of 6 classes" in said
    assert "has turned to one class" in warned
    assert "not finite from" in said


def test_the_dashboard_opens_and_closes(executed):
    said = "".join(outputs(executed, "stdout"))

    assert "maskscope: open http://127.0.0.1:" in said
    assert said.rstrip().endswith("True\nFalse")


def test_the_notebook_is_kept_executed():
    cells = [cell for cell in nbformat.read(PATH, as_version=4).cells if cell.cell_type == "code"]

    assert all(cell.execution_count for cell in cells)
    assert any("text/html" in each.get("data", {}) for cell in cells for each in cell.outputs)


def test_no_token_is_kept_in_the_notebook():
    assert "token=" not in PATH.read_text(encoding="utf-8").replace("token=...", "")
