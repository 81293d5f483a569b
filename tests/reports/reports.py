"""The reports. Every third one was written down before it was tried, and is not tuned on."""

from __future__ import annotations

import numpy as np
import torch

from core.presets import PRESETS
from examples.seeds import all_nan, fresh_head, never_updated, one_nan, weights
from tests.reports.report import Make, Report
from tests.reports.seeds import (
    both,
    by_weights,
    colors_of_truth,
    decoder_not_loaded,
    enlarged_linearly,
    fed,
    figure,
    flattened,
    flips_not_returned,
    lagging,
    letterboxed,
    noise,
    nothing_but,
    right_output,
    saved_as,
    scrambled,
    setting,
    shifted,
    truth_as,
    two_classes,
    written,
)

ANOTHER_MASK = ("D8",)  # "your script writes another mask", where no program explains it
FED_OTHERWISE = ("F7", *ANOTHER_MASK)
SIZED_OTHERWISE = ("S2", "R8", *ANOTHER_MASK)
NORMALIZATION = ("P1", "P2", "P3", "P4", "P7")


def unit() -> Make:
    said = {k: v for k, v in PRESETS["unit"].changes.items() if k != "color"}
    return setting(**said)


def imagenet() -> Make:
    said = {k: v for k, v in PRESETS["imagenet"].changes.items() if k != "color"}
    return setting(**said)


def lightning(state):
    return {
        "pytorch-lightning_version": "2.4.0",
        "state_dict": {
            "mean": torch.zeros(1, 3, 1, 1),
            "std": torch.ones(1, 3, 1, 1),
            **{f"model.{key}": value for key, value in state.items()},
            "loss_fn.pos_weight": torch.ones(6),
            "criterion.weight": torch.ones(6),
            "val_iou.confmat": torch.zeros(6, 6),
        },
        "hyper_parameters": {"arch": "unet", "in_channels": 3},
    }


def lightning_with_numbers(state):
    numbers = {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "num_classes": 6}
    held = {f"net.{key}": value for key, value in state.items()}
    return {"state_dict": held, "hyper_parameters": numbers}


def fresh(state):
    copied = {key: tensor.clone() for key, tensor in state.items()}
    scrambled(copied)
    never_updated(copied)
    return copied


REPORTS = (
    # --- the script writes another mask than the file and these settings give ---
    Report("output turned", "My masks come out on their side.",
           written(lambda mask: np.rot90(mask)), FED_OTHERWISE),
    Report("output mirrored", "Left and right are exchanged in the mask.",
           written(lambda mask: mask[:, ::-1]), FED_OTHERWISE),
    Report("axes transposed", "I fed img.transpose(2, 1, 0).",
           fed(lambda x: x.transpose(1, 0, 2)), FED_OTHERWISE),
    Report("reshaped for permuted", "I fed img.reshape(1, 3, h, w); the mask is noise.",
           fed(lambda x: x.reshape(3, 256, 256).transpose(1, 2, 0)), FED_OTHERWISE),
    Report("letterbox not cropped", "Objects sit too high and too flat in the mask.",
           letterboxed, SIZED_OTHERWISE),
    Report("flips not returned", "Test-time augmentation made my mask worse.",
           flips_not_returned, (*SIZED_OTHERWISE, *FED_OTHERWISE)),
    Report("other weights", "The same code on another machine gives nonsense.",
           by_weights(scrambled), (*ANOTHER_MASK, "W1", "D2")),  # it wrote a black file
    Report("decoder not loaded", "load_state_dict(strict=False) printed a list of keys.",
           by_weights(decoder_not_loaded), (*ANOTHER_MASK, "W1")),
    Report("palette in BGR", "Everything that was red is blue in the mask.",
           written(lambda mask: mask[..., ::-1]), ("D9",)),
    Report("ids enlarged linearly", "There are thin lines of another class around each object.",
           enlarged_linearly, ("R9", *SIZED_OTHERWISE)),
    Report("a saved figure", "This is what plt.savefig gave me.", figure, honest=True,
           right=ANOTHER_MASK, never=("P1", "P3", "W1")),
    Report("a black file", "My script writes a black picture, here everything is fine.",
           nothing_but(0), right=(*ANOTHER_MASK, "D1", "D2"), honest=True),
    Report("a white file", "All of it is white.", nothing_but(255), (*ANOTHER_MASK, "P1"),
           honest=True),
    Report("red and blue in my script", "cv2.imread, and no conversion.",
           fed(lambda x: x[..., ::-1]), ("P6", *ANOTHER_MASK), picture=1_011),
    Report("upside down", "TIFF of a microscope, read by another library.",
           fed(lambda x: x[::-1]), FED_OTHERWISE),
    # --- the ground truth ---
    Report("0 and 255 of two classes", "IoU of the foreground is 0 though the mask is right.",
           both(two_classes, truth_as(lambda ids: ids * np.uint8(255))),
           member="mask_imagenet", truth=True),
    Report("0 and 128 of two classes", "The annotation tool wrote 128.",
           both(two_classes, truth_as(lambda ids: ids * np.uint8(128))),
           member="mask_imagenet", truth=True),
    Report("truth mirrored", "mIoU 0.1, but the mask looks right.",
           truth_as(lambda ids: ids[:, ::-1]), ("T6",), truth=True),
    Report("truth on its side", "The labels were made on the phone.",
           truth_as(lambda ids: np.rot90(ids)), ("T6",), truth=True),
    Report("truth of another picture", "mIoU 0.05 on one picture only.",
           truth_as(lambda ids: np.roll(ids, (97, 61), (0, 1))), honest=True, right=("T6",),
           truth=True),
    Report("truth from 1", "Class 0 is never right.", truth_as(lambda ids: ids + np.uint8(1)),
           ("T3",), truth=True),
    # --- training targets ---
    Report("target divided by 255", "Nothing is over 0.5, the loss was low.",
           weights(flattened), ("T7", "R4"), never=("T1",),
           member="mask_imagenet", truth=True),
    Report("a class never trained", "Class 4 is never predicted.",
           weights(shifted((4, -25.0))), ("T5",), truth=True),
    Report("background ignored", "ignore_index=0; the objects grow over everything.",
           weights(shifted((0, -25.0))), ("T5",), truth=True),
    Report("only background", "Everything is class 0, whatever I feed.",
           weights(shifted((0, 25.0))), ("T1",), truth=True),
    # --- BatchNorm ---
    Report("statistics lag", "train() works, eval() does not; batches of 2.",
           weights(lagging(0.1)), ("B1",), truth=True, never=NORMALIZATION),
    Report("statistics lag, no truth", "The same without labels.",
           weights(lagging(0.05)), ("B1",), honest=True, never=NORMALIZATION),
    Report("statistics never updated", "I froze BatchNorm before the training.",
           weights(never_updated), ("B1",), never=NORMALIZATION),
    # --- several weights, weights that are none ---
    Report("raw beside average", "The paper's number is that of the EMA weights.",
           saved_as(lambda state: {"model": noise(state), "ema": state}), ("W9",)),
    Report("student beside teacher", "student and teacher are in one file.",
           saved_as(lambda state: {"student": fresh(state), "teacher": state}), ("W9",)),
    Report("state_dict_ema", "state_dict and state_dict_ema.",
           saved_as(lambda state: {"state_dict": noise(state), "state_dict_ema": state}), ("W9",)),
    Report("weights at random", "Converted from another framework.",
           weights(scrambled), ("W8", "W3"), honest=True, never=NORMALIZATION),
    Report("head made anew", "I changed num_classes after loading.",
           weights(fresh_head), ("W3",), never=("D4",)),
    Report("one NaN", "The mask is black since the last epoch.",
           weights(one_nan), ("W6", "N1"), never=("R5",), member="mask_imagenet"),
    Report("all NaN", "The loss was nan, the mask is black.",
           weights(all_nan), ("N1",), never=("R5", "D4")),
    # --- the file's own words, and the input ---
    Report("Lightning as documented", "pl.LightningModule with mean and std buffers.",
           saved_as(lightning)),
    Report("Lightning, fed as ImageNet", "The module normalizes itself.",
           both(saved_as(lightning), imagenet()), NORMALIZATION),
    Report("numbers in hyper_parameters", "The file says mean 0, std 1.",
           both(saved_as(lightning_with_numbers), imagenet()), NORMALIZATION),
    Report("z-score left out", "Each picture was standardized in the training.",
           unit(), (*NORMALIZATION, "P5"), member="unet_zscore", truth=True),
    Report("mean and std left out", "ToTensor only.", unit(), NORMALIZATION,
           member="deeplab_clip"),
    Report("channels swapped in the dark", "Night scenes; cv2.",
           setting(color="rgb"), ("P6",), member="unet_custom", truth=True),
    Report("threshold left at 0.999", "I tuned the threshold on the training set.",
           setting(threshold=0.99999), ("R4",), member="mask_imagenet", truth=True),
    # --- nothing is wrong ---
    Report("healthy, with its output", "It works, I want to see why.", right_output),
    Report("truth in VOC's colors", "Labels as RGB from the tool.", colors_of_truth("voc"),
           truth=True),
    Report("truth in Cityscapes' colors", "Labels as RGB.", colors_of_truth("cityscapes"),
           truth=True),
)  # fmt: skip
HELD_OUT = REPORTS[2::3]
