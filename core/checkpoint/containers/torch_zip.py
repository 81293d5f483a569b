"""The zip containers: torch.save since 1.6, TorchScript, and exported programs (.pt2).

Nothing is unpacked: torch stores what is read here, so a tensor is a range of bytes of the file.
"""

from __future__ import annotations

import mmap
import struct
import zipfile
import zlib
from dataclasses import dataclass

from core.checkpoint.sniff import REMEDY
from core.checkpoint.window import MAX_BYTES, Damaged
from core.errors import CheckpointError, RefusedError

MAX_ENTRIES = 50_000  # the largest vision checkpoints have a few thousand
LOCAL_HEADER = 30  # bytes, then the name and the extra field
CHUNK = 4 * 2**20
# Of a file whose end is missing: how much of its beginning and its end is looked at, and how many
# line ends or replaced characters there tell (numbers have a line end in 256 bytes, by chance).
TEXT_BYTES, ZERO_BYTES, MANY = 64 * 2**10, 64, 20
REPLACED = "\N{REPLACEMENT CHARACTER}".encode()


@dataclass(frozen=True)
class Entry:
    """An entry as a range of the file."""

    start: int
    length: int
    crc: int
    compressed: bool


@dataclass(frozen=True)
class Archive:
    """The entries below the one folder that torch writes, by their names in it."""

    data: mmap.mmap
    entries: dict[str, Entry]
    checksums: bool  # False where torch was instructed to leave them out

    def read(self, name: str) -> bytes:
        """The bytes of a small entry.

        Raises:
            Damaged: the checksum differs.
        """
        entry = self.entries[name]
        if entry.length > MAX_BYTES:
            raise RefusedError("The file's table of contents is too large.", remedy=REMEDY)
        self.check(name)
        return self.data[entry.start : entry.start + entry.length]

    def check(self, name: str) -> None:
        """Compare an entry with its checksum, which torch itself does not.

        Raises:
            Damaged: it differs.
            RefusedError: it is compressed, and may be of any size when it is unpacked.
        """
        entry, crc = self.entries[name], 0
        if entry.compressed:
            raise RefusedError(
                "The zip container is compressed, which torch.save never does.",
                remedy="Upload the file as torch.save wrote it.",
            )
        if not self.checksums:
            return
        with memoryview(self.data) as view:
            for start in range(entry.start, entry.start + entry.length, CHUNK):
                crc = zlib.crc32(view[start : min(start + CHUNK, entry.start + entry.length)], crc)
        if crc != entry.crc:
            raise Damaged(f"the checksum of {name[:60]} differs")


def open_archive(file: object, data: mmap.mmap) -> Archive:
    """List the entries.

    Args:
        file: open for reading bytes.
        data: the same file, mapped.

    Raises:
        CheckpointError: damaged, encrypted, or a zip of something else.
        RefusedError: compressed, or over a limit.
    """
    try:
        with zipfile.ZipFile(file) as archive:  # type: ignore[call-overload]
            infos = archive.infolist()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as exc:
        raise _without_end(data) from exc
    if infos and min(info.header_offset for info in infos) > 0 and data[:4] == b"PK\x03\x04":
        raise CheckpointError(
            "This looks like one file of a checkpoint of several processes (.distcp): archives one "
            "after the other, whose tensors have no names.",
            remedy="Upload a ZIP of the whole folder, with its hidden file .metadata, which names "
            "them.",
        )
    _check_infos(infos)
    entries = {info.filename: _entry(info, data) for info in infos if not info.is_dir()}
    if len(entries) != sum(not info.is_dir() for info in infos):
        raise _damaged("it has the same name twice")
    _check_ranges(list(entries.values()))
    return Archive(data, _below_one_folder(entries), any(info.CRC for info in infos))


def _without_end(data: mmap.mmap) -> CheckpointError:
    """The end of a ZIP lists its entries: say what became of it, where its bytes show that."""
    start, end = data[:TEXT_BYTES], data[-ZERO_BYTES:]
    lines = start.count(b"\n")
    if start.count(REPLACED) >= MANY or (lines >= MANY and start.count(b"\r\n") == lines):
        return CheckpointError(
            "The file was copied as a text, which changed its bytes: line ends were converted, or "
            "bytes that are no letters replaced.",
            remedy="Copy it again in binary mode, or mark it as binary (git: *.pth binary in "
            ".gitattributes); the numbers in this copy are lost.",
        )
    if len(end) == ZERO_BYTES and not any(end):
        return _damaged("its end is all zeros, as where a download was broken off")
    return _damaged("its end is missing or unreadable")


def _damaged(why: str) -> CheckpointError:
    return CheckpointError(
        f"The file is a truncated or damaged zip container: {why}.",
        remedy="Copy or download it again, and compare its size with the original.",
    )


def _check_infos(infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > MAX_ENTRIES:
        raise RefusedError(
            f"The file has {len(infos)} entries; at most {MAX_ENTRIES} are allowed.", remedy=REMEDY
        )
    if any(info.flag_bits & 1 for info in infos):
        raise CheckpointError("The zip container is encrypted.", remedy=REMEDY)
    kept = [info for info in infos if not info.is_dir()]
    if not any(is_torch(info.filename) for info in kept):
        raise _no_checkpoint([info.filename for info in kept])


def is_torch(name: str) -> bool:
    """Whether an entry of this name makes a ZIP a file of torch."""
    return name.partition("/")[2] in ("data.pkl", "archive_format", "constants.pkl")


def _no_checkpoint(files: list[str]) -> CheckpointError:
    if "serialized_exported_program.json" in files:
        return CheckpointError(
            "This is an exported program of an older torch (before 2.8), which is not read.",
            remedy="Write it again with a newer torch.export.save, or save its weights alone.",
        )
    if files and all(name.endswith(".npy") for name in files):
        return CheckpointError(
            "This is a NumPy archive (.npz), not a checkpoint.",
            remedy="Save its arrays under the names of the network: "
            "torch.save({name: torch.from_numpy(array) for ...}, 'weights.pth')",
        )
    shown = ", ".join(name[:40] for name in files[:3]) or "nothing"
    return CheckpointError(
        f"This is a zip archive but no checkpoint: it holds {shown}.", remedy=REMEDY
    )


def _entry(info: zipfile.ZipInfo, data: mmap.mmap) -> Entry:
    """Where an entry's bytes are: after its local header, whose name must be the directory's."""
    header = data[info.header_offset : info.header_offset + LOCAL_HEADER]
    if len(header) < LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise _damaged("an entry is not where it should be")
    method, name_length, extra_length = struct.unpack("<8xH16xHH", header)
    start = info.header_offset + LOCAL_HEADER + name_length + extra_length
    name = data[info.header_offset + LOCAL_HEADER : start - extra_length]
    compressed = method != zipfile.ZIP_STORED  # of TorchScript the code, which nobody reads here
    if method != info.compress_type or name != info.orig_filename.encode("utf-8", "replace"):
        raise _damaged("an entry contradicts the directory")
    if not compressed and info.compress_size != info.file_size:
        raise _damaged("an entry contradicts the directory")
    if start + info.compress_size > len(data):
        raise _damaged("an entry extends beyond the file")
    return Entry(start, info.compress_size, info.CRC, compressed)


def _check_ranges(entries: list[Entry]) -> None:
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        if entry.start < end:
            raise _damaged("two entries overlap")
        end = entry.start + entry.length


def _below_one_folder(entries: dict[str, Entry]) -> dict[str, Entry]:
    folders = {name.partition("/")[0] for name in entries}
    if len(folders) != 1:
        raise _damaged("it has more than one folder")
    return {name.partition("/")[2]: entry for name, entry in entries.items()}
