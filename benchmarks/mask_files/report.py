"""The part of docs/benchmark.md about the mask door."""

from __future__ import annotations

from typing import Any

START = """## Only a mask

`python -m benchmarks.mask_files --part held-out` writes files as people's code does, with PIL, cv2,
matplotlib, torchvision and NumPy, and gives the mask door their bytes alone
(`benchmarks/results/mask_files.json`). The tune part has other scenes, sizes, numbers of classes
and seeds than the held-out part, which was looked at {looks}; the writers are the same.

| figure | held-out | bar |
|---|---|---|
| kinds of files | {kinds} | 24 |
| named first, of {files} files | {share:.3f} | |
| kinds named in every file | {whole} of {kinds} | |
| certain, and not what it is | {certain_and_wrong} | 0 |
| healthy masks and photos | {healthy} | 30 |
| of these with a claim that something is wrong | {false_claims} | 0 |

| file | named | otherwise said |
|---|---|---|
"""


def document(figures: dict[str, Any]) -> str:
    """The figures of a held-out run, as Markdown."""
    faulty = [outcome for outcome in figures["outcomes"] if outcome["right"]]
    kinds = list(dict.fromkeys(outcome["kind"] for outcome in faulty))
    rows = [_row(kind, [o for o in faulty if o["kind"] == kind]) for kind in kinds]
    looks = figures["looks"]
    head = START.format(
        **figures | {"looks": {1: "once", 2: "twice"}.get(looks, f"{looks} times")},
        kinds=len(kinds),
        share=figures["named"] / figures["files"],
        whole=sum(_named(o for o in faulty if o["kind"] == kind)[2] for kind in kinds),
    )
    return head + "\n".join(rows)


def _named(outcomes: Any) -> tuple[int, int, bool]:
    right = [outcome["said"][0] in outcome["right"] for outcome in outcomes]
    return sum(right), len(right), all(right)


def _row(kind: str, outcomes: list[dict[str, Any]]) -> str:
    named, count, _ = _named(outcomes)
    others = {o["said"][0] for o in outcomes if o["said"][0] not in o["right"]}
    return f"| {kind} | {named} of {count} | {', '.join(sorted(others))} |"
