"""NIfTI volumes: one slice with the numbers that it stands for, as nibabel itself gives them."""

from __future__ import annotations

import gzip
import io

import nibabel
import numpy as np
import pytest
import torch

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.errors import ImageError, MaskError
from core.image import ImageLimits, picture_of, read_guarded, read_raster
from core.image.nifti import is_nifti
from core.scores import decode_truth
from core.settings import Preprocessing, Settings, change
from tests.support import nnunet
from tests.support.scripts import label_maps

UNITS = np.random.default_rng(0).integers(-1000, 1500, (5, 7, 4)).astype(np.int16)


def nifti(values, *, version=1, slope=None, packed=False):
    kind = nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image
    image = kind(values, np.diag([0.7, 0.7, 3, 1]))
    if slope is not None:
        image.header.set_slope_inter(*slope)
    content = image.to_bytes()
    return gzip.compress(content) if packed else content


def chosen(**changes):
    return change(Settings(), **changes).preprocessing


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("packed", [False, True])
def test_the_middle_slice_across_z_is_read_as_it_is_stored(version, packed):
    content = nifti(UNITS, version=version, packed=packed)
    raster = read_guarded(content)

    assert is_nifti(content)
    assert np.array_equal(raster.values, UNITS[:, :, 2].T)
    assert (raster.format, raster.volume, raster.cut) == ("NIFTI", (5, 7, 4), (3, 3))
    assert "slice 3 of 4 across z: rows are y, columns x" in raster.notes[0]


@pytest.mark.parametrize(
    ("axis", "index", "wanted"),
    [
        ("1", 2, UNITS[1].T),
        ("2", 7, UNITS[:, 6].T),
        ("3", 1, UNITS[:, :, 0].T),
        ("3", 900, UNITS[:, :, 3].T),
    ],
)
def test_axis_and_slice_are_chosen_and_name_the_picture(axis, index, wanted):
    content = nifti(UNITS)
    image = picture_of(content, chosen(slice_axis=axis, slice_index=index))

    assert np.array_equal(image.samples[..., 0], wanted)
    assert image.facts.cut[0] == int(axis)
    assert image.digest != picture_of(content, chosen(slice_index=2)).digest


def test_slope_and_intercept_are_applied_and_several_volumes_told():
    content = nifti(np.stack([UNITS, -UNITS], axis=-1), slope=(0.5, 10))
    raster = read_raster(content)

    assert np.allclose(raster.values, UNITS[:, :, 2].T * 0.5 + 10)
    assert raster.notes[1] == "the first of 2 volumes"


def test_the_window_that_is_chosen_is_what_one_sees():
    image = picture_of(nifti(UNITS), chosen(window_level=40, window_width=400))
    units = UNITS[:, :, 2].T.astype(float)

    assert image.facts.window == (-160, 240)
    assert np.array_equal(image.samples[..., 0], UNITS[:, :, 2].T)
    assert np.array_equal(image.pixels[..., 0], np.rint(((units + 160) / 400 * 255).clip(0, 255)))
    assert image.digest.endswith("-window--160-240")


def test_a_window_changes_nothing_of_a_picture_of_bytes():
    file = io.BytesIO()
    np.save(file, np.full((2, 2), 9, np.uint8))
    plain, windowed = (
        picture_of(file.getvalue(), how) for how in (Preprocessing(), chosen(window_width=5))
    )

    assert plain.digest == windowed.digest and np.array_equal(plain.pixels, windowed.pixels)


def test_a_color_volume_is_a_color_picture():
    colors = np.zeros((3, 2, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    colors["G"] = 200
    image = picture_of(nibabel.Nifti1Image(colors, np.eye(4)).to_bytes(), Preprocessing())

    assert image.pixels.shape == (2, 3, 3) and image.pixels[0, 0].tolist() == [0, 200, 0]


@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_a_label_volume_is_a_ground_truth_of_the_same_slice(kind):
    labels = (np.arange(5 * 7 * 4).reshape(5, 7, 4) % 3).astype(kind)
    read = lambda content: read_guarded(content, cut=(1, 4))  # noqa: E731
    truth = decode_truth(nifti(labels), None, (4, 7), read=read)

    assert np.array_equal(truth.ids, labels[3].T)


def test_scores_are_no_ground_truth():
    with pytest.raises(MaskError, match="no class ids"):
        decode_truth(nifti(UNITS / 3), None, (7, 5), read=read_guarded)


@pytest.mark.parametrize("packed", [False, True])
def test_a_damaged_volume_is_said_to_be_one(packed):
    content = nifti(np.zeros((64, 64, 64), np.int16), packed=packed)

    with pytest.raises(ImageError, match="damaged"):
        read_guarded(content[: len(content) // 2])


def test_a_bomb_is_refused_and_other_gzip_is_named():
    bomb = nifti(np.zeros((256, 256, 9), np.int16), packed=True)

    with pytest.raises(ImageError, match="more than 1 MiB unpacked"):
        read_raster(bomb, ImageLimits(unpacked=2**20))
    with pytest.raises(ImageError, match="a gzip file"):
        read_guarded(gzip.compress(b"text"))


def test_without_nibabel_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)

    with pytest.raises(ImageError, match="NIfTI") as caught:
        read_raster(nifti(UNITS))
    assert 'extra "medical"' in caught.value.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"slice_axis": "2", "slice_index": 3, "window_level": 100, "window_width": 900},
        {"depth": "file", "scale": "1", "mean": (50, 0, 0), "std": (400, 1, 1)},
        {"slice_axis": "1"},
    ],
)
def test_the_script_reads_the_same_slice(changes, tmp_path, monkeypatch):
    torch.save(nnunet.network().state_dict(), tmp_path / "mine.pth")
    checkpoint = read_checkpoint(tmp_path / "mine.pth", name="mine.pth", digest="d")
    values = np.random.default_rng(1).integers(-1000, 1500, (50, 40, 30)).astype(np.int16)

    written, shown = label_maps(
        build_network(checkpoint), checkpoint, tmp_path, {}, monkeypatch, nifti(values),
        color="gray", **changes,
    )  # fmt: skip

    assert written == shown
