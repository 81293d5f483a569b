"""Which format a file has, by its first bytes; and what it is where it is no picture."""

from __future__ import annotations

from core.errors import ImageError
from core.image.nifti import is_nifti
from core.image.npz import is_npz
from core.image.stack import is_stack

MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x93NUMPY", "NPY"),
)
AVIF = {b"avif", b"avis"}  # brands of ISO/IEC 23000-22, MIAF
HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
OTHER_FILES = (
    (b"PK\x03\x04", "a ZIP file, perhaps a checkpoint"),
    (b"\x80\x02", "a pickle, perhaps a checkpoint"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "an EPS or PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"version https://git-lfs", "a git-lfs pointer, not the file itself"),
)
READABLE = "PNG, JPEG, WebP, AVIF, HEIC, JPEG 2000, BMP, TIFF, GIF, NIfTI, .npy or .npz"


def format_of(content: bytes) -> str | None:
    """The format by the first bytes; None where it is none that is read here."""
    found = next((kind for magic, kind in MAGIC if content.startswith(magic)), None)
    if found is None and content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if found is None and is_npz(content):
        return "NPZ"
    if found is None and is_stack(content):
        return "STACK"
    if found is None and is_nifti(content):
        return "NIFTI"
    if found is None and content[4:8] == b"ftyp":
        return _of_brands(content)
    return found


def _of_brands(content: bytes) -> str | None:
    """AVIF and HEIC have the same container; which one it is, its brands say."""
    end = min(int.from_bytes(content[:4], "big"), 256)
    brands = {content[8:12], *(content[k : k + 4] for k in range(16, end, 4))}
    if brands & AVIF:
        return "AVIF"
    return "HEIF" if brands & HEIC else None


def no_picture(content: bytes) -> ImageError:
    """The error for a file of no known format: what it is instead, where that can be told."""
    what = next((name for magic, name in OTHER_FILES if content.startswith(magic)), None)
    if what is None and content[8:9] == b"{":
        what = "a safetensors file, a checkpoint"
    if what is None and b"<svg" in content[:1000]:
        what = "an SVG drawing, which has no pixels"
    if what is None and content[:200].isascii() and b"\0" not in content[:200]:
        what = "a text file"
    sentence = f"The file is {what}." if what else "The file is not a picture that can be read."
    return ImageError(
        sentence,
        remedy=f"Upload a {READABLE} picture; a checkpoint goes under Checkpoint.",
    )
