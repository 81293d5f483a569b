"""Whether a PNG is whole: its own checksums, which Pillow does not look at to the end.

Every chunk carries a CRC, and the pixels an Adler-32 behind the last row. Pillow checks the first
only for chunks that it interprets, and stops before the second: one flipped bit gives other pixels
without a word.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

BEGIN = 8  # bytes of the signature
GRAY_AND_OPACITY = 4  # color type
STEP = 2**20  # bytes unpacked at a time, which are not kept
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type


class DamagedError(ValueError):
    """The file is not what was written."""


def check_png(content: bytes) -> None:
    """Compare every checksum.

    Args:
        content: a file with the signature of a PNG.

    Raises:
        DamagedError: one differs, or the end is missing.
    """
    pixels = [data for kind, data in _chunks(content) if kind == b"IDAT"]
    _check_adler(pixels, _bytes_unpacked(content))


def is_deep_color(content: bytes) -> bool:
    """Whether it has 16 bits for each of two, three or four channels."""
    return content[24] == 16 and content[25] in (2, GRAY_AND_OPACITY, 6)


def as_bytes(content: bytes) -> bytes:
    """A PNG of gray and opacity in 16 bits as one of RGBA in 8: the same bytes and filters."""
    header = content[12:24] + bytes([8, 6]) + content[26:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def _bytes_unpacked(content: bytes) -> int:
    """At most so many bytes are the rows with their filters; interlaced ones take a few more."""
    width, height, depth, color = struct.unpack_from(">IIBB", content, 16)
    most: int = 2 * height * (1 + width * depth * CHANNELS.get(color, 4) // 8) + STEP
    return most


def _chunks(content: bytes) -> Iterator[tuple[bytes, memoryview]]:
    at, view = BEGIN, memoryview(content)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 8 + length
        if end + 4 > len(content):
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(content[end : end + 4], "big"):
            raise DamagedError(f"the checksum of a {kind!r} chunk differs")
        yield kind, view[at + 8 : end]
        if kind == b"IEND":
            return
        at = end + 4
    raise DamagedError("the end of the file is missing")


def _check_adler(parts: list[memoryview], most: int) -> None:
    """Unpack without keeping anything; zlib compares the checksum at the end."""
    unpacker, total = zlib.decompressobj(), 0
    for part in parts:
        rest: bytes | memoryview = part
        while rest and not unpacker.eof:
            total += len(unpacker.decompress(rest, STEP))
            rest = unpacker.unconsumed_tail
            if total > most:
                raise DamagedError("there are more rows than the header says")
    if not unpacker.eof:
        raise DamagedError("the pixels end too early")
