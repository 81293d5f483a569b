"""What the file alone shows: its own mirror image, where tiles meet, which colors it had."""

import numpy as np

from core.diagnosis.reproduction.signs import is_mirrored, seams
from core.diagnosis.reproduction.write import encoded
from core.diagnosis.reproduction.written import read_written

COLORS = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 0]], np.uint8)


def discs(*, tiles=0):
    """UInt8[128 128] with two round objects; with tiles, every other one shows no object."""
    rows, columns = np.mgrid[:128, :128]
    ids = ((rows - 38) ** 2 + (columns - 60) ** 2 < 800).astype(np.uint8)
    ids[(rows - 90) ** 2 + (columns - 85) ** 2 < 600] = 2
    if tiles:
        ids[(rows // tiles + columns // tiles) % 2 == 1] = 0
    return ids


def file_of(mask, jpeg=None):
    return read_written(encoded(mask, jpeg))


def test_a_mask_averaged_with_its_mirror_image_is_seen():
    ids = discs()

    assert is_mirrored(file_of(np.maximum(ids, ids[:, ::-1])))
    assert not is_mirrored(file_of(ids))


def test_tiles_are_seen_where_they_meet_and_only_there():
    assert seams(file_of(discs(tiles=32)), (128, 128), 32) > 4
    assert seams(file_of(discs()), (128, 128), 32) < 2
    assert seams(file_of(discs()), (128, 128), 128) == 1  # one tile has no seam


def test_tiles_of_an_input_of_another_size_meet_elsewhere_in_the_file():
    assert seams(file_of(discs(tiles=32)), (256, 256), 64) > 4


def test_a_jpeg_gives_back_the_label_map_but_for_its_edges():
    ids = discs()
    written = file_of(COLORS[ids], {"quality": 75})

    assert len(np.unique(written.packed)) > 20
    assert len(written.levels) == 3
    assert (written.codes == np.array([0, 2, 1])[ids]).mean() > 0.95


def test_a_jpeg_without_flat_blocks_has_no_label_map():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)

    assert not file_of(noise, {"quality": 90}).is_coded
    assert not file_of(noise[:6], {"quality": 90}).is_coded  # lower than a block
    assert file_of(noise).is_coded
