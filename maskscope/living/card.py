"""A diagnosis as a notebook draws it: verdict, five panels, findings; nothing is fetched for it.

Colors of text and ground are the notebook's own, so that it is right in light and in dark ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from core.diagnosis import Case, Diagnosis
from core.export.report import finding_html, legend_html, panel_html, unexplained_html
from core.export.stages import stage_pictures
from core.inspection import Inspection
from core.verdict import judge

STYLE = Path(__file__).with_name("card.css")


def card(answered: Diagnosis, seen: Inspection | None, case: Case, said: Sequence[str] = ()) -> str:
    """One <div> with its own style.

    Args:
        answered: the diagnosis.
        seen: what the stages made; None where the network stops.
        case: what it is about.
        said: sentences beside it: what preprocessing does, why the network stops.
    """
    parts = [
        f"<style>{STYLE.read_text(encoding='utf-8')}</style>",
        f'<p class="verdict">{escape(answered.verdict)}</p>',
        *(f"<p>{escape(sentence)}</p>" for sentence in said if sentence),
        _stages(answered, seen, case) if seen is not None else "",
        unexplained_html(answered),
        *map(finding_html, answered.findings),
        *(f"<p>{escape(failed.words)}</p>" for failed in answered.failed),
    ]
    return f'<div class="maskscope">{"".join(parts)}</div>'


def _stages(answered: Diagnosis, seen: Inspection, case: Case) -> str:
    ignored = seen.settings.display.ignore_index
    verdict = judge(seen.labels, seen.class_names, case.truth, ignored)
    height, width = seen.image.pixels.shape[:2]
    panels = "".join(panel_html(stage, answered.bisect.stage) for stage in stage_pictures(seen))
    begins = f'<p class="fact">{escape(answered.bisect.words)}</p>'
    return (
        f'<p class="seen">{escape(verdict.sentence)}</p>'
        f'<div class="panels" style="--aspect: {width} / {height}">{panels}</div>'
        f'<p class="legend">{legend_html(seen, verdict)}</p>{begins}'
    )
