"""The script reads every kind of picture as the dashboard did."""

import numpy as np
import pytest

from core.export.script_input import loading, package_of
from core.image import decode_image
from core.settings import Preprocessing
from tests.core.image.test_formats import COLORS, DEEP, npy, tiff

MANY = np.concatenate([DEEP >> 4, DEEP[..., :1] >> 5], axis=-1)
ABSENT = np.where(COLORS > 200, np.float32(-9999), COLORS.astype(np.float32))
ABSENT[0, 0] = np.nan
TURNED, NO_DATA = [(274, 3, 1, 8, True)], [(42113, 2, 0, "-9999", True)]
BANDS = {"photometric": "minisblack", "planarconfig": "contig"}


@pytest.mark.parametrize(
    ("content", "bands", "package"),
    [
        (npy(COLORS), (1, 2, 3), ""),
        (npy((COLORS / 255).transpose(2, 0, 1)), (1, 2, 3), ""),
        (npy(COLORS[None, ..., 0].astype(np.int64)), (1, 2, 3), ""),
        (tiff(MANY, **BANDS), (5, 1, 2), "tifffile"),
        (tiff(MANY[..., :4], photometric="rgb"), (4, 1, 2), "tifffile"),
        (tiff(MANY.transpose(2, 0, 1), photometric="minisblack", planarconfig="separate"),
         (5, 1, 2), "tifffile"),
        (tiff((COLORS / 100).astype(np.float32), photometric="rgb"), (1, 2, 3), "tifffile"),
        (tiff(DEEP[..., 0]), (1, 2, 3), ""),
        (tiff(DEEP[..., :3], photometric="rgb", extratags=TURNED), (1, 2, 3), "tifffile"),
        (tiff(ABSENT, photometric="rgb", extratags=NO_DATA), (1, 2, 3), "tifffile"),
        (tiff(ABSENT[..., 0], extratags=[*NO_DATA, *TURNED]), (1, 2, 3), ""),
    ],
    ids=["h w c", "c h w floats", "1 h w", "5 bands", "4 bands", "planes", "floats", "gray",
         "turned", "no data", "gray, no data, turned"],
)  # fmt: skip
def test_the_script_has_the_samples_and_the_window_of_the_dashboard(
    tmp_path, content, bands, package
):
    image = decode_image(content, bands=bands)
    path = tmp_path / "picture"
    path.write_bytes(content)
    piece = loading(Preprocessing(), image.facts)
    script: dict = {}
    exec("\n".join([*piece.imports, *piece.constants, piece.code]), script)

    samples = script["load_picture"](path)

    assert package_of(image.facts) == package
    assert np.array_equal(samples, image.samples)
    if image.facts.window is not None:
        assert np.array_equal(script["as_8_bit"](samples), image.pixels)
