"""Many masks at once: each is looked at for itself, and what cannot be read is a row too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.errors import InspectionError
from core.image.read import Reader, read_raster
from core.mask_file.finding import percent
from core.mask_file.inspect import MaskReport, inspect_mask

MOST = 500  # files at once


@dataclass(frozen=True, eq=False)
class Looked:
    """A file by its name: what is known of it, or why it cannot be read."""

    name: str
    report: MaskReport | None
    error: InspectionError | None = None

    @property
    def sentence(self) -> str:
        """The first thing to say."""
        if self.report is not None:
            return self.report.first.sentence
        return "" if self.error is None else self.error.message

    def row(self) -> dict[str, Any]:
        """A line of the table of many masks."""
        if self.report is None:
            return {"file": self.name, "what it is": "cannot be read", "": self.sentence}
        facts, first = self.report.facts, self.report.first
        reading = self.report.reading
        return {
            "file": self.name,
            "what it is": first.kind.title,
            "how sure": first.certainty,
            "size": f"{facts.width} x {facts.height}",
            "mode": f"{facts.format} {facts.mode}, {facts.bits} bit",
            "values": facts.distinct,
            "ids": None if reading is None else len(reading.classes),
            "looks black": percent(facts.black),
            "": first.sentence,
        }

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        if self.report is not None:
            return {"file": self.name, **self.report.to_dict()}
        error = self.error
        told = {} if error is None else {"message": error.message, "remedy": error.remedy}
        return {"file": self.name, "error": told}


def look_at(name: str, content: bytes, *, read: Reader = read_raster) -> Looked:
    """Inspect one file; what cannot be read becomes a sentence."""
    try:
        return Looked(name, inspect_mask(content, read=read))
    except InspectionError as error:
        return Looked(name, None, error)
