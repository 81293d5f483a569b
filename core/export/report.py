"""One HTML file that tells a whole case: it needs no server, no network, and nothing beside it.

Everything that comes from a user's file is escaped; the page's own policy lets only the scripts run
whose digests it names, and nothing leave.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from html import escape
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from core.checkpoint import Checkpoint
from core.checkpoint.pickled.policy import in_words
from core.colors import encode_png, palette_colors
from core.diagnosis import Case, Diagnosis, Finding, Rebuilt
from core.errors import ArchitectureError
from core.export.figures import histogram_figure, shares_figure
from core.export.stages import Stage, stage_pictures
from core.export.versions import versions
from core.inspection import Inspection
from core.settings import PARTS, Settings
from core.verdict import Verdict, judge

HERE = Path(__file__).parent
PLOTLY = "package_data/plotly.min.js"
ORDERS = {"rgb": "RGB", "bgr": "BGR", "gray": "Y"}
LEGEND = 24  # classes; more would hide the rest


def html_report(
    case: Case,
    inspection: Inspection,
    answered: Diagnosis,
    *,
    written: datetime,
    channel: int | None = None,
) -> str:
    """The report as one page.

    Args:
        case: the files.
        inspection: what the stages made of them under these settings.
        answered: the diagnosis; it may still be unfinished, which is stated.
        written: when, with its time zone.
        channel: whose logits are shown; None: the first foreground class.

    Raises:
        ArchitectureError: the checkpoint could not be opened.
    """
    checkpoint = case.checkpoint
    if checkpoint is None:
        raise ArchitectureError(
            "There is no checkpoint, so there is nothing to report.",
            remedy="Choose a checkpoint that opens.",
        )
    verdict = judge(
        inspection.labels,
        inspection.class_names,
        case.truth,
        inspection.settings.display.ignore_index,
    )
    stages = stage_pictures(inspection, channel)
    plotly, script = _plotly(), _own("report.js")
    height, width = inspection.image.pixels.shape[:2]
    return Template(_own("report.html")).substitute(
        policy=_policy(plotly, script),
        title=escape(f"{checkpoint.name}: Maskscope"),
        style=_own("report.css"),
        verdict=escape(answered.verdict),
        seen=escape(verdict.sentence),
        about=escape(_about(checkpoint.name, inspection, answered, written)),
        aspect=f"{width} / {height}",
        stages="".join(panel_html(stage, answered.bisect.stage) for stage in stages),
        legend=legend_html(inspection, verdict),
        begins=escape(answered.bisect.words),
        findings=unexplained_html(answered)
        + ("".join(map(finding_html, answered.findings)) or "<p>None.</p>")
        + _rebuilt(answered.rebuilt),
        failed="".join(f"<p>{escape(failed.words)}</p>" for failed in answered.failed),
        settings="".join(_part(inspection.settings, name) for name in PARTS),
        files=_files(checkpoint, inspection),
        figures=_figures(inspection, verdict),
        plotly=plotly,
        script=script,
    )


def unexplained_html(answered: Diagnosis) -> str:
    """What was tried and what would decide, where the mask is left without an explanation."""
    left = answered.unexplained
    return "" if left is None else f"<p>{escape(left.tried)}</p><p>{escape(left.decides)}</p>"


def _own(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _plotly() -> str:
    """The library's own file, found without importing the library."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise ArchitectureError(
            "The report draws with plotly, which is not installed here.",
            remedy="Install requirements.txt.",
        )
    return (Path(spec.submodule_search_locations[0]) / PLOTLY).read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    """Nothing may be fetched or sent; of scripts, only these run."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _about(name: str, inspection: Inspection, answered: Diagnosis, written: datetime) -> str:
    more = "" if answered.finished else " The diagnosis was not finished when this was written."
    when = written.strftime("%Y-%m-%d %H:%M %Z").strip()
    return f"{name}: {inspection.network.architecture}. Written by Maskscope, {when}.{more}"


# --- stages ---------------------------------------------------------------------------------------


def panel_html(stage: Stage, begins: str) -> str:
    """A picture as it is, in a frame that zooms."""
    data = base64.b64encode(encode_png(stage.pixels)).decode()
    marked = ' class="marked"' if stage.key == begins else ""
    return (
        f'<figure{marked}><figcaption>{escape(stage.title)}</figcaption><div class="panel">'
        f'<img alt="{escape(stage.title)}" src="data:image/png;base64,{data}"></div>'
        f'<p class="fact">{escape(stage.fact)}</p></figure>'
    )


def legend_html(inspection: Inspection, verdict: Verdict) -> str:
    """The classes that are present, with their colors."""
    colors = palette_colors(inspection.settings.display, inspection.labels.num_classes)
    present = np.flatnonzero(verdict.shares)
    entries = [
        f'<span><i style="background:#{bytes(colors[k]).hex()}"></i>'
        f"{escape(_class_name(inspection, int(k)))}: {verdict.shares[k]:.1%}</span>"
        for k in present[:LEGEND]
    ]
    return "".join(entries) + (f"and {len(present) - LEGEND} more" * (len(present) > LEGEND))


def _class_name(inspection: Inspection, k: int) -> str:
    name = inspection.class_names[k]
    return name if name == f"class {k}" else f"{k} {name}"


# --- findings -------------------------------------------------------------------------------------


def finding_html(finding: Finding) -> str:
    """A finding with its evidence and its fix; the text of files is escaped."""
    kind = "note" if finding.kind == "note" else finding.certainty
    evidence = "".join(f"<li>{escape(piece.words)}</li>" for piece in finding.evidence)
    parts = [
        f'<div class="finding"><h3>{escape(finding.name)}<span class="badge {kind}">{kind}</span>'
        f'<span class="cause">{escape(finding.cause)}</span></h3>',
        f"<ul>{evidence}</ul>" if evidence else "",
        _effect(finding),
        f"<p><b>What to do:</b> {escape(finding.fix)}</p>",
        f"<pre>{escape(finding.code)}</pre>" if finding.code else "",
        _changes(finding.changes),
        f'<p class="effect">What would decide: {escape(finding.separates)}</p>'
        if finding.separates
        else "",
        "</div>",
    ]
    return "".join(parts)


def _rebuilt(rebuilt: Rebuilt | None) -> str:
    """The user's script beside the right one, where their output was given."""
    if rebuilt is None:
        return ""
    kind = "certain" if rebuilt.exact else "possible"
    marked = f"<p>The first line that differs: <code>{escape(rebuilt.marked)}</code></p>"
    return (
        '<div class="finding"><h3>The script that wrote your picture'
        f'<span class="badge {kind}">{"exact" if rebuilt.exact else kind}</span></h3>'
        f"<p>{escape(rebuilt.words)}</p>{marked if rebuilt.marked else ''}"
        f"<pre>{escape(chr(10).join(rebuilt.diff if rebuilt.share else ()))}</pre></div>"
    )


def _effect(finding: Finding) -> str:
    if finding.effect is None:
        return ""
    line = f"Pixels whose class changes when this is fixed: {finding.effect:.1%}"
    return f'<p class="effect">{line}</p>'


def _changes(changes: Mapping[str, Any]) -> str:
    line = ", ".join(f"{name} = {_told(value)}" for name, value in changes.items())
    return f'<p class="effect">As settings: {escape(line)}</p>' if changes else ""


# --- tables ---------------------------------------------------------------------------------------


def _part(settings: Settings, name: str) -> str:
    part = getattr(settings, name)
    return _table(name, [(f.name, _told(getattr(part, f.name))) for f in fields(part)])


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_told, value)) or "none"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _table(caption: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows
    )
    return f"<table><caption>{escape(caption)}</caption>{cells}</table>"


def _files(checkpoint: Checkpoint, inspection: Inspection) -> str:
    network, facts = inspection.network, inspection.image.facts
    account = network.account
    tensor = inspection.input.tensor
    rows = [
        ("picture", f"{facts.format} {facts.mode}, {facts.width} x {facts.height}"),
        ("picture SHA-256", inspection.image.digest.partition("-")[0]),
        ("checkpoint", f"{checkpoint.name}, {checkpoint.container}, {checkpoint.num_bytes:,} B"),
        ("checkpoint SHA-256", checkpoint.digest),
        ("calls", in_words(checkpoint.calls)),
        ("network", f"{network.architecture}; {len(account.matched)} tensors matched"),
        *((choice.name, f"{choice.taken} ({choice.source})") for choice in network.choices),
        ("tensor", f"{tuple(tensor.shape)} {tensor.dtype}".replace("torch.", "")),
        ("notes", "; ".join((*facts.notes, *inspection.input.notes, *inspection.labels.notes))),
        *versions().items(),
    ]
    return _table("", [(name, value) for name, value in rows if value])


# --- figures --------------------------------------------------------------------------------------


def _figures(inspection: Inspection, verdict: Verdict) -> str:
    """JSON that may stand inside of a page."""
    from core.preprocess import channel_histograms

    order = ORDERS[inspection.settings.preprocessing.color]
    labels = inspection.labels
    colors = palette_colors(inspection.settings.display, labels.num_classes)
    figures = {
        "histogram": histogram_figure(channel_histograms(inspection.input), order),
        "shares": shares_figure(verdict.shares, verdict.iou, inspection.class_names, colors),
    }
    return json.dumps(figures).replace("<", "\\u003c")
