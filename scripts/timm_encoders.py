"""Write which encoders of timm have which tensors: `python -m scripts.timm_encoders`.

To build one takes a tenth of a second, and timm has more than a thousand; so names and shapes of
those that segmentation-models-pytorch can use are written down as digests. Takes some minutes.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections import defaultdict
from collections.abc import Mapping

from core.architectures.families.smp.smp_encoders import TABLE, shapes_of, signature

# Beginnings of the names of families with feature maps at the strides that a decoder needs.
FAMILIES = (
    *("tf_mobilenetv3", "mobilenetv3_", "regnetx_", "regnety_0", "gernet_", "res2net", "res2next"),
    *("resnest14", "resnest26", "resnest50d", "resnest101", "mobilenetv2_", "mobilenetv4_conv"),
    *("efficientnet_b", "efficientnet_lite", "tf_efficientnet_b", "tf_efficientnetv2_"),
    *("resnet10t", "resnet14t", "resnet18", "resnet26", "resnet34", "resnet50", "resnet101"),
    *("resnext50", "seresnet18", "seresnet34", "seresnet50", "seresnext50", "wide_resnet50"),
    *("convnext_", "convnextv2_", "hrnet_w18", "hrnet_w32"),
)
LARGE = (
    "_xxlarge",
    "_huge",
    "_large",
    "_l",
    "_xl",
    "_b6",
    "_b7",
    "_b8",
    "_b9",
    "320",
    "640",
)  # nobody trains a decoder on these


def main() -> None:
    """Build each on the meta device, and write what it is made of."""
    import timm

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    names = [
        name
        for start in FAMILIES
        for name in timm.list_models()
        if name.startswith(start) and not name.endswith(LARGE)
    ]
    found: dict[str, list[str]] = defaultdict(list)
    for number, name in enumerate(names):
        try:
            found[signature(shapes_of(f"tu-{name}"))].append(f"tu-{name}")
        except Exception as exc:  # some have no feature maps, or not five
            print(f"{name}: {exc!r:.80}", file=sys.stderr)
        if number % 20 == 0:
            print(f"{number} of {len(names)}", file=sys.stderr)
            write(found)
    write(found)


def write(found: Mapping[str, list[str]]) -> None:
    """One line a digest, so that a difference can be read."""
    TABLE.write_text(json.dumps(dict(sorted(found.items())), indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
