"""Write the table of `core/architectures/families/smp/encoder_names.py`; takes some minutes."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping

from core.architectures.families.smp.encoder_names import TABLE, checksum
from core.architectures.families.smp.smp_encoders import shapes_of

# timm has 1,300 networks; these are what people put behind the library's "tu-", the usual first.
TIMM = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "efficientnet_b0", "efficientnet_b1"),
    *("efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "mobilenetv3_large_100"),
    *("mobilenetv3_small_100", "mobilenetv2_100", "convnext_tiny", "convnext_small"),
    *("convnext_base", "regnety_016", "regnety_032", "tf_efficientnetv2_s", "hrnet_w18"),
)
VITS = (
    *("vit_base_patch16_224", "vit_small_patch16_224", "vit_tiny_patch16_224"),
    *("vit_large_patch16_224", "vit_base_patch16_384", "vit_small_patch16_384"),
    *("vit_tiny_patch16_384", "vit_large_patch16_384"),
)
FAMILIES = (  # beginnings of names: those that the library itself had as "timm-", and their kin
    *("tf_mobilenetv3", "mobilenetv3_", "regnetx_", "regnety_0", "gernet_", "res2net", "res2next"),
    *("resnest14", "resnest26", "resnest50d", "resnest101", "mobilenetv2_", "mobilenetv4_conv"),
    *("efficientnet_b", "efficientnet_lite", "tf_efficientnet_b", "tf_efficientnetv2_"),
    *("resnet10t", "resnet14t", "resnet18", "resnet26", "resnet34", "resnet50", "resnet101"),
    *("resnext50", "seresnet18", "seresnet34", "seresnet50", "seresnext50", "wide_resnet50"),
    *("convnext_", "convnextv2_", "hrnet_w18", "hrnet_w32"),
)
LARGE = ("_xxlarge", "_huge", "_large", "_l", "_xl", "_b6", "_b7", "_b8", "_b9", "320", "640")


def main() -> None:
    """Build each encoder without numbers, and write what its tensors are."""
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    rows: dict[str, list[str | int]] = {}
    for number, name in enumerate(dict.fromkeys(_names())):
        try:
            shapes = shapes_of(name)
        except Exception as exc:  # some of timm have no feature maps
            print(f"{name}: {exc!r:.80}", file=sys.stderr)
            continue
        rows[name] = [next(iter(shapes)), len(shapes), checksum(shapes)]
        if number % 20 == 0:
            print(number, file=sys.stderr)
            _write(rows)
    _write(rows)


def _names() -> Iterator[str]:
    import timm
    from segmentation_models_pytorch.encoders import encoders

    yield from encoders
    yield from (f"tu-{name}" for name in (*TIMM, *VITS))
    for start in FAMILIES:
        fitting = (name for name in timm.list_models() if name.startswith(start))
        yield from (f"tu-{name}" for name in fitting if not name.endswith(LARGE))


def _write(rows: Mapping[str, list[str | int]]) -> None:
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    TABLE.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
