"""Arrays in an .npz file."""

import io

import numpy as np
import pytest

from core.errors import ImageError
from core.image import read_guarded, read_raster


def npz(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def test_the_first_array_that_is_a_picture_is_read_and_named():
    ids = np.arange(12).reshape(3, 4)

    read = read_raster(npz(weights=np.zeros(7), mask=ids, more=ids))

    assert read.format == "NPZ"
    assert (read.values == ids).all()
    assert "array 'mask'; 2 more in the file" in read.notes


def test_it_is_read_in_the_limited_process_too():
    assert read_guarded(npz(mask=np.ones((3, 4), np.uint8))).values.shape == (3, 4)


def test_objects_are_refused_and_never_loaded():
    with pytest.raises(ImageError, match="no picture"):
        read_raster(npz(mask=np.array([[{}]], dtype=object)))


def test_a_file_that_was_cut_off_is_damaged():
    with pytest.raises(ImageError, match="damaged"):
        read_raster(npz(mask=np.ones((30, 40)))[:-20])


def test_another_zip_is_still_perhaps_a_checkpoint():
    with pytest.raises(ImageError, match="perhaps a checkpoint"):
        read_raster(b"PK\x03\x04" + b"\0" * 60)
