"""A picture's file to a picture: see `decode.py`; `read.py` is the door for every file."""

from core.image.decode import decode_image
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
    "read_raster",
]
