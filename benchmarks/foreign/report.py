"""What the cases came to: benchmarks/results/foreign.json and a part of docs/benchmark.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Part
from benchmarks.diagnosis import HARMLESS, by_fault, share, table
from benchmarks.document import write_part
from benchmarks.foreign.answers import CERTAIN, Answer
from benchmarks.foreign.networks import SCORES, members
from benchmarks.rebuild import Outcome
from benchmarks.recovery import Recovery

RESULTS = Path(__file__).resolve().parent.parent / "results" / "foreign.json"
ORDER = "P6"


@dataclass(frozen=True)
class Asked:
    """All answers of one part."""

    part: Part
    rows: list[Answer]  # with a fault
    calm: list[Answer]  # right runs
    swapped: list[Answer]  # the channel order alone, from one picture without a ground truth
    known: list[Recovery]
    drawn: list[Outcome]  # programs that were asked for by what they wrote
    seconds: float

    @property
    def every(self) -> list[Answer]:
        """Answers of all kinds."""
        return [*self.rows, *self.calm, *self.swapped]


def write(asked: Asked) -> str:
    """Write figures and, of the held-out part, the page; returns what was written.

    The figures of the other part stay, under "tune" or at the top.
    """
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    figures = figures_of(asked)
    if asked.part == "tune":
        result = {**kept, "tune": figures}
    else:
        looks = kept.get("looked_at", 0) + 1
        result = {**figures, "looked_at": looks, "tune": kept.get("tune")}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    text = page(asked, result)
    if asked.part == "held-out":
        write_part("foreign", text)
    return text


def figures_of(asked: Asked) -> dict[str, Any]:
    """The figures by the names of the issue."""
    felt = [row for row in asked.rows if not row.harmless]
    found = [row for row in asked.swapped if not row.harmless]
    right_order = [row for row in (*asked.rows, *asked.calm) if (ORDER,) not in row.expected]
    shown = [row for row in asked.drawn if not row.flat]
    answered = [one for one in asked.known if one.answered]
    return {
        "networks": len(members(asked.part)),
        "opened": share(row.opened for row in asked.every),
        "built": share(row.built for row in asked.every),
        "top1": share(row.top1 for row in felt),
        "lowest_fault_top1": min(
            (share(row.top1 for row in each) or 0.0 for each in _each(felt)), default=0.0
        ),
        "wrong_confident": share(
            bool(row.said) and not row.top1 and row.certainty == CERTAIN for row in felt
        ),
        "false_alarms": sum(bool(row.said) for row in asked.calm),
        "dead_and_calm": sum(row.dead_and_calm for row in asked.every),
        "family_right": share(one.family_right for one in answered),
        "family_answered": share(one.answered for one in asked.known),
        "order_found": share(row.top1 for row in found),
        "order_false": sum(ORDER in row.said for row in right_order)
        + sum(one.order_right is False for one in asked.known),
        "rebuilt_exact": share(row.exact and not row.wrong for row in shown),
        "rebuilt_false": sum(row.wrong for row in asked.drawn),
        "cases": {
            "faults": len(felt),
            "harmless": len(asked.rows) - len(felt),
            "right_runs": len(asked.calm),
            "swapped": len(found),
            "conventions": len(asked.known),
            "programs": len(shown),
        },
    }


def _each(rows: Sequence[Answer]) -> Iterable[Sequence[Answer]]:
    return by_fault(rows).values()  # type: ignore[return-value]


def page(asked: Asked, result: dict[str, Any]) -> str:
    """The part of docs/benchmark.md."""
    mine = result if asked.part != "tune" else result["tune"]
    tune = result.get("tune") or {}
    listed = "\n".join(
        f"| {name} | {value} | {tune.get(name)} |"
        for name, value in mine.items()
        if not isinstance(value, dict) and name != "looked_at"
    )
    return f"""# On other people's networks

Written by `python -m benchmarks.foreign --part {asked.part}` in {asked.seconds / 60:.0f} minutes.
Networks of torchvision, SMP, transformers and timm are trained from random numbers for a minute or
two on three kinds of rendered scenes (`benchmarks/foreign/scenes.py`), saved in
{len(_ways(asked))} ways by chance, and given the faults of `examples/faults.py` that fit and of
`benchmarks/foreign/faults.py`. No photographs are among them: no package of the tool carries any.
"Harmless" faults change less than {HARMLESS:.0%} of the pixels and count in no share.
Looks at the held-out part: {result.get("looked_at", 0)}. Rebuilt programs
are drawn as by `benchmarks/rebuild.py`, where outputs of no program are asked too.

| figure | {asked.part} | tune |
|---|---|---|
{listed}

Cases: {", ".join(f"{n} {key.replace('_', ' ')}" for key, n in mine["cases"].items())}.
{_alarms(asked)}

## Networks

| network | library | scenes | convention | mIoU |
|---|---|---|---|---|
{_networks(asked)}

## Faults on them

{table(asked.rows)}

## By way of saving

| way | cases | opened | built | top-1 of faults | false alarms |
|---|---|---|---|---|---|
{_by_way(asked)}

## Channel order from one picture

| network | swapped | found |
|---|---|---|
{_orders(asked)}
"""


def _ways(asked: Asked) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for row in asked.every:
        found.setdefault(row.way, []).append(row)
    return found


def _alarms(asked: Asked) -> str:
    alarms = [f"{r.member} ({r.kind}): {' '.join(r.said)}" for r in asked.calm if r.said]
    return f"{len(alarms)} false alarms{': ' if alarms else ''}{'; '.join(alarms)}."


def _networks(asked: Asked) -> str:
    scores = json.loads(SCORES.read_text())
    return "\n".join(
        f"| {m.name} | {m.library} | {m.world} | {m.family}, {m.convention['color']} | "
        f"{scores[m.name]:.2f} |"
        for m in members(asked.part)
    )


def _by_way(asked: Asked) -> str:
    lines = []
    for way, rows in sorted(_ways(asked).items()):
        felt = [row for row in rows if row.fault and not row.harmless]
        calm = [row for row in rows if not row.fault]
        opened, built = sum(row.opened for row in rows), sum(row.built for row in rows)
        lines.append(
            f"| {way} | {len(rows)} | {opened} | {built} | "
            f"{sum(row.top1 for row in felt)} of {len(felt)} | {sum(bool(r.said) for r in calm)} |"
        )
    return "\n".join(lines)


def _orders(asked: Asked) -> str:
    names = dict.fromkeys(row.member for row in asked.swapped)
    each = {n: [r for r in asked.swapped if r.member == n and not r.harmless] for n in names}
    return "\n".join(
        f"| {name} | {len(rows)} | {sum(row.top1 for row in rows)} |" for name, rows in each.items()
    )
