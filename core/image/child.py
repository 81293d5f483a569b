"""The process that decodes one picture (see core/forked.py): limited, gone when it is done.

It answers with four bytes (the length), JSON, then the arrays as they lie in memory.
"""

from __future__ import annotations

import json
import os
from typing import Any, BinaryIO

import PIL.Image
import tifffile  # noqa: F401 - slow to import, so that no fork has to

from core.errors import ImageError
from core.image.raster import Raster
from core.image.read import read_raster, read_smaller

PIL.Image.init()  # so that no fork has to

CPU_SECONDS = 5
COPY = 3  # times as long for a smaller copy: a PNG of 12,000 x 9,000 pixels takes 4.5 s
MEMORY = 1536 * 2**20  # of address space beyond what the warm process has


def limit_process(times: int = 1) -> None:
    """Take memory and all but so many times `CPU_SECONDS` from this process, for good."""
    try:
        import resource
    except ImportError:
        return
    for kind, limit in (
        (resource.RLIMIT_CPU, times * CPU_SECONDS),
        (resource.RLIMIT_AS, _address_space() + MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


def _address_space() -> int:
    """Bytes that this process has already; where the system does not tell, half a gibibyte."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**29


def answer(request: BinaryIO, out: BinaryIO) -> None:
    """Decode what the request has, and write what came of it.

    Args:
        request: a line of JSON: width and height of a smaller copy or null, and which slice of a
            volume; then the file.
        out: takes the answer.
    """
    asked = json.loads(request.readline())
    size, cut = asked["smaller"], tuple(asked["cut"])
    limit_process(COPY if size else 1)
    try:
        content = request.read()
        raster = read_smaller(content, tuple(size)) if size else read_raster(content, cut=cut)
        arrays = [raster.values, *([] if raster.palette is None else [raster.palette])]
        _write(out, _told(raster), *(memoryview(array.tobytes()) for array in arrays))
    except ImageError as error:
        _write(out, {"error": [error.message, error.remedy, error.code, error.smaller]})
    except MemoryError:
        _write(out, {"error": ["Decoding the picture takes too much memory.", SMALLER, "", None]})


SMALLER = "Upload a smaller version of it."


def _told(raster: Raster) -> dict[str, Any]:
    about = {k: v for k, v in vars(raster).items() if k not in ("values", "palette")}
    colors = 0 if raster.palette is None else len(raster.palette)
    values = raster.values
    return {"about": about, "dtype": values.dtype.str, "shape": values.shape, "colors": colors}


def _write(out: BinaryIO, message: dict[str, Any], *arrays: memoryview) -> None:
    told = json.dumps(message).encode()
    out.write(len(told).to_bytes(4, "big") + told)
    for array in arrays:
        out.write(array)
    out.flush()
