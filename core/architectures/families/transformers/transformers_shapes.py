"""Configs of transformers from keys and shapes alone, where no config.json is beside the weights.

The library writes other names into a file (`save_pretrained`) than its modules have in memory
(`torch.save(model.state_dict())`, since version 5). Each reader knows both.
"""

from __future__ import annotations

from core.architectures.families.transformers.reading import Reader
from core.architectures.families.transformers.shapes_backbones import backbone_of
from core.architectures.families.transformers.shapes_beit import beit
from core.architectures.families.transformers.shapes_mobilevit import mobilevit, mobilevitv2
from core.architectures.families.transformers.shapes_queries import (
    DECODER,
    PIXELS,
    mask2former,
    maskformer,
    oneformer,
)
from core.architectures.families.transformers.shapes_segformer import segformer
from core.architectures.families.transformers.shapes_upernet import upernet
from core.architectures.families.transformers.shapes_vit import dpt, eomt, eomt_dinov3
from core.architectures.network import Tensors
from core.architectures.shapes import has

SAMPLING = f"{PIXELS}decoder.encoder.layers.0.self_attn.sampling_offsets."
# Beginnings of keys that all have to be there -> who reads them; the more special first.
READERS: tuple[tuple[tuple[str, ...], Reader], ...] = (
    (("segformer.", "decode_head.classifier."), segformer),
    (("beit.embeddings.", "decode_head.psp_modules."), beit),
    (("data2vec_vision.embeddings.", "decode_head.psp_modules."), beit),
    (("dpt.embeddings.patch_embeddings.projection.", "head.head.4."), dpt),
    (("mobilevit.encoder.", "segmentation_head.aspp."), mobilevit),
    (("mobilevitv2.encoder.", "segmentation_head.aspp."), mobilevitv2),
    (("embeddings.patch_embeddings.projection.", "query.", "upscale_block.block."), eomt),
    (("embeddings.patch_embeddings.", "query.", "upscale_block.block."), eomt_dinov3),
)
ON_BACKBONES: tuple[tuple[str, tuple[str, ...], Reader], ...] = (  # where the backbone is known
    ("backbone.", ("decode_head.psp_modules.",), upernet),
    (f"{PIXELS}encoder.", (SAMPLING, f"{DECODER}query_transformer."), oneformer),
    (f"{PIXELS}encoder.", (SAMPLING, "class_predictor."), mask2former),
    (f"{PIXELS}encoder.", (f"{PIXELS}decoder.fpn.stem.", "class_predictor."), maskformer),
)


def whole(tensors: Tensors) -> Tensors:
    """The names with the "model." that all of OneFormer's have, and that is taken for a wrapper's.

    The library itself reads either.
    """
    if not has(tensors, "pixel_level_module."):
        return tensors
    return {f"model.{key}": tensor for key, tensor in tensors.items()}


def reader_of(tensors: Tensors) -> Reader | None:
    """Who reads the config from these keys; None where they are of no known network."""
    for starts, reader in READERS:
        if has(tensors, *starts):
            return reader
    for place, starts, reader in ON_BACKBONES:
        if has(tensors, *starts) and backbone_of(tensors, place) is not None:
            return reader
    return None
