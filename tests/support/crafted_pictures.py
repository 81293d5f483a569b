"""Small pictures written to cost much: many frames, many rows, many passes, sizes that are lies.

Each comes with a part of the sentence that a person gets, or with "opens".
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import PIL.Image

TEXT, SHORT, LONG = 2, 3, 4  # types of TIFF tags


# --- PNG ------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    """With its right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, depth: int, color: int, *between: bytes) -> bytes:
    """A PNG of zeros, with these chunks before its pixels."""
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[color]
    row, packer, packed = bytes(1 + width * depth * channels // 8), zlib.compressobj(9), []
    for _ in range(height):
        packed.append(packer.compress(row))
    pixels = b"".join([*packed, packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(768)) if color == 3 else b""
    body = [chunk(b"IHDR", header), palette, *between, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _unpacking(kind: bytes, before: bytes) -> bytes:
    """A chunk of 64 KB that unpacks to 64 MB."""
    return chunk(kind, before + zlib.compress(bytes(2**26), 9))


# --- TIFF -----------------------------------------------------------------------------------------


def directory(*tags: tuple[int, int, int, int], following: int = 0) -> bytes:
    """Tags as number, type, count, value; and where the next directory is."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)


def _gray(width: int, height: int, at: int, size: int) -> list[tuple[int, int, int, int]]:
    return [(256, LONG, 1, width), (257, LONG, 1, height), (258, SHORT, 1, 8), (259, SHORT, 1, 1),
            (262, SHORT, 1, 1), (273, LONG, 1, at), (277, SHORT, 1, 1), (278, LONG, 1, height),
            (279, LONG, 1, size)]  # fmt: skip


def frames_of_tiff(count: int) -> bytes:
    """Directories one after the other, all of the same four pixels."""
    length = len(directory(*_gray(2, 2, 8, 4)))
    starts = [12 + k * length for k in range(count)]
    follow = [*starts[1:], 0]
    body = b"".join(directory(*_gray(2, 2, 8, 4), following=after) for after in follow)
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + body


def tiff_in_a_circle() -> bytes:
    """The second directory is the first."""
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + directory(*_gray(2, 2, 8, 4), following=12)


def tiff_of(*changes: tuple[int, int, int, int]) -> bytes:
    """Four pixels, with some tags changed or added."""
    tags = {tag[0]: tag for tag in (*_gray(2, 2, 8, 4), *changes)}
    return b"II*\0" + struct.pack("<I", 12) + bytes(4) + directory(*tags.values())


# --- others ---------------------------------------------------------------------------------------


def frames_of_gif(count: int) -> bytes:
    """Frames of one pixel each."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * count + b";"


def passes_of_jpeg(count: int, side: int) -> bytes:
    """A progressive JPEG whose last pass is repeated: each goes over all of the picture."""
    file = io.BytesIO()
    PIL.Image.new("L", (side, side), 90).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + content[-2:]


def _encoded(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + body


def _bmp_of(width: int, height: int) -> bytes:
    """Runs of 255 pixels in two bytes each."""
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    rows = (b"\xff\0" * (width // 255 + 1) + b"\0\0") * height
    at = 14 + 40 + 1024
    return b"BM" + struct.pack("<IHHI", at + len(rows), 0, 0, at) + info + bytes(1024) + rows


PICTURES: dict[str, Callable[[], tuple[bytes, str]]] = {
    "PNG of 40,000 x 40,000 pixels": lambda: (
        png_of(8, 8, 8, 0).replace(struct.pack(">II", 8, 8), struct.pack(">II", 40_000, 40_000)),
        "too large|damaged"),
    "PNG of 25 megapixels in 100 KB": lambda: (png_of(5000, 5000, 8, 3), "opens"),
    "PNG of 25 megapixels of 16 bits, four channels": lambda: (
        png_of(5000, 5000, 16, 6), "opens|memory|long"),
    "PNG of 500,000 chunks": lambda: (
        png_of(8, 8, 8, 0, *[chunk(b"zzZz", b"")] * 500_000), "opens|long"),
    "PNG whose profile unpacks to 64 MB": lambda: (
        png_of(8, 8, 8, 0, _unpacking(b"iCCP", b"p\0\0")), "opens|damaged"),
    "PNG whose texts unpack to 64 MB each": lambda: (
        png_of(8, 8, 8, 0, *[_unpacking(b"zTXt", b"t\0\0")] * 8), "opens|damaged"),
    "TIFF of 20,000 frames": lambda: (frames_of_tiff(20_000), "opens"),
    "TIFF of 500,000 frames": lambda: (frames_of_tiff(500_000), "opens"),
    "TIFF in a circle": lambda: (tiff_in_a_circle(), "opens"),
    "TIFF with a tag of 4 GB": lambda: (tiff_of((700, 1, 2**32 - 1, 8)), "opens|damaged"),
    "TIFF of 4 billion strips": lambda: (
        tiff_of((273, LONG, 2**32 - 1, 8), (279, LONG, 2**32 - 1, 8)), "damaged"),
    "TIFF of 16,000 bands": lambda: (
        tiff_of((277, SHORT, 1, 16_000), (256, LONG, 1, 5000), (257, LONG, 1, 5000)),
        "too large|damaged"),
    "TIFF whose width is a text": lambda: (tiff_of((256, TEXT, 4, 0x32)), "damaged"),
    "GIF of 200,000 frames": lambda: (frames_of_gif(200_000), "opens"),
    "JPEG of 2,000 passes": lambda: (passes_of_jpeg(2000, 2000), "opens|long"),
    "BMP of 25 megapixels in runs": lambda: (_bmp_of(5000, 5000), "opens|long"),
    "WebP of 25 megapixels in little": lambda: (
        _encoded(PIL.Image.new("RGB", (5000, 5000)), "WEBP", method=0), "opens"),
    "AVIF of 25 megapixels in little": lambda: (
        _encoded(PIL.Image.new("RGB", (5000, 5000)), "AVIF", speed=10), "opens|long"),
    "NPY that says 2**60 numbers": lambda: (
        _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1073741824, 1073741824)}"),
        "too large"),
    "NPY of objects": lambda: (
        _npy("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}",
             b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R."), "no picture"),
    "NPY whose header is nested 4,000 deep": lambda: (
        _npy("{'descr': " + "(" * 4000 + ")" * 4000 + "}"), "damaged"),
    "a text": lambda: (b"these are my notes", "text file"),
}  # fmt: skip
