"""Small data sets in folders and ZIPs, for the tests of `core/dataset`."""

import io
import zipfile

import numpy as np
from PIL import Image

SIZE = (6, 8)  # h, w


def png(array, **options):
    file = io.BytesIO()
    picture = array if isinstance(array, Image.Image) else Image.fromarray(array)
    picture.save(file, "PNG", **options)
    return file.getvalue()


def picture(shade=90, size=SIZE):
    return np.full((*size, 3), shade, np.uint8)


def mask(*values, size=SIZE):
    """Columns of these values, as broad as they can be."""
    row = np.repeat(np.array(values), -(-size[1] // len(values)))[: size[1]]
    return row[None].repeat(size[0], 0).astype(np.uint8)


def jpg(array=None):
    file = io.BytesIO()
    Image.fromarray(picture() if array is None else array).save(file, "JPEG")
    return file.getvalue()


def write(folder, files):
    """Files by name; values are bytes, arrays (as PNG), or texts."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(content))
    return folder


def zipped(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, as_bytes(content))
    return path


def as_bytes(content):
    if isinstance(content, np.ndarray):
        return png(content)
    return content.encode() if isinstance(content, str) else content


def pairs_of(found):
    """Name -> file of the mask."""
    return {
        each.name: None if each.truth is None else each.truth.name for each in found.data.entries
    }


def kinds_of(found):
    """Findings by kind: the names of their files."""
    return {finding.kind_id: list(finding.files) for finding in found.findings}
