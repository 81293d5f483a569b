"""Networks of segmentation-models-pytorch: encoder, decoder and sizes read from keys and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from core.architectures.families.smp.smp_encoders import (
    encoder_names,
    in_channels,
    refuse_other_encoder,
)
from core.architectures.families.smp.smp_source import smp_source
from core.architectures.network import (
    Account,
    Choice,
    Network,
    Tensors,
    account_for,
    choose,
    fill,
)
from core.architectures.shapes import count, has, size
from core.architectures.skeleton import without_numbers
from core.checkpoint import Checkpoint

ENCODER = "encoder"  # the choice where several have the same tensors: padding differs
HEAD, DPT_HEAD = "segmentation_head.0.weight", "segmentation_head.head.4.weight"
DECODERS = {  # class -> the beginnings of keys that only it has, the more special first
    "UnetPlusPlus": "decoder.blocks.x_0_0.",
    "MAnet": "decoder.center.top_conv.",
    "Linknet": "decoder.blocks.0.block.0.",
    "Unet": "decoder.blocks.0.conv1.",
    "FPN": "decoder.p5.",
    "PAN": "decoder.fpa.",
    "DeepLabV3Plus": "decoder.aspp.0.",
    "DeepLabV3": "decoder.aspp.convs.",
    "UPerNet": "decoder.fpn_lateral_blocks.",
    "PSPNet": "decoder.psp.blocks.0.pool.",
    "Segformer": "decoder.mlp_stage.",
    "DPT": "decoder.reassemble_blocks.",
}
TITLES = {"DeepLabV3Plus": "DeepLabV3+", "UnetPlusPlus": "U-Net++", "Unet": "U-Net"}
BEFORE_0_4 = (  # DeepLabV3's decoder had numbers where it has names now
    ("decoder.0.", "decoder.aspp."),
    ("decoder.1.", "decoder.conv."),
    ("decoder.2.", "decoder.bn."),
)
STRIDES = {"DeepLabV3": ("8", "16"), "DeepLabV3Plus": ("16", "8"), "PAN": ("16", "32")}
RATES = ("12, 24, 36", "6, 12, 18")
INTERPOLATIONS = {
    "Unet": ("nearest", "bilinear"),
    "UnetPlusPlus": ("nearest", "bilinear"),
    "MAnet": ("nearest", "bilinear"),
    "FPN": ("nearest", "bilinear"),
    "PAN": ("bilinear", "nearest"),
}
DEPTHS = {"PSPNet": (3, 4, 5), "DPT": (4,)}  # of the encoder, the library's default first
OTHER_DEPTHS = (5, 4, 3)


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as that library does."""
    tensors = checkpoint.tensors
    return has(tensors, "encoder.", "decoder.", "segmentation_head.") and bool(_decoder(tensors))


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network by the library itself.

    Raises:
        ArchitectureError: tensors are missing or have another shape, or no encoder fits.
    """
    original, checkpoint = checkpoint, _renamed(checkpoint)
    tensors, decoder = checkpoint.tensors, _decoder(checkpoint.tensors)
    config = _config(checkpoint)
    alike = encoder_names(checkpoint, str(config.get("encoder_name", "")))
    which = choose(ENCODER, alike, chosen)
    encoder = which.taken
    options = {"in_channels": in_channels(tensors, encoder), **_sizes(decoder, tensors)}
    choices = _choices(decoder, checkpoint, config, chosen)
    options |= _chosen_options(choices)
    choices += (which,) if len(alike) > 1 else ()
    depth, module, account = _fitting(decoder, encoder, options, tensors)
    title = f"{TITLES.get(decoder, decoder)} of SMP, {encoder}"
    refuse_other_encoder(account, title, checkpoint)
    return Network(
        module=fill(module, tensors),
        architecture=title,
        num_classes=options["classes"],
        in_channels=options["in_channels"],
        aux_classes=None,
        account=account,
        checkpoint_digest=checkpoint.digest,
        choices=choices,
        notes=_notes(account),
        source=smp_source(
            decoder,
            encoder,
            options | {"encoder_depth": depth},
            BEFORE_0_4 if checkpoint is not original else (),
        ),
    )


def _decoder(tensors: Tensors) -> str:
    """The class, "" for none; DeepLabV3's first layout counts too."""
    if has(tensors, "decoder.0.convs."):
        return "DeepLabV3"
    return next((name for name, start in DECODERS.items() if has(tensors, start)), "")


def _renamed(checkpoint: Checkpoint) -> Checkpoint:
    """Give the keys of an old release their present names."""
    if not has(checkpoint.tensors, "decoder.0.convs."):
        return checkpoint

    def present(key: str) -> str:
        for old, new in BEFORE_0_4:
            if key.startswith(old):
                return new + key.removeprefix(old)
        return key

    tensors = {present(key): tensor for key, tensor in checkpoint.tensors.items()}
    return replace(checkpoint, tensors=tensors)


def _config(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """What `save_pretrained` wrote beside the weights."""
    config = checkpoint.metadata.get("config.json")
    return config if isinstance(config, Mapping) else {}


# --- sizes ----------------------------------------------------------------------------------------


def _sizes(decoder: str, tensors: Tensors) -> dict[str, Any]:
    """What the shapes tell, as arguments of the library's class."""
    head = DPT_HEAD if decoder == "DPT" else HEAD
    return {"classes": size(tensors, head, 0, 1)} | READERS[decoder](tensors)


def _unet(tensors: Tensors) -> dict[str, Any]:
    depth = count(tensors, "decoder.blocks.")
    channels = [size(tensors, f"decoder.blocks.{k}.conv2.0.weight", 0, 16) for k in range(depth)]
    attention = has(tensors, "decoder.blocks.0.attention1.")
    return _depth(channels) | {
        "decoder_use_norm": _norm(tensors, "decoder.blocks.0.conv1."),
        "decoder_attention_type": "scse" if attention else None,
    }


def _unet_plus_plus(tensors: Tensors) -> dict[str, Any]:
    """The blocks of the first row are as wide as the decoder is set to be."""
    rows = sum(bool(re.match(r"decoder\.blocks\.x_0_\d+\.conv2\.0\.weight", k)) for k in tensors)
    channels = [size(tensors, f"decoder.blocks.x_0_{k}.conv2.0.weight", 0, 16) for k in range(rows)]
    attention = has(tensors, "decoder.blocks.x_0_0.attention1.")
    return _depth(channels) | {
        "decoder_use_norm": _norm(tensors, "decoder.blocks.x_0_0.conv1."),
        "decoder_attention_type": "scse" if attention else None,
    }


def _manet(tensors: Tensors) -> dict[str, Any]:
    depth = count(tensors, "decoder.blocks.")
    channels = [size(tensors, f"decoder.blocks.{k}.conv2.0.weight", 0, 16) for k in range(depth)]
    return _depth(channels) | {
        "decoder_use_norm": _norm(tensors, "decoder.blocks.0.conv1."),
        "decoder_pab_channels": size(tensors, "decoder.center.top_conv.weight", 0, 64),
    }


def _linknet(tensors: Tensors) -> dict[str, Any]:
    return {
        "encoder_depth": count(tensors, "decoder.blocks."),
        "decoder_use_norm": _norm(tensors, "decoder.blocks.0.block.0."),
    }


def _fpn(tensors: Tensors) -> dict[str, Any]:
    channels = size(tensors, "decoder.seg_blocks.0.block.0.block.0.weight", 0, 128)
    joined = size(tensors, HEAD, 1, channels)
    return {
        "decoder_pyramid_channels": size(tensors, "decoder.p5.weight", 0, 256),
        "decoder_segmentation_channels": channels,
        "decoder_merge_policy": "add" if joined == channels else "cat",
    }


def _pan(tensors: Tensors) -> dict[str, Any]:
    return {"decoder_channels": size(tensors, HEAD, 1, 32)}


def _deeplab(tensors: Tensors) -> dict[str, Any]:
    separable = has(tensors, "decoder.aspp.convs.1.0.0.") or has(
        tensors, "decoder.aspp.0.convs.1.0.0."
    )
    return {
        "decoder_channels": size(tensors, HEAD, 1, 256),
        "decoder_aspp_separable": separable,
    }


def _upernet(tensors: Tensors) -> dict[str, Any]:
    return {
        "decoder_channels": size(tensors, HEAD, 1, 256),
        "decoder_use_norm": _norm(tensors, "decoder.psp.out_conv."),
    }


def _pspnet(tensors: Tensors) -> dict[str, Any]:
    return {
        "psp_out_channels": size(tensors, HEAD, 1, 512),
        "decoder_use_norm": _norm(tensors, "decoder.conv."),
    }


def _segformer(tensors: Tensors) -> dict[str, Any]:
    return {"decoder_segmentation_channels": size(tensors, HEAD, 1, 256)}


def _dpt(tensors: Tensors) -> dict[str, Any]:
    blocks = (f"decoder.reassemble_blocks.{k}.project_to_out_channel.weight" for k in range(4))
    projects = has(tensors, "decoder.projection_blocks.")
    return {
        "decoder_intermediate_channels": tuple(size(tensors, key, 0, 256) for key in blocks),
        "decoder_fusion_channels": size(tensors, DPT_HEAD, 1, 256),
        "decoder_readout": "cat" if projects else "ignore",
    }


READERS = {
    "DPT": _dpt,
    "UnetPlusPlus": _unet_plus_plus,
    "MAnet": _manet,
    "Linknet": _linknet,
    "Unet": _unet,
    "FPN": _fpn,
    "PAN": _pan,
    "DeepLabV3Plus": _deeplab,
    "DeepLabV3": _deeplab,
    "UPerNet": _upernet,
    "PSPNet": _pspnet,
    "Segformer": _segformer,
}


def _depth(channels: list[int]) -> dict[str, Any]:
    return {"encoder_depth": len(channels), "decoder_channels": tuple(channels)}


def _norm(tensors: Tensors, start: str) -> bool:
    """Whether BatchNorm follows; with the library's other kinds no network can be made or run."""
    return f"{start}1.running_mean" in tensors


# --- what keys cannot tell ------------------------------------------------------------------------


def _choices(
    decoder: str, checkpoint: Checkpoint, config: Mapping[str, Any], chosen: Mapping[str, str]
) -> tuple[Choice, ...]:
    found = []
    if decoder in STRIDES:
        stated = str(config.get("encoder_output_stride", ""))
        found.append(choose("output stride", STRIDES[decoder], chosen, stated))
    if decoder.startswith("DeepLab"):
        found.append(choose("atrous rates", RATES, chosen, _told_rates(checkpoint, config)))
    if decoder in INTERPOLATIONS:
        stated = str(config.get("decoder_interpolation", ""))
        found.append(choose("decoder interpolation", INTERPOLATIONS[decoder], chosen, stated))
    if decoder == "DPT" and not has(checkpoint.tensors, "decoder.projection_blocks."):
        stated = str(config.get("decoder_readout", ""))
        found.append(choose("readout", ("ignore", "add"), chosen, stated))
    return tuple(found)


def _told_rates(checkpoint: Checkpoint, config: Mapping[str, Any]) -> str:
    """From the configuration, else from the pickled convolutions."""
    rates = config.get("decoder_atrous_rates")
    if not isinstance(rates, list):
        stated = (
            value
            for key, value in checkpoint.attributes.items()
            if re.search(r"aspp\.(0\.)?convs\.[123]\.0(\.0)?\.dilation$", key)
        )
        rates = [value[0] for value in stated if isinstance(value, list | tuple) and value]
    return ", ".join(str(rate) for rate in rates)


def _chosen_options(choices: tuple[Choice, ...]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for choice in choices:
        if choice.name == "output stride":
            options["encoder_output_stride"] = int(choice.taken)
        elif choice.name == "atrous rates":
            options["decoder_atrous_rates"] = tuple(int(r) for r in choice.taken.split(", "))
        elif choice.name == "readout":
            options["decoder_readout"] = choice.taken
        else:
            options["decoder_interpolation"] = choice.taken
    return options


# --- the network ----------------------------------------------------------------------------------


def _fitting(
    decoder: str, encoder: str, options: dict[str, Any], tensors: Tensors
) -> tuple[int, nn.Module, Account]:
    """Of the depths that the decoder allows, the first that fits; else the first of all."""
    stated = options.get("encoder_depth")
    tried = []
    for depth in (stated,) if stated else DEPTHS.get(decoder, OTHER_DEPTHS):
        module = _make(decoder, encoder, options | {"encoder_depth": depth})
        account = account_for(module, tensors)
        if not account.fatal_missing + account.wrong_shape:
            return depth, module, account
        tried.append((depth, module, account))
    return tried[0]


def _make(decoder: str, encoder: str, options: dict[str, Any]) -> nn.Module:
    """By the library."""
    import segmentation_models_pytorch as smp

    with without_numbers():
        module: nn.Module = getattr(smp, decoder)(encoder, encoder_weights=None, **options)
    return module


def _notes(account: Account) -> tuple[str, ...]:
    if any(key.startswith("classification_head.") for key in account.unexpected):
        return ("The file also has a classification head, which is not run.",)
    return ()
