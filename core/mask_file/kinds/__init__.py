"""Every kind of file that the mask door names, as data; docs/masks.md is made of it."""

from core.mask_file.kinds import casts, channels, colors, files, ids
from core.mask_file.kinds.kind import Kind, Weight

SECTIONS: dict[str, tuple[Kind, ...]] = {  # by the headings of docs/masks.md
    "Ids as numbers": ids.KINDS,
    "Casts": casts.KINDS,
    "Channels and opacity": channels.KINDS,
    "Colors": colors.KINDS,
    "The file": files.KINDS,
}
KINDS: dict[str, Kind] = {kind.id: kind for part in SECTIONS.values() for kind in part}

__all__ = ["KINDS", "SECTIONS", "Kind", "Weight"]
