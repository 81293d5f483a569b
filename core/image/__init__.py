"""A picture's file to a picture: `read.py` is the door, `guarded.py` the one for strangers.

`decode_image(content)` decodes in this process: for files of our own, and for bytes that came in by
`read_guarded` before. Uploads and the command line pass `read=read_guarded`.
"""

from core.image.chosen import picture_of
from core.image.decode import decode_image
from core.image.guarded import read_guarded
from core.image.picture import FIRST_BANDS, TURNS, Image, ImageFacts
from core.image.raster import ImageLimits, Raster
from core.image.read import read_raster

__all__ = [
    "FIRST_BANDS",
    "TURNS",
    "Image",
    "ImageFacts",
    "ImageLimits",
    "Raster",
    "decode_image",
    "picture_of",
    "read_guarded",
    "read_raster",
]
