"""How data sets lie on disks, the most specific first; each is found by the names of its files."""

from __future__ import annotations

from core.dataset.layouts import flat
from core.dataset.layouts.layout import Files, Laid, Layout
from core.dataset.pairing import alone

LAYOUTS: tuple[Layout, ...] = (
    flat.folders,
    flat.side_by_side,
)


def laid_out(files: Files) -> Laid:
    """The first layout that the names fit; else every picture alone."""
    found = (layout(files) for layout in LAYOUTS)
    return next((laid for laid in found if laid is not None), Laid(alone(files.names)))


__all__ = ["LAYOUTS", "Files", "Laid", "laid_out"]
