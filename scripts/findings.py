"""Write docs/findings.md: every cause, from the entries that the diagnosis and the page use too.

Call it as `python -m scripts.findings`.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

from core.diagnosis.causes import SECTIONS, Cause

OUT = Path(__file__).resolve().parent.parent / "docs" / "findings.md"
WIDTH = 100  # characters

HEAD = """# What can be wrong, how it is found, how it is fixed

Written by `python -m scripts.findings` from `core/diagnosis/causes/`, which the page shows too: one
section for each cause that the diagnosis can name. **Certain** is what follows from the files and
settings alone, or from evidence of two kinds; **likely** is what one kind of evidence supports;
**possible** is what the evidence cannot separate from another cause, and the finding names the test
that would. A **note** is true and changes next to nothing in this mask.

How much information a mask carries is the mutual information, in nats (natural units of
information: 1 nat is 1.44 bits), between its label map and the ground truth or, without one, the
label map of the mirrored picture. A mask of one class carries 0. How far an input is from the
running statistics of BatchNorm is the KL divergence of two normal distributions, in nats too; 0 is
an input as in training.

Three causes are never named, because nothing in a picture and a checkpoint shows them: a wrong path
after which a script continues with random weights (W2), an argmax over the batch (R2), and wrongly
paired training masks (T5).
"""


def main() -> None:
    """Write the page."""
    OUT.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole file."""
    parts = [HEAD]
    for heading, causes in SECTIONS.items():
        parts += [f"\n## {heading}\n", *map(_section, causes)]
    return "".join(parts)


def _section(cause: Cause) -> str:
    lines = [wrapped(line) for line in cause.explanation.splitlines()]
    return f"\n### {cause.id}\n\n" + "\n".join(lines) + "\n"


def wrapped(line: str) -> str:
    """A paragraph over several lines; code is short and stays as it is."""
    return fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    main()
