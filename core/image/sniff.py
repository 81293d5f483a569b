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
    *((b"P%c" % kind + space, "PPM") for kind in b"123456" for space in (b"\n", b"\r", b" ")),
)
AVIF = {b"avif", b"avis"}  # brands of ISO/IEC 23000-22, MIAF
HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
OTHER_FILES = (  # first bytes, where they stand, what the file is
    (b"PK\x03\x04", 0, "a ZIP file, perhaps a checkpoint"),
    (b"\x80\x02", 0, "a pickle, perhaps a checkpoint"),
    (b"%PDF", 0, "a PDF"),
    (b"%!PS", 0, "an EPS or PostScript file"),
    (b"8BPS", 0, "a Photoshop file"),
    (b"\x1f\x8b", 0, "a gzip file"),
    (b"7z\xbc\xaf\x27\x1c", 0, "a 7-Zip archive"),
    (b"Rar!", 0, "a RAR archive"),
    (b"\x89HDF", 0, "an HDF5 file"),
    (b"CDF", 0, "a NetCDF file"),
    (b"MATLAB 5.0", 0, "a MATLAB file (.mat)"),
    (b"DICM", 128, "a DICOM file; dcm2niix makes NIfTI of it, pydicom's pixel_array an array"),
    (b"NRRD", 0, "an NRRD volume; nibabel or SimpleITK make NIfTI of it"),
    (b"ObjectType = ", 0, "a MetaImage volume (.mha, .mhd); SimpleITK makes NIfTI of it"),
    (b"ftypcrx", 4, "a camera's raw picture (CR3), which holds no colors yet"),
    (b"FUJIFILMCCD-RAW", 0, "a camera's raw picture (RAF), which holds no colors yet"),
    (b"IIU\0", 0, "a camera's raw picture (RW2), which holds no colors yet"),
    (b"IIRO", 0, "a camera's raw picture (ORF), which holds no colors yet"),
    (b"ftyp", 4, "a film (MP4, MOV); save a frame of it: ffmpeg -i film.mp4 -frames:v 1 frame.png"),
    (b"\x1aE\xdf\xa3", 0, "a film (MKV, WebM); save a frame of it as PNG"),
    (b"AVI ", 8, "a film (AVI); save a frame of it as PNG"),
    (b"\x76\x2f\x31\x01", 0, "an OpenEXR picture"),
    (b"#?RADIANCE", 0, "a Radiance HDR picture"),
    (b"\0\0\0\x0cJXL ", 0, "a JPEG XL picture"),
    (b"\xff\x0a", 0, "a JPEG XL picture"),
    (b"DDS ", 0, "a DDS texture"),
    (b"qoif", 0, "a QOI picture"),
    (b"\0\0\1\0", 0, "an icon (.ico)"),
    (b"version https://git-lfs", 0, "a git-lfs pointer, not the file itself"),
)
TEXTS = (  # what a text has in its first bytes, in small letters, and what it is
    (b"<svg", "an SVG drawing, which has no pixels"),
    (b"<html", "a web page: the download saved the page about the file"),
    (b"<!doctype html", "a web page: the download saved the page about the file"),
    (b"<annotation", "an annotation of boxes (XML), not a mask"),
    (b'"shapes"', "an annotation of polygons (labelme), not a mask; labelme_export_json draws it"),
    (b'"segmentation"', "annotations of polygons (COCO), not a mask; pycocotools draws them"),
)
READABLE = "PNG, JPEG, WebP, AVIF, HEIC, JPEG 2000, BMP, TIFF, GIF, PPM, NIfTI, .npy or .npz"


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
    found = (name for magic, at, name in OTHER_FILES if content.startswith(magic, at))
    what = next(found, None)
    if what is None and content[8:9] == b"{":
        what = "a safetensors file, a checkpoint"
    if what is None:
        start = content[:1000].lower()
        what = next((name for mark, name in TEXTS if mark in start), None)
    if what is None and content[:200].isascii() and b"\0" not in content[:200]:
        what = "a text file"
    sentence = f"The file is {what}." if what else "The file is not a picture that can be read."
    return ImageError(
        sentence,
        remedy=f"Upload a {READABLE} picture; a checkpoint goes under Checkpoint.",
    )
