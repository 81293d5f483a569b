"""Members of a ZIP: read one by one from where they lie, and never unpacked to the disk."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from core.dataset.entry import OpenRef
from core.dataset.files.limited import (
    MOST_BYTES,
    MOST_FILES,
    damaged,
    is_of_a_system,
    is_safe,
    note_by_name,
    too_large,
    too_many,
)
from core.dataset.files.listing import Listing
from core.dataset.finding import Noted
from core.errors import DataSetError
from core.store.foreign_zip import open_zip

DIRECTORY = 20 * 2**20  # bytes that the list of the members may take: 100 a member
HEADER = struct.Struct("<4s5H3I2H")  # of a member, APPNOTE 4.3.7
ENCRYPTED = 0x1  # flag, APPNOTE 4.4.4
PACKED_AS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
RATIO = 500  # times as large unpacked, of a whole set; label maps as arrays reach 400
FREE = 2**30  # bytes unpacked up to which the ratio is not asked for


@dataclass(frozen=True)
class ZipMember:
    """A member, by its place in the archive: reading it does not read the list of all again."""

    archive: OpenRef
    name: str
    start: int  # byte of its header
    packed: int  # bytes in the archive
    size: int  # bytes, as the archive says
    crc: int
    deflated: bool

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            DataSetError: it is damaged, or more comes out of it than the archive says.
        """
        if max(self.size, self.packed) > MOST_BYTES:
            raise too_large(self.name)
        try:
            with self.archive.open() as file:
                content = self._unpacked(self._packed(file))
        except (OSError, ValueError) as error:
            raise damaged(self.name, "the archive cannot be read there") from error
        if len(content) != self.size:
            raise damaged(self.name, "it is not as large as the archive says")
        if zlib.crc32(content) != self.crc:
            raise damaged(self.name, "its checksum is another one")
        return content

    def _packed(self, file: BinaryIO) -> bytes:
        """What lies behind its header."""
        file.seek(self.start)  # before the beginning: an error
        header = file.read(HEADER.size)
        if len(header) < HEADER.size or header[:4] != b"PK\x03\x04":
            raise damaged(self.name, "no file begins where the archive says")
        *_, name, extra = HEADER.unpack(header)
        file.seek(name + extra, io.SEEK_CUR)
        return file.read(self.packed)

    def _unpacked(self, packed: bytes) -> bytes:
        """At most a byte more than the archive says, whatever is packed."""
        if not self.deflated:
            return packed
        try:
            return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, self.size + 1)
        except zlib.error as error:
            raise damaged(self.name, "it cannot be unpacked") from error


def list_zip(archive: OpenRef) -> Listing:
    """All members that may be read, in the order of their names.

    Raises:
        DataSetError: it is no ZIP, damaged, has too many members, or unpacks to far too much.
    """
    infos, noted = _infos(archive), Noted()
    _refuse_bombs(archive.name, infos)
    found: dict[str, ZipMember] = {}
    for info in infos:
        name = info.filename.replace("\\", "/")
        if is_of_a_system(name) and is_safe(name):
            continue
        if kind := _refused(info):
            noted.add(kind, name[:100])
        elif note_by_name(name, noted):
            continue
        elif name in found:
            noted.add("same_name", name)
        else:
            found[name] = _member(archive, name, info)
    files = tuple(found[name] for name in sorted(found))
    return Listing(files, noted.findings())


def _infos(archive: OpenRef) -> list[zipfile.ZipInfo]:
    try:
        with archive.open() as file, open_zip(file, DIRECTORY) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
    except DataSetError:
        raise
    except Exception as error:  # `zipfile` raises anything of a damaged file
        raise DataSetError(
            f"{archive.name} is no ZIP file, or it is damaged.",
            remedy="Pack it again, or upload it once more.",
        ) from error
    if len(infos) > MOST_FILES:
        raise too_many(len(infos))
    return infos


def _refused(info: zipfile.ZipInfo) -> str:
    """Why a member is left out, as a key of KINDS; "" for none."""
    if not is_safe(info.orig_filename):
        return "unsafe_name"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "link"
    if info.flag_bits & ENCRYPTED or info.compress_type not in PACKED_AS:
        return "packed_otherwise"
    return "too_large" if max(info.file_size, info.compress_size) > MOST_BYTES else ""


def _refuse_bombs(name: str, infos: list[zipfile.ZipInfo]) -> None:
    """What says that it unpacks to very much, or lets members share their bytes."""
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > max(FREE, RATIO * packed):
        raise _bomb(name, f"its {packed} bytes unpack to {unpacked / 1e9:.1f} GB")
    if any(first + HEADER.size + size > second for (first, size), (second, _) in _places(infos)):
        raise _bomb(name, "its members lie over one another")


def _places(infos: list[zipfile.ZipInfo]) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    return pairwise(sorted((info.header_offset, info.compress_size) for info in infos))


def _bomb(name: str, why: str) -> DataSetError:
    return DataSetError(
        f"{name} is refused: {why}, as in archives that are made to fill a disk.",
        remedy="Pack the pictures themselves, as PNG or JPEG.",
    )


def _member(archive: OpenRef, name: str, info: zipfile.ZipInfo) -> ZipMember:
    deflated = info.compress_type == zipfile.ZIP_DEFLATED
    return ZipMember(
        archive, name, info.header_offset, info.compress_size, info.file_size, info.CRC,
        deflated,
    )  # fmt: skip
