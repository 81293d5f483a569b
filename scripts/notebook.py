"""Execute the notebook of the examples and keep what it shows: `python -m scripts.notebook`."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import examples

PATH = examples.FOLDER / "notebook.ipynb"
ROOT = Path(__file__).resolve().parent.parent
PRIVATE = re.compile(r"http://127\.0\.0\.1:\d+/\S*")  # a token, though its server is gone


def main() -> None:
    """Run every cell; addresses with tokens are not kept."""
    notebook = nbformat.read(PATH, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MASKSCOPE_DATA": folder}
        client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": folder}})
        client.execute(env=environment)
    for cell in notebook.cells:
        cell.get("metadata", {}).pop("execution", None)  # times, which differ each time
        for output in cell.get("outputs", []):
            if "text" in output:
                output.text = PRIVATE.sub("http://127.0.0.1:PORT/?token=...", output.text)
    nbformat.write(notebook, PATH)


if __name__ == "__main__":
    main()
