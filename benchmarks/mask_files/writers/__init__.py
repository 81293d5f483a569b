"""Files as people write them, by the real libraries; one module for each kind of mistake."""

from benchmarks.mask_files.writers import casts, channels, colors, files, ids
from benchmarks.mask_files.writers.writer import REFUSED, Writer, all_writers

MODULES = (ids, casts, channels, colors, files)
WRITERS = all_writers()

__all__ = ["REFUSED", "WRITERS", "Writer"]
