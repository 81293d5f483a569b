"""The process that reads one tensor of a stranger's `.pt` file (see core/forked.py), without torch.

It answers with a byte (is it an array) and the array as `np.save` writes it, or two texts in JSON:
message and remedy.
"""

from __future__ import annotations

import io
import json
import mmap
from math import prod
from typing import BinaryIO

import numpy as np

from core.checkpoint.containers.torch_zip import open_archive
from core.checkpoint.reader import single_tensor
from core.checkpoint.tensors import FLOAT8, LeftOut, TensorRecord
from core.errors import InspectionError, MaskError
from core.image.child import limit_process
from core.image.raster import ImageLimits

ARRAY, SENTENCE = b"\1", b"\0"
CHECKPOINT = "The file is no single tensor: it seems to be a checkpoint, and no mask."
AS_ARRAY = 'Save the mask as an array: np.save("mask.npy", labels.cpu().numpy())'


def answer(request: BinaryIO, out: BinaryIO) -> None:
    """Read what the request has: the file, from its first byte to its last."""
    limit_process()
    try:
        out.write(ARRAY + _array_file(request))
    except InspectionError as error:
        out.write(SENTENCE + json.dumps([error.message, error.remedy]).encode())
    out.flush()


def _array_file(request: BinaryIO) -> bytes:
    with mmap.mmap(request.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = single_tensor(open_archive(request, data))
        if found is None:
            raise MaskError(
                CHECKPOINT, remedy="Upload it as checkpoint on the dashboard, with a picture."
            )
        if isinstance(found, LeftOut):
            raise MaskError(f"The tensor cannot be read: {found.why}.", remedy=AS_ARRAY)
        file = io.BytesIO()
        np.save(file, _array(found, data), allow_pickle=False)
        return file.getvalue()


def _array(record: TensorRecord, data: mmap.mmap) -> np.ndarray:
    """A copy of its numbers; NumPy checks that all of them lie in the file."""
    name, size = record.dtype.name, record.dtype.size
    plain = record.quantizer is None and not record.pieces and name not in FLOAT8
    if not plain or name == "bfloat16":
        raise MaskError(f"A tensor of {name} is not read as a mask.", remedy=AS_ARRAY)
    if size * prod(record.shape) > ImageLimits().unpacked:
        raise MaskError("The tensor is too large for a mask.", remedy=AS_ARRAY)
    strides = tuple(step * size for step in record.stride)
    view: np.ndarray = np.ndarray(record.shape, name, data, record.start, strides)
    return view.copy()
