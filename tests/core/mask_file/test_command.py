"""`python -m core mask`."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from tests.core.mask_file.drawing import colors, file_of, gray, photo


@pytest.fixture
def files(tmp_path):
    contents = {
        "ids.png": file_of(gray(0, 1, 2)),
        "zeros.png": file_of(gray(0, 0)),
        "voc.png": file_of(colors("voc", gray(0, 1))),
        "photo.png": file_of(photo(48)),
        "broken.png": b"",
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_certain_sentence_comes_first_and_the_status_tells_how_sure(files, capsys):
    assert main(["mask", str(files / "ids.png")]) == 10

    told = capsys.readouterr().out
    assert told.startswith("Your mask is fine: it holds ids 0, 1, 2, drawn as three nearly black")
    assert "100 % of the pixels look black" in told or "100.0 %" in told
    assert "Image.fromarray(palette[labels])" in told


@pytest.mark.parametrize(
    ("name", "status"), [("zeros.png", 13), ("voc.png", 0), ("photo.png", 10), ("broken.png", 1)]
)
def test_the_status_of_other_files(files, name, status):
    assert main(["mask", str(files / name)]) == status


def test_a_folder_is_a_table_of_a_line_for_each_file(files, capsys):
    assert main(["mask", str(files)]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0] == "broken.png: The file is empty."


def test_json_has_facts_findings_and_what_stands_beside(files, capsys):
    mask, picture = str(files / "ids.png"), str(files / "photo.png")
    main(["mask", mask, "--picture", picture, "--truth", mask, "--json"])

    told = json.loads(capsys.readouterr().out)
    assert told["facts"]["bits"] == 8
    assert told["findings"][0]["ids"] == [0, 1, 2]
    assert told["picture"] == "The mask has the size of the picture."
    assert told["truth"]["mean_iou"] == 1


def test_the_colored_mask_is_written_lossless(files):
    main(["mask", str(files / "ids.png"), "--colored", str(files / "colored.png")])

    drawn = np.array(Image.open(io.BytesIO((files / "colored.png").read_bytes())))
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 3


def test_of_several_masks_the_colored_ones_go_into_a_folder(files):
    names = [str(files / name) for name in ("ids.png", "voc.png", "photo.png")]
    main(["mask", *names, "--colored", str(files / "drawn")])

    assert sorted(each.name for each in (files / "drawn").iterdir()) == [
        "ids_colored.png",
        "voc_colored.png",
    ]


def test_what_has_no_ids_is_not_drawn(files, capsys):
    assert main(["mask", str(files / "photo.png"), "--colored", str(files / "x.png")]) == 1
    assert "No colored mask is written" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_told(files, capsys):
    assert main(["mask", str(files / "nowhere.png")]) == 1
    assert "cannot be read" in capsys.readouterr().out
