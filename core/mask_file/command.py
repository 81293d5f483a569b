"""`python -m core mask out.png`: what a mask's file is, on the command line."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from core.errors import InspectionError
from core.image import Image, decode_image, read_guarded
from core.mask_file.beside import Agreement, beside_picture, beside_truth
from core.mask_file.drawn import colored_png
from core.mask_file.finding import Finding
from core.mask_file.inspect import MaskReport, inspect_mask
from core.mask_file.many import MOST, Looked, look_at
from core.settings import Display
from core.terminal import for_terminal, read_bytes, write_bytes

FINE, FAILED, UNKNOWN = 0, 1, 13
STATUS = {"certain": 10, "likely": 11, "possible": 12}
EPILOG = """exit status, of several files the worst one's:
  0   nothing is wrong with the file
  10  it certainly was written wrongly or is no mask   11  likely   12  possibly
  13  the file alone cannot tell, as where all of it is 0
  1   it cannot be read
"""


def add_mask_command(commands: Any) -> None:
    """Tell the parser of it.

    Args:
        commands: of argparse, which names no type for it.
    """
    mask = commands.add_parser(
        "mask",
        help="say what a mask's file holds, without a network",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    mask.add_argument("files", type=Path, nargs="+", metavar="mask", help="files, or folders")
    mask.add_argument("--picture", type=Path, help="the picture it belongs to: is the size right")
    mask.add_argument("--truth", type=Path, help="the ground truth: how well do they agree")
    mask.add_argument("--json", action="store_true", help="print JSON")
    mask.add_argument(
        "--colored", type=Path, help="write the ids in color as PNG; of several masks: a folder"
    )
    mask.set_defaults(run=_mask)


def _mask(options: argparse.Namespace) -> int:
    picture = _picture(options.picture) if options.picture else None
    truth = inspect_mask(read_bytes(options.truth), read=read_guarded) if options.truth else None
    paths = _paths(options.files)
    several = len(paths) > 1
    statuses, told = [], []
    for path in paths:
        looked = _looked(path)
        statuses.append(_status(looked))
        if options.json:
            told.append({**looked.to_dict(), **_beside_dict(looked.report, picture, truth)})
        else:
            print(for_terminal(_row(looked) if several else _text(looked, picture, truth)))
        if options.colored and looked.report is not None:
            _write(looked.report, path, options.colored, several)
    if options.json:
        print(json.dumps(told if several else told[0], indent=1))
    return max(statuses, key=_severity)


def _severity(status: int) -> int:
    """What cannot be read is worst; of the others the surest fault."""
    return (FINE, UNKNOWN, 12, 11, 10, FAILED).index(status)


def _paths(given: list[Path]) -> list[Path]:
    """Folders stand for the files in them."""
    found = [each for path in given for each in (_in_folder(path) if path.is_dir() else [path])]
    if not found:
        raise InspectionError("The folder holds no files.", remedy="Name the masks themselves.")
    if len(found) > MOST:
        raise InspectionError(
            f"These are {len(found)} files; at most {MOST} are looked at at once.",
            remedy="Name fewer, or a folder of fewer.",
        )
    return found


def _in_folder(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_file() and each.name[:1] != ".")


def _looked(path: Path) -> Looked:
    try:
        content = read_bytes(path)
    except InspectionError as error:
        return Looked(str(path), None, error)
    return look_at(path.name, content, read=read_guarded)


def _picture(path: Path) -> Image:
    return decode_image(read_bytes(path), read=read_guarded)


def _status(looked: Looked) -> int:
    if looked.report is None:
        return FAILED
    wrong = [f for f in looked.report.findings if f.kind.weight in ("fault", "other")]
    if wrong:
        return STATUS[wrong[0].certainty]
    return UNKNOWN if looked.report.first.kind.weight == "unknown" else FINE


def _write(report: MaskReport, path: Path, target: Path, several: bool) -> None:
    drawn = colored_png(report, Display())
    if drawn is None:
        if several:
            return
        raise InspectionError(
            f"No colored mask is written: {report.first.sentence}", remedy=report.first.kind.fix
        )
    if several:
        _make(target)
        target = target / f"{path.stem}_colored.png"
    write_bytes(target, drawn)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InspectionError(
            f"{folder} cannot be made: {error.strerror}.", remedy="Choose another folder."
        ) from error


# --- what is printed ------------------------------------------------------------------------------


def _row(looked: Looked) -> str:
    return f"{looked.name}: {looked.sentence}"


def _text(looked: Looked, picture: Image | None, truth: MaskReport | None) -> str:
    report = looked.report
    if report is None:
        error = looked.error
        return looked.sentence if error is None else f"{error.message}\n{error.remedy}"
    black = f"{100 * report.facts.black:.1f} % of the pixels look black to a person."
    facts = [report.facts.in_words + ".", black]
    if report.facts.shares:
        facts.append(f"Values: {report.facts.values_in_words}.")
    parts = [report.first.sentence, "\n".join(facts)]
    parts += _beside(report, picture, truth)
    parts += [_paragraph(finding) for finding in report.findings]
    return "\n\n".join(parts)


def _paragraph(finding: Finding) -> str:
    kind = finding.kind
    lines = [f"[{finding.kind_id}] {kind.title} ({finding.certainty})"]
    lines += [f"  - {words}" for words in finding.evidence]
    if finding.reading is not None:
        lines.append(f"  The ids: {finding.reading.words}")
    if kind.only_checkpoint:
        lines.append(f"  Only the checkpoint tells: {' '.join(kind.only_checkpoint.split())}")
    if kind.fix:
        lines.append(f"  What to do: {kind.fix}")
    lines += [f"    {line}" for line in kind.code.splitlines()]
    return "\n".join(lines)


def _beside(report: MaskReport, picture: Image | None, truth: MaskReport | None) -> list[str]:
    said = []
    if picture is not None:
        said.append(beside_picture(_size(report), _size_of(picture)))
    if truth is not None:
        found = beside_truth(report, truth)
        said.append(found.words if isinstance(found, Agreement) else found)
    return ["\n".join(said)] if said else []


def _beside_dict(
    report: MaskReport | None, picture: Image | None, truth: MaskReport | None
) -> dict[str, Any]:
    if report is None:
        return {}
    told: dict[str, Any] = {}
    if picture is not None:
        told["picture"] = beside_picture(_size(report), _size_of(picture))
    if truth is not None:
        found = beside_truth(report, truth)
        told["truth"] = found.to_dict() if isinstance(found, Agreement) else found
    return told


def _size(report: MaskReport) -> tuple[int, int]:
    return report.facts.width, report.facts.height


def _size_of(picture: Image) -> tuple[int, int]:
    height, width = picture.pixels.shape[:2]
    return width, height
