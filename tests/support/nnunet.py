"""A checkpoint as nnU-Net v2 saves it (nnUNetTrainer.save_checkpoint), of a tiny network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from torch import nn

UNET = "dynamic_network_architectures.architectures.unet."
SIZES = {
    "n_stages": 3,
    "features_per_stage": [4, 6, 8],
    "kernel_sizes": [[3, 3], [3, 3], [1, 3]],
    "strides": [[1, 1], [2, 2], [2, 1]],
}
REST = {"conv_bias": True, "norm_op_kwargs": {"eps": 1e-5, "affine": True}, "dropout_op": None,
        "dropout_op_kwargs": None, "nonlin_kwargs": {"inplace": True}}  # fmt: skip
NAMED = {
    "conv_op": "torch.nn.modules.conv.Conv2d",
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm2d",
    "nonlin": "torch.nn.LeakyReLU",
}
BLOCKS = {
    "PlainConvUNet": {"n_conv_per_stage": [2, 1, 2], "n_conv_per_stage_decoder": [1, 2]},
    "ResidualEncoderUNet": {"n_blocks_per_stage": [1, 2, 1], "n_conv_per_stage_decoder": [1, 1]},
}
MADE = {"conv_op": nn.Conv2d, "norm_op": nn.InstanceNorm2d, "nonlin": nn.LeakyReLU}


def network(kind: str = "PlainConvUNet", channels: int = 1, classes: int = 3) -> nn.Module:
    """The library's own network, with random numbers."""
    torch.manual_seed(0)
    cls = {"PlainConvUNet": PlainConvUNet, "ResidualEncoderUNet": ResidualEncoderUNet}[kind]
    made = cls(channels, num_classes=classes, **SIZES, **BLOCKS[kind], **REST, **MADE)
    with torch.no_grad():
        for parameter in made.parameters():  # norms that are not those of a fresh network
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return made.eval()


def plans(kind: str = "PlainConvUNet", scheme: str = "ZScoreNormalization") -> dict[str, Any]:
    """As plans.json, since 2.4."""
    architecture = {
        "network_class_name": UNET + kind,
        "arch_kwargs": {**SIZES, **BLOCKS[kind], **REST, **NAMED},
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }
    flat = {
        "patch_size": [64, 96],
        "normalization_schemes": [scheme],
        "use_mask_for_norm": [False],
        "spacing": [1.0, 1.0],
        "architecture": architecture,
    }
    deep = {**flat, "patch_size": [16, 64, 96], "spacing": [3.0, 1.0, 1.0]}
    intensities = {"0": {"mean": 50.0, "std": 25.0, "percentile_00_5": -900.0,
                         "percentile_99_5": 300.0, "min": -1000.0, "max": 3000.0}}  # fmt: skip
    return {
        "dataset_name": "Dataset004_Tiny",
        "plans_name": "nnUNetPlans",
        "configurations": {
            "2d": flat,
            "3d_fullres": deep,
            "2d_mine": {"inherits_from": "2d", "patch_size": [32, 32]},
        },
        "foreground_intensity_properties_per_channel": intensities,
    }


def old_plans() -> dict[str, Any]:
    """As plans.json before 2.4: sizes of a PlainConvUNet, without its class's arguments."""
    made = plans()
    flat = made["configurations"]["2d"]
    del flat["architecture"]
    flat |= {
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 6,
        "n_conv_per_stage_encoder": BLOCKS["PlainConvUNet"]["n_conv_per_stage"],
        "n_conv_per_stage_decoder": BLOCKS["PlainConvUNet"]["n_conv_per_stage_decoder"],
        "pool_op_kernel_sizes": SIZES["strides"],
        "conv_kernel_sizes": SIZES["kernel_sizes"],
    }
    return made


LABELS = {"background": 0, "liver": 1, "tumor": 2}


def saved(
    weights: Mapping[str, torch.Tensor],
    told: Mapping[str, Any],
    configuration: str = "2d",
    labels: Mapping[str, Any] = LABELS,
) -> dict[str, Any]:
    """What is in checkpoint_final.pth."""
    return {
        "network_weights": dict(weights),
        "optimizer_state": {"state": {}, "param_groups": [{"lr": 0.01, "params": [0]}]},
        "grad_scaler_state": {"scale": 65536.0, "growth_factor": 2.0},
        "logging": {"mean_fg_dice": [np.float64(0.5)], "train_losses": [np.float32(0.25)]},
        "_best_ema": np.float64(0.5),
        "current_epoch": 1000,
        "init_args": {
            "plans": dict(told),
            "configuration": configuration,
            "fold": 0,
            "dataset_json": {
                "channel_names": {"0": "CT"},
                "labels": dict(labels),
                "numTraining": 12,
                "file_ending": ".nii.gz",
            },
            "device": torch.device("cpu"),
        },
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1),
    }
