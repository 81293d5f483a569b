"""Every fault that a user may have, seeded into the files and settings of a healthy case."""

from __future__ import annotations

import numpy as np

from examples.fault import Fault
from examples.materials import (
    picture_file,
)
from examples.seeds import (
    all_nan,
    as_brightness,
    background_ignored,
    background_only,
    best_probability,
    by_maximum,
    diverged_beside_average,
    divide_twice,
    foreign_aux,
    fresh_head,
    interpolated,
    label_ids,
    mixed_up,
    never_learned,
    never_updated,
    noise,
    normalize_twice,
    not_enlarged,
    one_nan,
    other_world,
    overflowing,
    palette,
    permuted,
    preset,
    renamed,
    saved,
    setting,
    sixteen_bits,
    small_targets,
    swap,
    transparent,
    transposed,
    truth,
    turned,
    twice_activated,
    weights,
    without_one_color,
)
from examples.zoo.networks import Member


def _plain(member: Member) -> bool:
    """Fed without mean and std."""
    return member.family in ("unit", "bytes") and not any(member.convention["mean"])


def _usual(member: Member) -> bool:
    """Fed with mean and std of pixels from 0 to 1."""
    said = member.convention
    return said["scale"] == "255" and set(said["std"]) != {1.0} and not said["zscore"]


def _rare(member: Member) -> bool:
    """A z-score is not among them: its running statistics look like those of ImageNet's numbers."""
    return member.family == "divided again"


def _one(member: Member) -> bool:
    return member.classes == 1


def _many(member: Member) -> bool:
    return member.classes > 2


def _colors(member: Member) -> bool:
    return member.channels == 3


def _torchvision(member: Member) -> bool:
    return member.architecture in ("deeplab", "fcn", "lraspp")


def _file(member: Member) -> bool:
    """A plain state_dict, with BatchNorm."""
    return not member.exported


FAULTS: tuple[Fault, ...] = (
    Fault("pixels from 0 to 1 for normalized", ("P1",), preset("unit"),
          "The network expects mean and std, the script only divides by 255.", _usual),
    Fault("pixels from 0 to 255 for normalized", ("P1",), preset("bytes"),
          "The network expects normalized pixels, the script feeds the bytes.", _usual),
    Fault("divided by 255 twice", ("P2",), divide_twice,
          "The script divides by 255, and ToTensor does so again.",
          lambda m: not _rare(m)),
    Fault("mean and std twice", ("P2",), normalize_twice,
          "Normalized in the script and again in the transform.", _usual),
    Fault("16-bit scale for 8 bits", ("P2",), setting(scale="65535"),
          "A picture of 8 bits is divided by 65535.", _usual),
    Fault("ImageNet's numbers added", ("P3",), preset("imagenet"),
          "The training only divided by 255, the tool adds ImageNet's mean and std.",
          lambda m: m.family == "unit" and _plain(m)),
    Fault("-1 to 1 for 0 to 1", ("P3",), preset("symmetric"),
          "The training fed 0 to 1, the script -1 to 1.",
          lambda m: m.family == "unit" and _plain(m)),
    Fault("scale of 255 missing", ("P4",), setting(scale="1"),
          "A float array went through ToTensor, which does not scale it.", _usual),
    Fault("divided by its own maximum", ("P5",), by_maximum,
          "A dark picture is divided by its maximum instead of 255.", _usual),
    Fault("red and blue swapped", ("P6",), swap,
          "cv2.imread gives BGR, the network was trained on RGB, or the other way round.",
          _colors),
    Fault("a rare convention not followed", ("P7",), preset("unit"),
          "The network was trained on a second division by 255; the script does not divide again.",
          _rare),
    Fault("training mode", ("B2",), setting(mode="train"),
          "The script forgot model.eval().", _file),
    Fault("half precision overflows", ("N2",), overflowing,
          "An activation is over 65504, the largest number of float16.", _file),
    Fault("argmax over one channel", ("R1",), setting(rule="argmax"),
          "Argmax over one channel is always 0.", _one),
    Fault("softmax over one channel", ("R1",), setting(activation="softmax"),
          "Softmax over one channel is always 1.", _one),
    Fault("threshold on logits", ("R3",), setting(activation="none", threshold=0.9),
          "Logits are compared as if they were probabilities.", _one),
    Fault("threshold too high", ("R4",), setting(threshold=0.99999),
          "Nothing reaches the threshold.", _one),
    Fault("threshold too low", ("R4",), setting(threshold=1e-9),
          "Everything is over the threshold.", _one),
    Fault("sigmoid twice", ("R5",), saved(twice_activated),
          "The script applies a sigmoid to what went through one.", _one),
    Fault("argmax over rows", ("R6",),
          saved(lambda seen: picture_file(seen.logits.values.argmax(1).astype(np.uint8))),
          "The batch dimension is missing, so argmax(1) runs over the rows.", _many),
    Fault("the background's channel", ("R7",),
          saved(lambda seen: picture_file((1 - label_ids(seen)) * 255)),
          "The script shows the channel of the background.", _one),
    Fault("not enlarged", ("R8",), saved(not_enlarged),
          "The logits were never enlarged to the picture.", _torchvision),
    Fault("names of DataParallel", ("W1",), renamed,
          "load_state_dict(strict=False) loaded nothing; the script predicted with chance.",
          lambda m: m.architecture == "unet" and _many(m)),
    Fault("head never trained", ("W3",), weights(fresh_head),
          "The last layer was made anew after loading.", lambda m: _file(m) and _many(m)),
    Fault("weights are noise", ("W8",), weights(noise),
          "The training diverged, or the file was converted wrongly.", _file),
    Fault("diverged beside its average", ("W9",), diverged_beside_average,
          "The script loaded the raw weights of a training that diverged, not their average.",
          lambda m: _file(m) and _many(m)),
    Fault("names of other classes", ("W4",),
          setting(class_names=tuple(f"class {k}" for k in range(21))),
          "The list of names is that of another network.", _many),
    Fault("aux head of other classes", ("W5", "R8"), foreign_aux,
          "The aux head kept its 21 classes, and the script reads it.",
          lambda m: m.architecture in ("deeplab", "fcn")),
    Fault("a weight is NaN", ("W6",), weights(one_nan),
          "One tensor holds a number that is none.", _file),
    Fault("training ended in NaN", ("N1",), weights(all_nan),
          "The loss became NaN, and every weight after it.", _file),
    Fault("pictures of another world", ("W7",), other_world,
          "The weights are right, for pictures of another kind.",
          lambda m: _file(m) and _many(m)),
    Fault("statistics never updated", ("B1",), weights(never_updated),
          "BatchNorm's statistics are those that it is made with.", _file),
    Fault("statistics mixed up", ("B1",), weights(mixed_up),
          "BatchNorm's statistics come from batches of one.", _file),
    Fault("only background learned", ("T1",), weights(background_only),
          "The background leads everywhere, whatever is fed.", _file),
    Fault("background ignored in training", ("T5",), weights(background_ignored),
          "The loss ignored the id 0, so the network knows no background.",
          lambda m: _file(m) and _many(m)),
    Fault("truth mirrored", ("T6",), truth(lambda ids: ids[:, ::-1]),
          "An augmentation mirrored the picture and not its ground truth.", _many),
    Fault("targets divided by 255", ("T7",), weights(small_targets),
          "ToTensor() divided targets of 0 and 1 by 255.", lambda m: _file(m) and _one(m)),
    Fault("truth of 0 and 255", ("T2", "T1"), never_learned,
          "The ground truth says 255 where it means 1, and the training ignored it.", _one),
    Fault("truth spread over gray", ("T2",), truth(lambda ids: ids.astype(int) * 50),
          "The ids were multiplied so that one can see them.", _many),
    Fault("truth shifted by one", ("T3",), truth(lambda ids: ids.astype(int) + 1),
          "The ids begin at 1.", _many),
    Fault("truth with exchanged ids", ("T3",), truth(permuted),
          "The list of classes is in another order.", _many),
    Fault("truth interpolated", ("T4",), truth(interpolated),
          "The ground truth was resized with bilinear interpolation.", _many),
    Fault("much too small", ("S1",), setting(resize="fixed", height=48, width=48),
          "The picture is fed at a fraction of the training's size."),
    Fault("EXIF ignored", ("F1",), turned,
          "The script ignored the tag that says the picture is on its side.", _many),
    Fault("transparency dropped", ("F2",), transparent,
          "The script dropped the alpha channel and saw what lies beneath.", _many),
    Fault("gray for color", ("F3",), setting(color="gray"),
          "One channel is fed to a network of three.", _colors),
    Fault("color for gray", ("F3",), setting(color="rgb"),
          "Three channels are fed to a network of one.", lambda m: m.channels == 1),
    Fault("16 bits as 8", ("F4",), sixteen_bits,
          "Samples of 16 bits are divided by 255.", lambda m: m.convention["scale"] == "255"),
    Fault("ids as gray levels", ("D1",), saved(lambda seen: picture_file(label_ids(seen))),
          "Ids 0 to 5 are 0 to 5 of 255: black to the eye."),
    Fault("probabilities cast", ("D2",),
          saved(lambda seen: picture_file(best_probability(seen).astype(np.uint8))),
          "A cast to whole numbers makes 0 of every probability below 1."),
    Fault("ids times 255", ("D3",),
          saved(lambda seen: picture_file(label_ids(seen) * np.uint8(255))),
          "2 times 255 is 254 in 8 bits, 3 times 255 is 253.", _many),
    Fault("a class is black", ("D4",), saved(without_one_color),
          "One class has the color of the background.", _many),
    Fault("palette too short", ("D4",), setting(palette="custom", custom=("#000000", "#ff0000")),
          "The list of colors has two entries, the network six classes.", _many),
    Fault("palette as brightness", ("D5",), saved(as_brightness),
          "A colored mask was converted to gray.", _many),
    Fault("output of another program", ("D8", "W1", "F7"), saved(transposed),
          "The script writes a mask that this checkpoint does not give.", _many),
    Fault("mask as JPEG", ("D6",),
          saved(lambda seen: picture_file(palette()[seen.labels.ids], "JPEG", quality=75)),
          "JPEG invents values at every edge.", _many),
    Fault("ids in 16 bits", ("D7",),
          saved(lambda seen: picture_file(seen.labels.ids.astype(np.uint16))),
          "Ids in a file of 16 bits are shown as black.", _many),
)  # fmt: skip
