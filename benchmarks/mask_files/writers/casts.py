"""Files whose numbers lost something when their type was changed."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from PIL import Image

from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writers.parts import saved, tensor
from benchmarks.mask_files.writers.writer import writes
from benchmarks.mask_files.writing import cv, npy, npz, pil


def _certain_probabilities(sample: Sample) -> bytes:
    """A network that is nearly sure: some probabilities are 1 as a float32."""
    logits = sample.logits[1:].max(axis=0) * 6
    logits += np.random.default_rng(sample.seed).normal(0, 2, logits.shape)
    logits -= logits.max() - 18  # sigmoid(17) is 1 in float32
    with np.errstate(over="ignore"):
        return pil((1 / (1 + np.exp(-logits.astype(np.float32)))).astype(np.uint8))


def _soft(sample: Sample) -> bytes:
    logits = tensor(sample.logits[0] - sample.logits[1:].max(axis=0))
    return pil((torch.sigmoid(-logits) * 255).numpy().astype(np.uint8))


def _signed(logits: np.ndarray) -> np.ndarray:
    return logits.astype(np.int64).astype(np.uint8)


def _wrong_axis(sample: Sample) -> bytes:
    return pil(tensor(sample.logits)[None].argmax(dim=2)[0].numpy().astype(np.uint8))


def _other_wrong_axis(sample: Sample) -> bytes:
    return cv(sample.logits.transpose(1, 2, 0).argmax(axis=0).astype(np.uint8))


def _bytes_of(array: np.ndarray) -> bytes:
    height, width = array.shape
    return pil(Image.frombytes("L", (width, height), array.tobytes()[: height * width]))


def _dots(sample: Sample) -> bytes:
    picture = np.uint8(255) * (sample.labels > 0)
    soft = Image.fromarray(picture).resize((picture.shape[1] // 16, picture.shape[0] // 16))
    return pil(soft.resize(picture.shape[::-1], Image.Resampling.BILINEAR).convert("1"))


def _smooth(sample: Sample) -> np.ndarray:
    """At an eighth of the size and enlarged, as most networks end."""
    height, width = sample.truth.shape
    small = cv2.resize(sample.logits[0], (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


@writes("probabilities, astype(uint8)", "probabilities_cast")
def _(s: Sample) -> bytes:
    return _certain_probabilities(s)


@writes("softmax, astype(uint8)", "all_zero")
def _(s: Sample) -> bytes:
    return pil((s.probabilities[0] * 0.99).astype(np.uint8))


@writes("sigmoid x 255", "soft_mask")
def _(s: Sample) -> bytes:
    return _soft(s)


@writes("logits, astype(uint8)", "logits_cast")
def _(s: Sample) -> bytes:
    return pil(_signed(s.logits[0]))


@writes("three logits as RGB, astype(uint8)", "logits_cast")
def _(s: Sample) -> bytes:
    return pil(_signed(s.logits[:3] * 4).transpose(1, 2, 0))


@writes("logits, cv2.imwrite", "scores_rounded")
def _(s: Sample) -> bytes:
    return cv((_smooth(s) * 2).astype(np.float32))


@writes('int64 ids, frombytes("L")', "raw_bytes")
def _(s: Sample) -> bytes:
    return _bytes_of(s.truth.astype(np.int64) + 1)


@writes('float32 ids, frombytes("L")', "raw_bytes")
def _(s: Sample) -> bytes:
    return _bytes_of(s.truth.astype(np.float32))


@writes("argmax over the height", "argmax_wrong_axis")
def _(s: Sample) -> bytes:
    return _wrong_axis(s)


@writes("argmax over the height of h w c", "argmax_wrong_axis")
def _(s: Sample) -> bytes:
    return _other_wrong_axis(s)


@writes('probabilities, convert("1")', "dithered")
def _(s: Sample) -> bytes:
    return _dots(s)


@writes("ids in 16 bits, cv2", "deep_ids")
def _(s: Sample) -> bytes:
    return cv(s.labels.astype(np.uint16))


@writes("int32 ids, PIL", "deep_ids")
def _(s: Sample) -> bytes:
    return pil(s.labels.astype(np.int32), "TIFF")


@writes("float32 ids, PIL TIFF", "float_ids")
def _(s: Sample) -> bytes:
    return pil(s.labels.astype(np.float32), "TIFF")


@writes("probabilities, PIL TIFF", "float_probabilities")
def _(s: Sample) -> bytes:
    return pil(s.probabilities[1], "TIFF")


@writes("logits of one class, np.save", "float_scores")
def _(s: Sample) -> bytes:
    return npy(s.logits[1])


@writes("logits, np.save", "score_stack")
def _(s: Sample) -> bytes:
    return npy(s.logits[None])


@writes("softmax, np.savez", "score_stack")
def _(s: Sample) -> bytes:
    return npz(probs=s.probabilities.astype(np.float16))


@writes("a logit, save_image(normalize=True)", "smooth")
def _(s: Sample) -> bytes:
    return saved(tensor(_smooth(s))[None], normalize=True)
