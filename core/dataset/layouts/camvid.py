"""CamVid: pictures and labels in 32 colors, or SegNet's copy with 11 ids in `trainannot/`."""

from __future__ import annotations

import re

from core.dataset.entry import Color, Truths
from core.dataset.layouts.layout import Files, Laid
from core.dataset.pairing import pair
from core.dataset.rule import Rule

SEQUENCE = re.compile(r"(^|/)(0001TP|0006R0|0016E5|Seq05VD)_\w+\.")  # the names of its films
# label_colors.txt of the data set, in its order
TABLE = """
    Animal 408040, Archway c00080, Bicyclist 0080c0, Bridge 008040, Building 800000, Car 400080,
    CartLuggagePram 4000c0, Child c08040, Column_Pole c0c080, Fence 404080, LaneMkgsDriv 8000c0,
    LaneMkgsNonDriv c00040, Misc_Text 808040, MotorcycleScooter c000c0, OtherMoving 804040,
    ParkingBlock 40c080, Pedestrian 404000, Road 804080, RoadShoulder 8080c0, Sidewalk 0000c0,
    SignSymbol c08080, Sky 808080, SUVPickupTruck 4080c0, TrafficCone 000040, TrafficLight 004040,
    Train c04080, Tree 808000, Truck_Bus c080c0, Tunnel 400040, VegetationMisc c0c000, Void 000000,
    Wall 40c000
"""
VOID: Color = (0, 0, 0)
SEGNET = (
    *("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car"),
    *("Pedestrian", "Bicyclist"),
)
UNLABELLED = 11  # of SegNet's ids
COLORED = (
    Rule("{root}images/{key}.*", "{root}labels/{key}_L.*"),
    Rule("{any}701_StillsRaw_full/{key}.*", "{any}LabeledApproved_full/{key}_L.*"),
    Rule("{root}{split}/{key}.*", "{root}{split}_labels/{key}_L.*"),
    Rule("{root}{key}.*", "{root}{key}_L.*"),
)
INDEXED = Rule("{root}{split}/{key}.*", "{root}{split}annot/{key}.*")


def camvid(files: Files) -> Laid | None:
    """Colors become places in its list, black nothing; of SegNet's ids 11 is nothing."""
    if not any(map(SEQUENCE.search, files.names)):
        return None
    for rule in COLORED:
        found = pair(files.names, rule, "CamVid")
        if found.num_masks:
            return Laid(found, _in_color(), known=True)
    found = pair(files.names, INDEXED, "CamVid (SegNet)")
    ids = {**{value: value for value in range(UNLABELLED)}, UNLABELLED: 255, 255: 255}
    return Laid(found, Truths(SEGNET, ids=ids), known=True) if found.num_masks else None


def _in_color() -> Truths:
    rows = [row.split() for row in TABLE.split(",")]
    colors = tuple(_color(color) for _, color in rows)
    names = tuple(name for name, _ in rows)
    return Truths(names, colors, void_colors=(VOID,), in_color=True)


def _color(text: str) -> Color:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue
