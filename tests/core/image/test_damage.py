"""A damaged file is refused: no decoder's first error is passed over, in pictures and in masks."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.colors import palette_from_file
from core.diagnosis.reproduction.written import read_written
from core.errors import ImageError, MaskError
from core.image import decode_image, read_raster
from core.scores import decode_truth
from tests.core.image.test_decode import encoded

MASK = np.random.default_rng(0).integers(0, 5, (40, 60)).astype(np.uint8)
CONTENT = encoded(PillowImage.fromarray(MASK))
SIZE = MASK.shape


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def inside_pixels():
    """Bits of the one IDAT chunk, its length and its checksum left alone."""
    begin = CONTENT.index(b"IDAT") + 4
    return random.Random(0).sample(range(8 * begin, 8 * CONTENT.index(b"IEND") - 64), 25)


@pytest.mark.parametrize("bit", inside_pixels())
def test_a_png_with_one_wrong_bit_is_refused(bit):
    with pytest.raises(ImageError, match="damaged"):
        decode_image(flipped(CONTENT, bit))


def test_a_mask_an_output_and_a_palette_with_one_wrong_bit_are_refused():
    damaged = flipped(CONTENT, inside_pixels()[0])

    with pytest.raises(MaskError, match="damaged"):
        decode_truth(damaged, None, SIZE)
    with pytest.raises(MaskError, match="damaged"):
        palette_from_file(damaged)
    assert read_written(damaged) is None


def test_a_png_with_exif_is_loaded_before_its_exif_is_asked():
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    content = encoded(PillowImage.fromarray(MASK), exif=exif)

    assert decode_image(content).pixels.shape == (60, 40, 3)
    with pytest.raises(ImageError, match="damaged"):
        decode_image(flipped(content, 8 * content.index(b"IDAT") + 200))


def with_chunks(*chunks):
    """A PNG of these chunks, every CRC right."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, data in chunks:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        parts += [struct.pack(">I", len(data)), kind, data, crc]
    return b"".join(parts)


HEADER = (b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0))
ROWS = zlib.compress(bytes([0, 1, 2, 0, 3, 4]))
END = (b"IEND", b"")


@pytest.mark.parametrize(
    "chunks",
    [
        [HEADER, (b"IDAT", ROWS[:-1] + bytes([ROWS[-1] ^ 1])), END],
        [HEADER, (b"IDAT", ROWS[:-5]), END],
        [HEADER, (b"IDAT", zlib.compress(bytes(5))), END],
        [HEADER, (b"IDAT", zlib.compress(bytes(2**23))), END],
        [HEADER, (b"IDAT", ROWS)],
        [HEADER, END],
    ],
    ids=["other pixels", "no checksum", "too few rows", "far too many rows", "no end", "no pixels"],
)
def test_a_png_whose_chunks_are_right_and_whose_pixels_are_not_is_refused(chunks):
    with pytest.raises(ImageError, match="damaged"):
        decode_image(with_chunks(*chunks))


def test_pixels_in_several_chunks_are_one_stream():
    content = with_chunks(HEADER, (b"IDAT", ROWS[:3]), (b"IDAT", ROWS[3:]), END)

    assert decode_image(content).pixels[..., 0].tolist() == [[1, 2], [3, 4]]


def test_what_follows_the_end_of_a_png_does_not_matter():
    assert decode_image(CONTENT + b"appended").pixels.shape == (40, 60, 3)


@pytest.mark.parametrize("error", [TypeError("Missing dimensions"), IndexError(), RecursionError()])
def test_whatever_a_decoder_raises_is_one_sentence(monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(PillowImage, "open", broken)

    with pytest.raises(ImageError, match="damaged"):
        read_raster(CONTENT)


def test_a_tiff_whose_size_is_text_is_refused():
    content = bytearray(encoded(PillowImage.fromarray(MASK), "TIFF"))
    at = (
        content.index(struct.pack("<HH", 256, 4))
        if struct.pack("<HH", 256, 4) in content
        else (content.index(struct.pack("<HH", 256, 3)))
    )
    content[at + 2 : at + 4] = struct.pack("<H", 2)  # the type ASCII

    with pytest.raises(ImageError):
        decode_image(bytes(content))


def many_frames(count):
    """A TIFF whose directory is repeated: little bytes, many frames."""
    frame = io.BytesIO()
    pictures = [PillowImage.new("L", (1, 1), k % 256) for k in range(count)]
    pictures[0].save(frame, "TIFF", save_all=True, append_images=pictures[1:])
    return frame.getvalue()


def test_frames_are_not_counted(monkeypatch):
    seen = []
    from PIL.TiffImagePlugin import TiffImageFile

    real = TiffImageFile._seek
    monkeypatch.setattr(TiffImageFile, "_seek", lambda self, k: seen.append(k) or real(self, k))

    raster = read_raster(many_frames(50))

    assert raster.several
    assert max(seen) <= 1
