"""Configs of Mask2Former, MaskFormer and OneFormer from keys and shapes."""

from __future__ import annotations

from collections.abc import Mapping

from core.architectures.families.transformers.reading import Config, Read, choose_heads
from core.architectures.families.transformers.shapes_backbones import backbone_of
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, outputs, size

PIXELS, QUERIES = "model.pixel_level_module.", "model.transformer_module."
DECODER = f"{QUERIES}decoder."
SAMPLED = 3 * 4  # places that a head of deformable attention looks at: levels times points
QUERY_WIDTH = 32  # channels of one attention head among queries, in all that were published


def mask2former(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """Nothing is left to choose: the deformable attention tells how many heads there are."""
    layers = f"{DECODER}layers."
    return _deformable(tensors) | {
        "model_type": "mask2former",
        "feature_size": outputs(tensors, f"{PIXELS}decoder.input_projections.0.0", 256),
        "mask_feature_size": outputs(tensors, f"{PIXELS}decoder.mask_projection", 256),
        "hidden_dim": size(tensors, f"{QUERIES}queries_embedder.weight", 1, 256),
        "num_labels": outputs(tensors, "class_predictor", 2) - 1,  # without "no object"
        "num_queries": size(tensors, f"{QUERIES}queries_embedder.weight", 0, 100),
        "decoder_layers": count(tensors, layers) + 1,  # the first prediction counts as one
        "dim_feedforward": outputs(tensors, f"{layers}0.fc1", 2048),
    }, ()


def oneformer(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """The text encoder, which only the training runs, is not built."""
    width = size(tensors, f"{QUERIES}queries_embedder.weight", 1, 256)
    return _deformable(tensors) | {
        "model_type": "oneformer",
        "conv_dim": outputs(tensors, f"{PIXELS}decoder.input_projections.0.0", 256),
        "mask_dim": outputs(tensors, f"{PIXELS}decoder.mask_projection", 256),
        "hidden_dim": width,
        "num_labels": outputs(tensors, f"{DECODER}class_embed", 2) - 1,
        # One query is the task itself.
        "num_queries": size(tensors, f"{QUERIES}queries_embedder.weight", 0, 150),
        "decoder_layers": count(tensors, f"{DECODER}layers.") + 1,
        "dim_feedforward": outputs(tensors, f"{DECODER}layers.0.ffn.linear1", 2048),
        "query_dec_layers": count(tensors, f"{DECODER}query_transformer.decoder.layers."),
        "task_seq_len": size(tensors, "model.task_encoder.task_mlp.layers.0.0.weight", 1, 77),
        "is_training": False,
    }, ()


def _deformable(tensors: Tensors) -> Config:
    """The backbone, and the pixel decoder of multi-scale deformable attention."""
    encoder = f"{PIXELS}decoder.encoder.layers."
    heads = outputs(tensors, f"{encoder}0.self_attn.attention_weights", 8 * SAMPLED) // SAMPLED
    return {
        "backbone_config": backbone_of(tensors, f"{PIXELS}encoder."),
        "encoder_layers": count(tensors, encoder),
        "encoder_feedforward_dim": outputs(tensors, f"{encoder}0.fc1", 1024),
        "num_attention_heads": max(1, heads),
    }


def maskformer(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """With the decoder of DETR, whose heads are a choice."""
    layers = f"{DECODER}layers."
    width = size(tensors, f"{QUERIES}queries_embedder.weight", 1, 256)
    heads = choose_heads(width, chosen, QUERY_WIDTH)
    saved = has(tensors, f"{layers}0.fc1.")
    inner = outputs(tensors, f"{layers}0.fc1" if saved else f"{layers}0.mlp.fc1", 2048)
    decoder = {
        "model_type": "detr",
        "d_model": width,
        "num_queries": size(tensors, f"{QUERIES}queries_embedder.weight", 0, 100),
        "decoder_layers": count(tensors, layers),
        "decoder_ffn_dim": inner,
        "decoder_attention_heads": int(heads.taken),
    }
    return {
        "model_type": "maskformer",
        "backbone_config": backbone_of(tensors, f"{PIXELS}encoder."),
        "decoder_config": decoder,
        "fpn_feature_size": outputs(tensors, f"{PIXELS}decoder.fpn.stem.0", 256),
        "mask_feature_size": outputs(tensors, f"{PIXELS}decoder.mask_projection", 256),
        "num_labels": outputs(tensors, "class_predictor", 2) - 1,
    }, (heads,)
