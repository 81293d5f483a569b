"""A file's first bytes tell what it is; its extension does not."""

from __future__ import annotations

import io
import json
import pickletools
from pathlib import Path
from typing import BinaryIO

from core.checkpoint.around.foreign import by_bytes
from core.errors import CheckpointError, RefusedError

MAX_BYTES = 2 * 2**30  # ResNet-101 with Adam's state is 732 MB
HEAD_BYTES = 4096  # enough for every magic number below
MAX_ANSWER = 400  # bytes of what a server says where it sends no file
MAX_QUOTED = 120  # characters of it
TEXT_PICKLE_BYTES = 2**20  # of a pickle of protocol 0 or 1, looked through for its end

ZIP, LEGACY, SAFETENSORS, ONNX = "zip pickle", "legacy pickle", "safetensors", "ONNX"
GZIP, BZIP2, XZ, ZSTD, TAR = (
    *("gzip archive", "bzip2 archive", "xz archive", "Zstandard archive", "tar archive"),
)
COMPRESSED = (  # magic bytes, offset, name: what is inside may be a checkpoint
    (b"\x1f\x8b", 0, GZIP),
    (b"BZh", 0, BZIP2),
    (b"\xfd7zXZ", 0, XZ),
    (b"\x28\xb5\x2f\xfd", 0, ZSTD),
    (b"ustar", 257, TAR),
)
# The number that torch.save wrote first before version 1.6, as pickle opcode LONG1
# (torch/serialization.py, MAGIC_NUMBER).
TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"

PICTURES = (  # magic bytes, offset, name with its article
    (b"\x89PNG\r\n\x1a\n", 0, "a PNG"),
    (b"\xff\xd8\xff", 0, "a JPEG"),
    (b"GIF87a", 0, "a GIF"),
    (b"GIF89a", 0, "a GIF"),
    (b"WEBP", 8, "a WebP"),
    (b"II*\x00", 0, "a TIFF"),
    (b"MM\x00*", 0, "a TIFF"),
    (b"II+\x00", 0, "a TIFF"),
    (b"MM\x00+", 0, "a TIFF"),
    (b"ftypavif", 4, "an AVIF"),
    (b"ftyphei", 4, "a HEIC"),
    (b"ftypmif1", 4, "a HEIC"),
    (b"\x00\x00\x00\x0cjP  ", 0, "a JPEG 2000"),
    (b"DICM", 128, "a DICOM"),
)
IR_VERSIONS = [bytes([version]) for version in range(3, 33)]
MODEL_FIELDS = [bytes([tag]) for tag in (0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72)]
REMEDY = "Choose the file that torch.save wrote: usually .pth, .pt, .ckpt, or a .safetensors file."


def container_of(path: Path) -> str:
    """Name the container: ZIP, LEGACY, SAFETENSORS, ONNX, or one of COMPRESSED.

    Raises:
        CheckpointError: it is something else, which the message names.
        RefusedError: it has more than MAX_BYTES.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            _refuse_size(size)
            _refuse_other_formats(head)
            return _container(file, head, size)
    except OSError as exc:
        raise unreadable(exc) from exc


def unreadable(reason: OSError) -> CheckpointError:
    """Say that a file is not there, or not for us."""
    return CheckpointError(
        f"The file cannot be read from the disk: {reason.strerror or reason}.",
        remedy="Upload it again.",
    )


def _container(file: BinaryIO, head: bytes, size: int) -> str:
    if head.startswith(b"PK\x03\x04"):
        return ZIP
    if layer := layer_of(head):
        return layer
    if is_safetensors(head, size):
        return SAFETENSORS
    if _is_onnx(head):
        return ONNX
    if TORCH_MAGIC in head[:32] or _is_pickle(file, head):
        return LEGACY
    _refuse_zeros(head, size)
    _refuse_text(head, size)
    raise CheckpointError(
        "The file is not a checkpoint: its bytes match no known format.",
        remedy=f"The copy may be damaged: compare its checksum with the original. {REMEDY}",
    )


def layer_of(head: bytes) -> str:
    """How a file is compressed or bundled, by its first bytes; "" where it is not."""
    return next((name for magic, at, name in COMPRESSED if head.startswith(magic, at)), "")


def _refuse_size(size: int) -> None:
    if size == 0:
        raise CheckpointError(
            "The file is empty (0 bytes).",
            remedy="Copy it again; where training wrote it, the disk may have been full.",
        )
    if size > MAX_BYTES:
        raise RefusedError(
            f"The file has {size / 2**30:.1f} GiB; {MAX_BYTES / 2**30:.0f} GiB are allowed.",
            remedy="Save the weights without the optimizer: "
            'torch.save(model.state_dict(), "weights.pth")',
        )


def _refuse_other_formats(head: bytes) -> None:
    for magic, offset, name in PICTURES:
        if head.startswith(magic, offset):
            raise _picture(name)
    if head.startswith(b"BM") and head[6:10] == bytes(4):  # reserved, zero in every BMP
        raise _picture("a BMP")
    if (known := by_bytes(head)) is not None and not head.startswith(b"\x80"):
        raise known.error()


def _picture(name: str) -> CheckpointError:
    return CheckpointError(
        f"This is {name} picture, not a checkpoint.",
        remedy="Upload it as the picture, and choose the checkpoint here.",
    )


def is_safetensors(head: bytes, size: int = MAX_BYTES) -> bool:
    """Whether a file of this size begins with the length of a header, and the header."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and length <= size


def _is_onnx(head: bytes) -> bool:
    """A ModelProto begins with its ir_version, 3 since 2017, and another of its fields follows."""
    return head[:1] == b"\x08" and head[1:2] in IR_VERSIONS and head[2:3] in MODEL_FIELDS


def _is_pickle(file: BinaryIO, head: bytes) -> bool:
    """Protocols 0 and 1 have no magic number: a text may look like one, but then names nothing."""
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return True
    file.seek(0)
    names = 0
    try:
        for opcode, _, _ in pickletools.genops(io.BytesIO(file.read(TEXT_PICKLE_BYTES))):
            names += opcode.name in ("GLOBAL", "INST")
    except (ValueError, KeyError, IndexError, OverflowError):
        return False
    return names > 0


def _refuse_zeros(head: bytes, size: int) -> None:
    if not any(head):
        raise CheckpointError(
            f"The file ({size:,} bytes) begins with {len(head):,} zero{'s' * (len(head) > 1)}: its "
            "place on the disk was taken, and its content never arrived.",
            remedy="The download or the copy was broken off: make it again, and compare the size.",
        )


def _refuse_text(head: bytes, size: int) -> None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            "This is a Git LFS pointer: a note of where the checkpoint is, not the checkpoint.",
            remedy="Run `git lfs pull` in the repository, then upload the file again.",
        )
    if b"<error>" in head[:400].lower():
        raise _answer(head)
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        raise CheckpointError(
            "This is a web page, not a checkpoint: the download saved the page about the file.",
            remedy="Open the address in a browser and use the page's own download button.",
        )
    if _is_text(head) and size <= MAX_ANSWER:
        raise _answer(head)
    if _is_text(head):
        kind = "a JSON text" if _is_json(head) else "a text file"
        raise CheckpointError(f"This is {kind}, not a checkpoint.", remedy=REMEDY)


def _answer(head: bytes) -> CheckpointError:
    """A few words where weights should be are most often what a server said."""
    words = " ".join(head[:MAX_ANSWER].decode("utf-8", errors="replace").split())
    return CheckpointError(
        f"This is a text, not a checkpoint: {words[:MAX_QUOTED]!r}.",
        remedy="A download that fails leaves the server's answer in the file: log in, ask for "
        f"access or correct the address, and download it again. {REMEDY}",
    )


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", errors="ignore")  # the cut may split a character
    whole = len(text.encode()) >= len(head) - 3
    return whole and all(char.isprintable() or char in "\t\r\n\f" for char in text)


def _is_json(head: bytes) -> bool:
    try:
        json.loads(head)
    except ValueError:
        return head.lstrip()[:2] in (b'{"', b"[{", b"{\n", b"{\r")
    return True
