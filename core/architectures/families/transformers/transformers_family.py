"""Networks of Hugging Face transformers, built and filled by that library from its own config.

The config beside the weights tells the class and all sizes. Without one, some are recognized by
their keys and shapes alone (`transformers_shapes.py`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any

import torch
from torch import nn

from core.architectures.class_scores import LOGITS
from core.architectures.families.transformers.transformers_queries import (
    QUERY_KINDS,
    TASK_NOTE,
    answering,
    in_script,
)
from core.architectures.families.transformers.transformers_shapes import reader_of, whole
from core.architectures.families.transformers.transformers_source import transformers_source
from core.architectures.network import Account, Choice, Network, Tensors, refuse_unfit
from core.architectures.sizes import Sizes, only
from core.checkpoint import Checkpoint
from core.checkpoint.known import normalizations_in
from core.checkpoint.preprocessor import stated_in
from core.errors import ArchitectureError

CONFIG = "config.json"
SEMANTIC = "AutoModelForSemanticSegmentation"
KINDS = {  # model_type of the config -> its title; each has a class with one score per pixel
    "segformer": "SegFormer",
    "upernet": "UPerNet",
    "mobilevit": "MobileViT DeepLabV3",
    "mobilevitv2": "MobileViTV2 DeepLabV3",
    "mobilenet_v2": "MobileNetV2 DeepLabV3+",
    "dpt": "DPT",
    "beit": "BEiT",
    "data2vec-vision": "Data2Vec",
    "mask2former": "Mask2Former",
    "maskformer": "MaskFormer",
    "oneformer": "OneFormer",
    "eomt": "EoMT",
    "eomt_dinov3": "EoMT on DINOv3",
    "sapiens2": "Sapiens 2",
}
TRAINING = "criterion."  # buffers of the loss, which the library has by itself
MOST = 1_000_000  # of any number in a config: no size of a network is larger
# While it builds, the library has torch's init functions and its own tie_weights replaced for the
# whole process; of two that build at once the later one would leave the replacements behind.
_FILLING = Lock()
LAYERS = re.compile(r"layers$|^depths$|^num_.*blocks$")  # numbers of parts that are made


def matches(checkpoint: Checkpoint) -> bool:
    """Whether there is a config of that library, or keys of which one can be read."""
    return _kind(checkpoint) in KINDS or reader_of(whole(checkpoint.tensors)) is not None


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Have the library build the class that the config names, and fill it.

    Raises:
        ArchitectureError: the library is not installed, the config cannot be used, or tensors are
            missing or have another shape.
    """
    config, choices = _config(checkpoint, chosen)
    kind = str(config["model_type"])
    title = f"{KINDS[kind]} of transformers"
    model, account = _filled(config, checkpoint.tensors, title)
    refuse_unfit(account, title)
    convs = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    module = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    source, scores = transformers_source(model), LOGITS
    if kind in QUERY_KINDS:
        source = in_script(source, model)
        module, scores = answering(model)
    return Network(
        module=module,
        architecture=title,
        num_classes=int(model.config.num_labels),
        in_channels=convs[0].in_channels if convs else 3,
        aux_classes=None,
        account=account,
        checkpoint_digest=checkpoint.digest,
        choices=choices,
        notes=tuple(_notes(checkpoint, kind)),
        source=source,
        sizes=_sizes(model.config),
        scores=scores,
    )


def _kind(checkpoint: Checkpoint) -> str:
    config = checkpoint.metadata.get(CONFIG)
    return str(config.get("model_type", "")) if isinstance(config, Mapping) else ""


def _config(
    checkpoint: Checkpoint, chosen: Mapping[str, str]
) -> tuple[Mapping[str, Any], tuple[Choice, ...]]:
    """The config in the file, else what the keys tell."""
    tensors = whole(checkpoint.tensors)
    read = reader_of(tensors)
    if _kind(checkpoint) in KINDS or read is None:
        return checkpoint.metadata[CONFIG], ()
    return read(tensors, chosen)


# --- the library ----------------------------------------------------------------------------------


def _filled(config: Mapping[str, Any], tensors: Tensors, title: str) -> tuple[Any, Account]:
    """The library's model with the weights, and where each of them went."""
    if find_spec("transformers") is None:
        raise ArchitectureError(
            f"This is a {title}, and the library transformers is not installed here.",
            remedy="Install requirements-more.txt, or upload the network as .pt2.",
        )
    _refuse_too_large(config, len(tensors))
    os.environ["HF_HUB_OFFLINE"] = "1"  # a config may name a backbone to be fetched
    library: Any = import_module("transformers")  # untyped
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    try:
        known = {k: v for k, v in config.items() if k not in ("auto_map", "quantization_config")}
        made = library.AutoConfig.for_model(**known)
        parts: list[Any] = [made, getattr(made, "backbone_config", None)]
        for part in parts:
            if hasattr(part, "use_pretrained_backbone"):
                part.use_pretrained_backbone = False
        universal = config["model_type"] in QUERY_KINDS
        auto = "AutoModelForUniversalSegmentation" if universal else SEMANTIC
        kind = getattr(library, auto)._model_mapping[type(made)]
        with _FILLING:
            module, report = kind.from_pretrained(
                None,
                config=made,
                state_dict=dict(tensors),
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
    except Exception as exc:  # whatever the library does not like about a foreign config
        detail = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
        raise ArchitectureError(
            f"transformers cannot build the {KINDS[config['model_type']]} that the config "
            f"describes: {detail}",
            remedy="Save the network again with save_pretrained, or upload it as .pt2.",
        ) from exc
    return module, _account(tensors, report)


def _refuse_too_large(config: Mapping[str, Any], tensors: int) -> None:
    """A config of a few bytes can ask for any number of layers of any size.

    Raises:
        ArchitectureError: it asks for more than the weights can be of.
    """
    for name, value in _numbers(config):
        if value > MOST or (LAYERS.search(name) and value > tensors):
            raise ArchitectureError(
                f"The config asks for {name} = {value}, more than {tensors} tensors can be of.",
                remedy="Upload the config.json that belongs to these weights.",
            )


def _numbers(value: Any, name: str = "", depth: int = 0) -> list[tuple[str, float]]:
    if isinstance(value, Mapping) and depth < 6:
        return [pair for key, part in value.items() for pair in _numbers(part, str(key), depth + 1)]
    if isinstance(value, list) and depth < 6:
        return [pair for part in value for pair in _numbers(part, name, depth + 1)]
    return [(name, value)] if isinstance(value, int | float) else []


def _account(tensors: Tensors, report: Mapping[str, Any]) -> Account:
    """What the library says about every tensor, in the words of the file."""
    wrong = {entry[0]: entry[1:] for entry in report["mismatched_keys"]}
    unexpected = tuple(key for key in tensors if key in report["unexpected_keys"])
    return Account(
        matched=tuple(key for key in tensors if key not in unexpected and key not in wrong),
        missing=tuple(sorted(k for k in report["missing_keys"] if not k.startswith(TRAINING))),
        unexpected=unexpected,
        wrong_shape=tuple(
            f"{key}: file {tuple(found)}, network {tuple(wanted)}"
            for key, (found, wanted) in wrong.items()
        ),
    )


def _sizes(config: Any) -> Sizes | None:
    """EoMT puts its answer together again in the size that it was built for, and no other."""
    if config.model_type not in ("eomt", "eomt_dinov3"):
        return None
    side = config.image_size
    height, width = side if isinstance(side, list | tuple) else (side, side)
    return only(height, width)


def _notes(checkpoint: Checkpoint, kind: str) -> Iterator[str]:
    """What the preprocessor's config says about the pictures of training, and a fixed task."""
    for stated in normalizations_in(checkpoint.metadata):
        yield f"{stated.where} says mean {stated.mean} and std {stated.std}"
    yield from stated_in(checkpoint.metadata).notes
    if kind == "oneformer":
        yield TASK_NOTE
