"""The door: a mask's bytes to its facts and findings, without any network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.image.read import Reader, read_raster
from core.mask_file.checks import arrays, channels, colors, constant, edges, grays, layout, smooth
from core.mask_file.checks.check import Check
from core.mask_file.facts import Facts, facts_of
from core.mask_file.finding import NO_CLASS, Finding, Reading
from core.mask_file.stored import Stored
from core.mask_file.tensors import is_tensor_file, read_tensor

# The first one that finds something has decided: each asks for what the ones before it would have
# taken. From what is no picture to what is certain by its values, to what is left.
CHECKS: tuple[Check, ...] = (
    arrays.stacks,
    arrays.floats,
    arrays.instances,
    constant.one_value,
    layout.raw_bytes,
    layout.wrong_axis,
    layout.tiles,
    grays.dithered,
    grays.bits,
    arrays.deep,
    channels.one_hot,
    channels.one_channel,
    channels.fractions,
    colors.palette_of_the_file,
    colors.known_palette,
    colors.color_map,
    smooth.figure,
    grays.ones_that_were_left,
    grays.rounded_scores,
    grays.clean,
    smooth.soft_mask,
    colors.clean_colors,
    smooth.wrapped_scores,
    edges.ghosts,
    colors.other_colors,
    smooth.photo,
    smooth.undecided,
)


@dataclass(frozen=True, eq=False)
class MaskReport:
    """What is known of one file."""

    stored: Stored
    facts: Facts
    findings: tuple[Finding, ...]  # the first one says what the file is

    @property
    def first(self) -> Finding:
        """What the file is."""
        return self.findings[0]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What went wrong when it was written."""
        return tuple(finding for finding in self.findings if finding.is_fault)

    @cached_property
    def reading(self) -> Reading | None:
        """The ids that it holds; None where none can be told."""
        return next((f.reading for f in self.findings if f.reading is not None), None)

    @property
    def num_ids(self) -> int:
        """One more than the largest id; 0 where there is none."""
        reading = self.reading
        known = np.empty(0) if reading is None else reading.ids[reading.ids != NO_CLASS]
        return int(known.max()) + 1 if known.size else 0

    def to_dict(self) -> dict[str, Any]:
        """Texts and numbers, for JSON."""
        return {
            "facts": self.facts.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def inspect_mask(content: bytes, *, read: Reader = read_raster) -> MaskReport:
    """Say what a mask's file is.

    Args:
        content: the file.
        read: where it is decoded; `read_guarded` for what has just been uploaded.

    Raises:
        InspectionError: it cannot be decoded, or is over a limit.

    >>> import io
    >>> from PIL import Image
    >>> file = io.BytesIO()
    >>> ids = np.repeat(np.arange(3, dtype=np.uint8), 12)[None].repeat(24, axis=0)
    >>> Image.fromarray(ids).save(file, "PNG")
    >>> inspect_mask(file.getvalue()).first.sentence
    'Your mask is fine: it holds ids 0, 1, 2, drawn as three nearly black grays.'
    """
    stored = Stored(read_tensor(content, read) if is_tensor_file(content) else read(content))
    return MaskReport(stored, facts_of(stored), tuple(_findings(stored)))


def _findings(stored: Stored) -> list[Finding]:
    """Opacity hides what is under it: both are told."""
    whole = (*channels.one_hot_with_alpha(stored), *channels.hidden_ids(stored))
    if whole:
        return [whole[0]]
    below = channels.without_alpha(stored)
    return [*channels.transparent(stored), *next(filter(None, (list(c(below)) for c in CHECKS)))]
