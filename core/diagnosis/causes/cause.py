"""One cause of a black or wrong mask: what is known of it whatever the case is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# The five stages, and what lies beside them: the weights, the ground truth, the written file.
Stage = Literal["input", "tensor", "logits", "labels", "mask", "checkpoint", "truth", "saving"]


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A cause by its id; code asks its fields and never the letter of the id."""

    id: str  # a letter and a digit; stable, as links, JSON and shared runs carry it
    title: str  # what is wrong, without a full stop
    stage: Stage  # where the fault lies
    what: str  # one paragraph of Markdown: what happens, and what it looks like
    found_by: str  # one paragraph: the evidence that names it
    fix: str  # one sentence
    code: str  # lines of Python that do it in the user's own script
    # Its changes of the settings give another label map: later checks measure with them in place.
    mended_by_settings: bool = False
    # No mask of this network means anything, so no two of them are compared.
    makes_masks_meaningless: bool = False
    # Masks are compared still, but they tell nothing of the channel order and the size.
    blocks_order_and_size: bool = False
    # Where the logits are broken too, no other settings are tried.
    ends_search: bool = False
    # Other weights take the place of these, so nothing more is asked of these.
    exchanges_weights: bool = False
    # On some pictures it changes next to nothing: then it is a note, and no fault of this mask.
    may_be_harmless: bool = False

    @property
    def explanation(self) -> str:
        """Its section in docs/findings.md, as Markdown; each paragraph is one line."""
        paragraphs = (
            f"**{self.title}.** {_one_line(self.what)}",
            f"*How it is found.* {_one_line(self.found_by)}",
            f"*Fix.* {_one_line(self.fix)}",
            f"```python\n{self.code}\n```",
        )
        return "\n\n".join(paragraphs)


def _one_line(paragraph: str) -> str:
    return " ".join(paragraph.split())
