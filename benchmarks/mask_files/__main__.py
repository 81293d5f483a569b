"""`python -m benchmarks.mask_files`: how often the mask door names what a file is.

Files are written by the real libraries; the door is given their bytes alone. The held-out part is
for releases: each look at it is counted in benchmarks/results/mask_files.json.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.document import write_part
from benchmarks.mask_files import more_healthy as _more_healthy  # noqa: F401 - enters its files
from benchmarks.mask_files.healthy import healthy
from benchmarks.mask_files.report import document
from benchmarks.mask_files.samples import Part, samples
from benchmarks.mask_files.writers import REFUSED, WRITERS
from core.errors import InspectionError
from core.mask_file import MaskReport, inspect_mask
from core.mask_file.beside import best_names
from core.mask_file.finding import NO_CLASS
from core.scores import confusion_matrix

RESULTS = Path(__file__).resolve().parent.parent / "results" / "mask_files.json"


@dataclass(frozen=True)
class Outcome:
    """What was said of one file."""

    kind: str  # who wrote it
    sample: str
    right: tuple[str, ...]  # () for a healthy one
    said: tuple[str, ...]  # kinds, the first one first
    certainty: str
    faults: tuple[str, ...]
    same_ids: float | None = None  # share of the pixels whose ids are those of the sample, renamed

    @property
    def named(self) -> bool:
        """Whether the first finding names it."""
        return self.said[0] in self.right


def main() -> None:
    """Run a part and print it; the held-out part is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("tune", "held-out"), default="tune")
    parser.add_argument("--only", default="", help="kinds whose name contains this")
    options = parser.parse_args()
    part: Part = options.part
    faulty = [o for o in _faulty(part) if options.only in o.kind]
    fine = [o for o in _fine(part) if options.only in o.kind]
    _print(faulty, fine)
    if part == "held-out" and not options.only:
        _write(faulty, fine)


def _faulty(part: Part) -> Iterator[Outcome]:
    for sample in samples(part):
        for writer in WRITERS:
            yield _outcome(
                writer.name, sample.name, writer.right, writer.write(sample), sample.labels
            )


def _fine(part: Part) -> Iterator[Outcome]:
    for name, sample, content in healthy(part):
        yield _outcome(name, sample, (), content)


def _outcome(
    kind: str,
    sample: str,
    right: tuple[str, ...],
    content: bytes,
    labels: np.ndarray | None = None,
) -> Outcome:
    try:
        report: MaskReport | None = inspect_mask(content)
    except InspectionError as error:
        said = error.message if not (error.message and error.remedy) else REFUSED
        return Outcome(kind, sample, right, (said,), "certain", ())
    assert report is not None
    return Outcome(
        kind,
        sample,
        right,
        tuple(finding.kind_id for finding in report.findings),
        report.first.certainty,
        tuple(finding.kind_id for finding in report.faults),
        None if labels is None else _same_ids(report, labels),
    )


def _same_ids(report: MaskReport, labels: np.ndarray) -> float | None:
    """After each id that was read got the name of the id that it shares most pixels with."""
    reading = report.reading
    if reading is None or reading.ids.shape != labels.shape:
        return None
    size = int(max(reading.ids.max(), labels.max())) + 1
    matrix = confusion_matrix(reading.ids, labels.astype(np.int32), size, NO_CLASS)[:-1, :-1]
    named = sum(int(matrix[right, own]) for own, right in best_names(matrix).items())
    return named / labels.size


def _print(faulty: list[Outcome], fine: list[Outcome]) -> None:
    for kind in dict.fromkeys(outcome.kind for outcome in faulty):
        of_kind = [outcome for outcome in faulty if outcome.kind == kind]
        said = Counter(outcome.said[0] for outcome in of_kind if not outcome.named)
        named = sum(outcome.named for outcome in of_kind)
        ids = [outcome.same_ids for outcome in of_kind if outcome.same_ids is not None]
        read = f"ids {min(ids):.3f}" if ids else ""
        print(f"{named} of {len(of_kind)}  {kind}  {read}  {dict(said) or ''}")
    for outcome in fine:
        if outcome.faults:
            print(f"FALSE {outcome.kind} ({outcome.sample}): {outcome.faults} {outcome.certainty}")
    wrong = [o for o in faulty if o.certainty == "certain" and not o.named]
    for outcome in wrong:
        print(f"CERTAIN AND WRONG {outcome.kind} ({outcome.sample}): {outcome.said}")
    named = sum(outcome.named for outcome in faulty)
    print(f"named {named} of {len(faulty)}; kinds {len({o.kind for o in faulty})}")
    print(f"false claims {sum(bool(o.faults) for o in fine)} of {len(fine)}")


def _write(faulty: list[Outcome], fine: list[Outcome]) -> None:
    before = json.loads(RESULTS.read_text())["looks"] if RESULTS.exists() else 0
    figures = {
        "looks": before + 1,
        "named": sum(outcome.named for outcome in faulty),
        "files": len(faulty),
        "certain_and_wrong": sum(o.certainty == "certain" and not o.named for o in faulty),
        "healthy": len(fine),
        "false_claims": sum(bool(outcome.faults) for outcome in fine),
        "outcomes": [asdict(outcome) for outcome in [*faulty, *fine]],
    }
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    write_part("mask_files", document(figures))


if __name__ == "__main__":
    main()
