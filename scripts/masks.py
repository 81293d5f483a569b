"""Write docs/masks.md: every kind of file that the mask door names, from the entries it uses too.

Call it as `python -m scripts.masks`.
"""

from __future__ import annotations

from pathlib import Path

from core.mask_file.kinds import SECTIONS, Kind
from scripts.findings import wrapped

OUT = Path(__file__).resolve().parent.parent / "docs" / "masks.md"

HEAD = """# Only a mask

Many a black mask is fine: it holds class ids 0, 1, 2, and as grays of 255 these look black. The
page **Only a mask** and the command

    python -m core mask out.png [more.png folder/ ...] [--picture cup.jpg] [--truth ids.png]
                        [--json] [--colored out_colored.png]

say what a file is from its numbers alone: no checkpoint, no picture, no network, and nothing of
it is run. Files of strangers are decoded in a process with little time and memory, as everywhere
here.

- **What is read.** PNG, JPEG, WebP, TIFF, BMP, GIF, arrays in `.npy` and `.npz`, and one tensor in
  a `.pt` (without torch, and without running what is in it), exactly as they are stored: 1 to 32
  bits, palettes with their indices, opacity, floats. Of a NIfTI volume the page asks for the
  slice; the command takes the middle one.
- **What is said.** The first sentence is what the file is; then the evidence with its numbers,
  the ids that it holds and how they come out of its values, what only the checkpoint could tell,
  and lines that write it rightly. **Certain** is what no other way of writing gives, as far as is
  known here; **likely** and **possible** name what fits best. Where a file does not tell, as
  where all of it is 0, that is said, with the way to the next evidence.
- **What is drawn.** What viewers show of the file, beside its ids in a palette; "Download
  colored" is that as a lossless PNG. With `--picture` the sizes are compared, with `--truth` the
  mIoU is told under the ids that were found, and whether other names for the ids would fit much
  better.
- **Several files** (200 on the page, 500 on the command line, or a folder) are one table, with a
  row for each that cannot be read.

The exit status is 0 where nothing is wrong with the file; 10, 11 or 12 where it certainly, likely
or possibly was written wrongly or is no mask; 13 where the file alone cannot tell; 1 where it
cannot be read. Of several files it is the worst one's.

How often the names are right stands in [benchmark.md](benchmark.md). What no file shows: whether
a palette of VOC whose colors are its own with red and blue exchanged (ids 1 and 4) was meant as
RGB or BGR; whether ids from 1 on count from 1 or class 0 is not in the picture; whether 0 and 255
were more classes before they were clipped.

The rest of this page is written by `python -m scripts.masks` from `core/mask_file/kinds/`, which
the page shows too.
"""


def main() -> None:
    """Write the page."""
    OUT.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole file."""
    parts = [HEAD]
    for heading, kinds in SECTIONS.items():
        parts += [f"\n## {heading}\n", *map(_section, kinds)]
    return "".join(parts)


def _section(kind: Kind) -> str:
    body, _, code = kind.explanation.partition("```python")
    lines = [wrapped(line) for line in body.splitlines()]
    text = "\n".join([*lines, f"```python{code}"] if code else lines)
    return f"\n### {kind.id}\n\n{text.strip()}\n"


if __name__ == "__main__":
    main()
