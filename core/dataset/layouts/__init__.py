"""How data sets lie on disks, the most specific first; each is found by the names of its files."""

from __future__ import annotations

from core.dataset.layouts import flat
from core.dataset.layouts.ade20k import ade20k
from core.dataset.layouts.camvid import camvid
from core.dataset.layouts.cityscapes import cityscapes
from core.dataset.layouts.coco_stuff import coco_stuff
from core.dataset.layouts.layout import Files, Laid, Layout
from core.dataset.layouts.nnunet import nnunet
from core.dataset.layouts.voc import voc
from core.dataset.pairing import alone

LAYOUTS: tuple[Layout, ...] = (
    cityscapes,
    voc,
    nnunet,
    coco_stuff,
    ade20k,
    camvid,
    flat.folders,
    flat.side_by_side,
    flat.unpaired,
)


def laid_out(files: Files) -> Laid:
    """The first layout that the names fit; else every picture alone."""
    found = (layout(files) for layout in LAYOUTS)
    return next((laid for laid in found if laid is not None), Laid(alone(files.names)))


__all__ = ["LAYOUTS", "Files", "Laid", "laid_out"]
