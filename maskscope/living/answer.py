"""What `inspect` returns: the diagnosis of a case, drawn by a notebook, written by a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.diagnosis import Case, Diagnosis, Finding
from core.errors import InspectionError
from core.export.text import in_words
from core.inspection import Inspection
from core.settings import Settings
from maskscope.feeding.measured import Feeding
from maskscope.living.card import card


@dataclass(frozen=True, eq=False, repr=False)
class Answer:
    """A diagnosis, and what it is about."""

    diagnosis: Diagnosis
    case: Case
    inspection: Inspection | None  # what every stage made; None where the network stops
    stopped: str = ""  # why, then
    feeding: Feeding | None = None  # what the user's preprocessing does, where they gave it

    @property
    def verdict(self) -> str:
        """One sentence: what is wrong, or that nothing is."""
        return self.diagnosis.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Worst first."""
        return self.diagnosis.findings

    @property
    def settings(self) -> Settings:
        """How the picture was fed and the mask decided."""
        return self.diagnosis.settings

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as texts, numbers and lists."""
        return self.diagnosis.to_dict()

    def save(self, path: str | Path) -> Path:
        """Write the report of the whole case: one HTML file that needs no network.

        Raises:
            InspectionError: the network stops, or the file cannot be written.
        """
        from datetime import datetime

        from core.export.report import html_report

        if self.inspection is None:
            raise InspectionError(
                f"There is no mask to report. {self.stopped}", remedy="Mend that first."
            )
        now = datetime.now().astimezone()
        page = html_report(self.case, self.inspection, self.diagnosis, written=now)
        Path(path).write_text(page, encoding="utf-8")
        return Path(path)

    @property
    def fed(self) -> tuple[str, ...]:
        """What was measured of the user's preprocessing, in sentences."""
        return () if self.feeding is None else self.feeding.words

    def __repr__(self) -> str:
        said = in_words(self.diagnosis, self.case.checkpoint)
        return "\n\n".join(filter(None, (said, self.stopped, "\n".join(self.fed))))

    def _repr_html_(self) -> str:
        return card(self.diagnosis, self.inspection, self.case, (self.stopped, *self.fed))
