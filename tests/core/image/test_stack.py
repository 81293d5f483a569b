"""Several files, one for each band, are one picture: on disk, in the app, and in the script."""

from __future__ import annotations

import io
import runpy
import sys

import numpy as np
import PIL.Image
import pytest
import tifffile

import examples
from core.__main__ import main
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.errors import ImageError
from core.export.label_map import label_png
from core.export.script import inference_script
from core.image import ImageLimits, decode_image, picture_of, read_guarded, read_raster
from core.image.stack import MARK, is_stack, pack
from core.inference import forward
from core.inspection import Inspection
from core.labels import decode_labels
from core.preprocess import preprocess
from core.settings import Settings, change
from tests.conftest import zipped

BANDS = np.random.default_rng(3).integers(0, 4000, (4, 40, 56), np.uint16)


def as_png(values):
    file = io.BytesIO()
    PIL.Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def as_tiff(values):
    file = io.BytesIO()
    tifffile.imwrite(file, values)
    return file.getvalue()


def as_npy(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def as_nifti(values):
    nibabel = pytest.importorskip("nibabel")
    volume = np.repeat(values.T[..., None], 3, axis=2)  # x, y, z
    return nibabel.Nifti1Image(volume, np.eye(4)).to_bytes()


WRITERS = {"PNG": (as_png, ".png"), "TIFF": (as_tiff, ".tif"), "NPY": (as_npy, ".npy"),
           "NIFTI": (as_nifti, ".nii")}  # fmt: skip


def files_of(kind, count=3):
    write, end = WRITERS[kind]
    return [(f"scan_{n:04}{end}", write(BANDS[n])) for n in range(count)]


@pytest.mark.parametrize("kind", WRITERS)
def test_three_gray_files_are_red_green_and_blue(kind):
    image = decode_image(pack(files_of(kind)))

    assert np.array_equal(image.samples, np.moveaxis(BANDS[:3], 0, -1))
    assert image.facts.mode == f"{kind} in 3 files, 3 bands" and image.facts.bands == 3
    end = WRITERS[kind][1]
    told = f"bands 1: scan_0000{end}; 2: scan_0001{end}; 3: scan_0002{end}"
    assert told in image.facts.notes


def test_of_more_than_three_it_is_chosen_which_are_seen():
    image = decode_image(pack(files_of("TIFF", 4)), bands=(4, 2, 1))

    assert np.array_equal(image.samples, np.moveaxis(BANDS[[3, 1, 0]], 0, -1))


def test_a_file_may_have_bands_of_its_own():
    colors = np.moveaxis(BANDS[:3], 0, -1)
    raster = read_raster(pack([("rgb.npy", as_npy(colors)), ("nir.npy", as_npy(BANDS[3]))]))

    assert np.array_equal(raster.values, np.moveaxis(BANDS, 0, -1))
    assert raster.notes[0] == "bands 1 to 3: rgb.npy; 4: nir.npy"


def test_the_same_files_give_the_same_bytes_and_a_stranger_is_decoded_apart():
    content = pack(files_of("PNG"))

    assert content == pack(files_of("PNG")) and is_stack(content)
    apart = read_guarded(content)
    assert np.array_equal(apart.values, np.moveaxis(BANDS[:3], 0, -1))


ODD = {
    "another size": ([("a.png", as_png(BANDS[0])), ("b.png", as_png(BANDS[0][:9]))],
                     "b.png has 56 x 9 pixels, a.png 56 x 40"),
    "another kind": ([("a.png", as_png(BANDS[0])), ("b.npy", as_npy(BANDS[0]))], "NPY, PNG"),
    "no picture": ([("a.txt", b"hello"), ("b.txt", b"you")], "kinds no picture"),
    "opacity": ([("a.png", as_png(np.zeros((4, 4, 4), np.uint8)))] * 2, "has opacity"),
    "a stack in it": ([("a", pack(files_of("NPY")))] * 2, "kinds STACK"),
    "nothing": ([], "no file"),
    "too many": ([("a.npy", as_npy(BANDS[0]))] * 65, "65 files"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_band_of_one_picture_is_refused_with_its_name(name):
    files, told = ODD[name]

    with pytest.raises(ImageError, match=told):
        read_raster(pack(files))


def test_a_bomb_is_not_unpacked():
    bomb = zipped({MARK: b"", "a.npy": bytes(2**20)})

    with pytest.raises(ImageError, match="1 MiB"):
        read_raster(bomb, ImageLimits(unpacked=2**19))


@pytest.fixture(scope="module")
def network():
    path = examples.CHECKPOINT
    checkpoint = read_checkpoint(path, name=path.name, digest="d")
    return build_network(checkpoint), checkpoint


@pytest.mark.parametrize("kind", WRITERS)
def test_the_script_reads_all_files_and_writes_the_same_labels(
    kind, network, tmp_path, monkeypatch
):
    net, checkpoint = network
    files = files_of(kind, 4)
    settings = change(Settings(), red_band=2, green_band=4, blue_band=1, depth="file", scale="max",
                      resize="fixed", height=64, width=96)  # fmt: skip
    image = picture_of(pack(files), settings.preprocessing, guarded=False)
    tensor = preprocess(image, settings.preprocessing)
    logits = forward(net, tensor, settings.forwarding, size=image.pixels.shape[:2])
    labels = decode_labels(logits.values, settings.decoding)
    seen = Inspection(image, net, settings, tensor, logits, labels)
    (tmp_path / "inference.py").write_text(inference_script(seen, checkpoint))
    (tmp_path / checkpoint.name).write_bytes(examples.CHECKPOINT.read_bytes())
    for name, content in files:
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    names = [name for name, _ in files]
    monkeypatch.setattr(sys, "argv", ["inference.py", *names, "labels.png"])
    runpy.run_path("inference.py", run_name="__main__")

    assert (tmp_path / "labels.png").read_bytes() == label_png(labels, settings.display)


def test_the_command_line_takes_an_image_for_each_band(tmp_path, capsys):
    scene = np.asarray(PIL.Image.open(examples.SCENES[0]).convert("RGB"))
    given = []
    for number in range(3):
        path = tmp_path / f"band_{number}.png"
        path.write_bytes(as_png(scene[..., number]))
        given += ["--image", str(path)]
    rest = ["--checkpoint", str(examples.CHECKPOINT), "--preset", examples.TRAINED_WITH]
    rest += ["--labels", str(tmp_path / "a.png")]
    one = ["inspect", "--image", str(examples.SCENES[0]), *rest[:-1], str(tmp_path / "b.png")]

    assert main(["inspect", *given, *rest]) == main(one)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
