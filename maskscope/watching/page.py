"""The looks at a training as one page: the masks in a row, a curve, a table; nothing is fetched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from core.colors import encode_png
from core.image import Image
from maskscope.watching.look import Look

HERE = Path(__file__).parent
IOU_KEY = '<span><i style="background: var(--warm)"></i>mIoU</span>'
WIDTH, HEIGHT, MARGIN = 900, 160, 4  # of the curve, in its own units


def page_of(looks: Sequence[Look], image: Image, warned: str) -> str:
    """The page.

    Args:
        looks: in their order; at least one.
        image: the watched picture.
        warned: the warning, "" where there was none.
    """
    height, width = image.pixels.shape[:2]
    return Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        warned=f'<p class="warned">{escape(warned)}</p>' if warned else "",
        last=escape(looks[-1].line),
        aspect=f"{width} / {height}",
        picture=_picture("the picture", encode_png(image.pixels)),
        masks="".join(_picture(f"epoch {seen.epoch}", seen.mask) for seen in looks),
        key=IOU_KEY if any(seen.mean_iou is not None for seen in looks) else "",
        curve=_curve(looks),
        rows="".join(map(_row, looks)),
    )


def _picture(title: str, png: bytes) -> str:
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(title)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(title)}</figcaption></figure>"
    )


def _curve(looks: Sequence[Look]) -> str:
    """The background's share over the looks, and the mIoU where there is a ground truth."""
    lines = {"background": [seen.background for seen in looks]}
    if all(seen.mean_iou is not None for seen in looks):
        lines["iou"] = [seen.mean_iou or 0.0 for seen in looks]
    drawn = "".join(
        f'<polyline class="{name}" points="{_points(values)}"/>' for name, values in lines.items()
    )
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
    return f'<svg {box} role="img" aria-label="over the epochs">{drawn}</svg>'


def _points(values: Sequence[float]) -> str:
    """0 at the bottom and 1 on top; one value alone is a line."""
    values = values if len(values) > 1 else [*values, *values]
    step = (WIDTH - 2 * MARGIN) / (len(values) - 1)
    rows = [HEIGHT - MARGIN - value * (HEIGHT - 2 * MARGIN) for value in values]
    return " ".join(f"{MARGIN + k * step:.1f},{row:.1f}" for k, row in enumerate(rows))


def _row(seen: Look) -> str:
    iou = "" if seen.mean_iou is None else f"{seen.mean_iou:.3f}"
    cells = (
        str(seen.epoch), f"{seen.present} of {len(seen.shares)}", f"{seen.background:.1%}", iou,
        seen.broken or "all finite", seen.head,
    )  # fmt: skip
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
