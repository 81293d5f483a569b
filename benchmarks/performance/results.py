"""benchmarks/results/performance.json and docs/performance.md, each part in its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.document import write_part
from benchmarks.performance.effort import Said

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT, RESULTS = ROOT / "docs" / "performance.md", ROOT / "benchmarks/results/performance.json"
KEYS = (
    "forward.mobilenet_v3.ratio", "forward.mobilenet_v3.of_best",
    "forward.resnet50.ratio", "forward.resnet50.of_best",
    "forward.unet.of_best", "forward.segformer.of_best", "argmax_agreement",
    "slider.mean_std.vs_gradio", "slider.mean_std.vs_plotly", "palette.vs_gradio",
    "visited_ms", "overhead_ms", "drag.forwards", "drag.exact_after_forwards",
    "eight_browsers.errors", "eight_browsers.wrong", "eight_browsers.memory_ratio",
    "growth_mb", "first_paint_s", "open_500mb.memory_ratio",
)  # fmt: skip
DIGITS = 4


def write(
    parts: Mapping[str, Said], order: tuple[str, ...],
    results: Path = RESULTS, document: Path = DOCUMENT,
) -> None:  # fmt: skip
    """Write what was measured; what was not stays as it was.

    Args:
        parts: by name.
        order: of all parts on the page.
        results: the JSON.
        document: the page.
    """
    before = json.loads(results.read_text()) if results.exists() else {}
    figures = flat(before) | {k: v for said in parts.values() for k, v in said.figures.items()}
    results.write_text(json.dumps(nested(figures), indent=1) + "\n")
    for name, said in parts.items():
        write_part(name, page_of(said), document, order)


def page_of(said: Said) -> str:
    """What stands in the document."""
    missing = "\n".join(f"- Passed over: {one}." for one in said.missing)
    return f"{said.text}\n\n{missing}".strip()


def nested(figures: Mapping[str, float]) -> dict[str, Any]:
    """The figures in the order of KEYS, a level for each dot; a figure that is none is null.

    >>> nested({"visited_ms": 12.0, "drag.forwards": 3, "not.asked.for": 1})
    {'visited_ms': 12.0, 'drag': {'forwards': 3}}
    """
    whole: dict[str, Any] = {}
    for key in (key for key in KEYS if key in figures):
        *levels, last = key.split(".")
        place = whole
        for level in levels:
            place = place.setdefault(level, {})
        value = figures[key]
        place[last] = None if math.isnan(value) else round(value, DIGITS)
    return whole


def flat(whole: Mapping[str, Any], above: str = "") -> dict[str, float]:
    """The way back.

    >>> flat({"visited_ms": 12.0, "drag": {"forwards": 3}})
    {'visited_ms': 12.0, 'drag.forwards': 3}
    """
    figures: dict[str, float] = {}
    for key, value in whole.items():
        if isinstance(value, Mapping):
            figures |= flat(value, f"{above}{key}.")
        else:
            figures[f"{above}{key}"] = math.nan if value is None else value
    return figures
