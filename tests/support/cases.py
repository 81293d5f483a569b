"""Cases for the diagnosis: the built-in example, and what goes wrong with it."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image as PillowImage

import examples
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.diagnosis import Case
from core.engine import in_this_thread
from core.image import decode_image
from core.inspection import Inspection, run_stages
from core.presets import apply_preset
from core.scores import Truth, decode_truth
from core.settings import Settings, change

SCENE = examples.SCENES[0]
TRAINED = apply_preset(Settings(), examples.TRAINED_WITH)


@lru_cache(maxsize=1)
def example_checkpoint():
    path = examples.CHECKPOINT
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return read_checkpoint(path, name=path.name, digest=digest)


@lru_cache(maxsize=1)
def healthy() -> Case:
    """The example as it was trained, without a ground truth."""
    checkpoint = example_checkpoint()
    content = SCENE.read_bytes()
    return Case(
        decode_image(content),
        checkpoint,
        build_network(checkpoint),
        TRAINED,
        picture_file=content,
    )


def inspected(case: Case, settings: Settings) -> Inspection:
    return run_stages(case.image, case.network, settings, forward=in_this_thread)


def true_ids() -> np.ndarray:
    return decode_truth(examples.mask_of(SCENE).read_bytes(), None, (256, 256)).ids


def with_settings(**changes) -> Case:
    return replace(healthy(), settings=change(TRAINED, **changes))


def with_truth(ids, case: Case | None = None) -> Case:
    return replace(case or healthy(), truth=Truth(np.asarray(ids, np.int32), ()))


def with_tensors(tensors) -> Case:
    """The example with other weights; the checkpoint's digest tells them apart."""
    digest = hashlib.sha256(b"".join(t.numpy().tobytes() for t in tensors.values())).hexdigest()
    checkpoint = replace(example_checkpoint(), tensors=tensors, digest=digest)
    return replace(healthy(), checkpoint=checkpoint, network=build_network(checkpoint))


def written(pixels, format="PNG", **options) -> bytes:
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, format, **options)
    return file.getvalue()


def causes(diagnosis, kind="fault") -> list[str]:
    return [finding.cause for finding in diagnosis.findings if finding.kind == kind]
