"""One kind of file that people have for a mask: what is known of it whatever the picture is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# fine: nothing is wrong with the file; fault: it was written wrongly, or hides what it holds;
# unknown: the file alone does not decide; other: it is no mask.
Weight = Literal["fine", "fault", "unknown", "other"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file by its id; its text is the same on the page and in docs/masks.md."""

    id: str
    title: str  # what it is, without a full stop
    weight: Weight
    what: str  # one paragraph of Markdown: how such a file comes about, and how it looks
    found_by: str  # the evidence that names it
    only_checkpoint: str = ""  # what no such file tells
    fix: str = ""  # one sentence
    code: str = ""  # lines of Python that write it rightly

    @property
    def explanation(self) -> str:
        """Its section in docs/masks.md, as Markdown; each paragraph is one line."""
        paragraphs = [
            f"**{self.title}.** {_one_line(self.what)}",
            f"*How it is found.* {_one_line(self.found_by)}",
        ]
        if self.only_checkpoint:
            paragraphs.append(
                f"*What only the checkpoint tells.* {_one_line(self.only_checkpoint)}"
            )
        if self.fix:
            paragraphs.append(f"*Fix.* {_one_line(self.fix)}")
        if self.code:
            paragraphs.append(f"```python\n{self.code}\n```")
        return "\n\n".join(paragraphs)


def _one_line(paragraph: str) -> str:
    return " ".join(paragraph.split())
