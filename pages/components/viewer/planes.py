"""Arrays as bytes for the browser: what each panel needs, named by the digest of what it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, sqrt
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from core.labels import NO_CLASS
from core.orientation import TURNS
from core.settings import AFFINE, Preprocessing, digest
from core.timing import timed

if TYPE_CHECKING:  # torch loads with the first inspection, not with the page
    from core.diagnosis.normalization.first_layer import Gauge
    from core.inspection import Inspection

MAX_PIXELS = 2_000_000  # a larger plane is thinned to every n-th pixel: 2 Mpx paint in about 50 ms
THUMB = 48  # pixels, the longer side of the small map of one class
NOTHING: Mapping[str, object] = MappingProxyType({})
FINITE_LEVELS = 254  # heat maps: 0..254 from lowest to highest, 255 is "not finite"


@dataclass(frozen=True)
class Plane:
    """One message to the browser."""

    id: str
    content: bytes


def picture_plane(inspection: Inspection) -> Plane:
    """The picture as shown: rgb UInt8[h w 3]."""
    pixels = inspection.image.pixels
    step = thinning(pixels.shape[:2])
    arrays = {"rgb": pixels[::step, ::step]}
    return _pack(f"picture-{inspection.image.digest}", "picture", arrays, {"step": step})


def input_plane(inspection: Inspection) -> Plane:
    """What mean and std are applied to: base UInt8|UInt16[h w c], value = low + unit * sample.

    8-bit samples travel as they are; others in 65,536 steps over their range, which is exact for
    16-bit integers and keeps a resized 8-bit picture to 1/256 of a gray level.
    """
    tensor = inspection.input
    step = thinning(tensor.base.shape[:2])
    base = tensor.base[::step, ::step]
    samples, low, unit = _quantized(base)
    turn = TURNS[tensor.orientation]
    meta = {
        "low": low,
        "unit": unit,
        "step": step,
        "corner": list(tensor.corner),
        "content": list(tensor.content),
        "turn": [turn.transposed, turn.rows, turn.columns],
        "order": _order(inspection),
        "lows": base.min(axis=(0, 1)).tolist(),
        "highs": base.max(axis=(0, 1)).tolist(),
    }
    return _pack(input_id(inspection), "input", {"base": samples}, meta)


def input_id(inspection: Inspection) -> str:
    """Equal for settings that differ only in what the browser applies itself."""
    neutral = {name: getattr(Preprocessing(), name) for name in (*AFFINE, "dtype")}
    shape = replace(inspection.settings.preprocessing, **neutral)
    return f"input-{inspection.image.digest}-{digest(shape)}"


@timed("encode")
def result_plane(
    inspection: Inspection, channel: int, said: Mapping[str, object] = NOTHING
) -> Plane:
    """Labels, confidence, the logits of one class as a heat map, and all classes as small maps.

    Args:
        inspection: of which.
        channel: the class.
        said: facts that travel with it.
    """
    labels, logits = inspection.labels, inspection.logits.values
    step = thinning(labels.ids.shape)
    wide = labels.num_classes > FINITE_LEVELS
    none = 65535 if wide else 255
    winner = np.where(labels.winner == NO_CLASS, none, labels.winner)
    low, high = finite_range(labels.confidence)
    span = max(high - low, 1e-12)
    if low >= 0 and high <= 1:
        low, span = 0.0, 1.0
    confidence = np.nan_to_num((labels.confidence[::step, ::step] - low) / span * 65535)
    arrays = {
        "winner": winner[::step, ::step].astype(np.uint16 if wide else np.uint8),
        "confidence": np.clip(np.rint(confidence), 0, 65535).astype(np.uint16),
        "heat": _heat(logits[channel, ::step, ::step], *finite_range(logits[channel])),
        "thumbs": _thumbs(logits),
    }
    if np.isfinite(labels.cut) or labels.rule != "argmax":
        arrays["score"] = labels.score[::step, ::step].astype(np.float32)
    meta = {
        "none": none,
        "below": labels.below,
        "confidence_low": low,
        "confidence_span": span,
        "channel_names": channel_names(inspection),
        "logits_fact": logits_fact(logits[channel], inspection.network.scores.words),
        "answer": "exact",
        **said,
    }
    return _pack(result_id(inspection, channel), "result", arrays, meta)


def result_id(inspection: Inspection, channel: int) -> str:
    """Names what `result_plane` holds; the threshold is applied in the browser."""
    decoding = replace(inspection.settings.decoding, threshold=0.5)
    return f"result-{inspection.logits_key}-{digest(decoding)}-{channel}"


def logits_fact(plane: np.ndarray, words: str = "") -> str:
    """What the caption of the logits says of Float32[h w], and of what these numbers are."""
    low, high = finite_range(plane)
    fact = f"{low:.3g} .. {high:.3g}" if np.isfinite(plane).any() else "not finite"
    return f"{fact}; {words}" if words else fact


def gauge_plane(inspection: Inspection, gauge: Gauge | None) -> Plane:
    """The sums of a gauge, Float32; none of them where there is no gauge."""
    name = f"gauge-{inspection.network.checkpoint_digest}-{input_id(inspection)}"
    if gauge is None:
        return _pack(name, "gauge", {}, {})
    arrays = {key: value.astype(np.float32) for key, value in vars(gauge).items()}
    return _pack(name, "gauge", arrays, {})


def channel_names(inspection: Inspection) -> list[str]:
    """One name per channel of the logits."""
    if len(inspection.logits.values) == 1:
        return ["the only channel"]
    names = inspection.class_names
    return [name if name == f"class {k}" else f"{k} {name}" for k, name in enumerate(names)]


def finite_range(values: np.ndarray) -> tuple[float, float]:
    """Lowest and highest finite value; (0, 0) where there is none."""
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def thinning(shape: tuple[int, ...]) -> int:
    """Every how many pixels one is drawn, so that there are at most MAX_PIXELS."""
    return max(1, ceil(sqrt(shape[0] * shape[1] / MAX_PIXELS)))


def _order(inspection: Inspection) -> str:
    return {"rgb": "RGB", "bgr": "BGR", "gray": "Y"}[inspection.settings.preprocessing.color]


def _quantized(base: np.ndarray) -> tuple[np.ndarray, float, float]:
    low, high = finite_range(base)
    whole = bool(np.all(base == np.rint(base)))
    if whole and low >= 0 and high <= 255:
        return base.astype(np.uint8), 0.0, 1.0
    if whole and low >= 0 and high <= 65535:
        return base.astype(np.uint16), 0.0, 1.0
    if low >= 0 and high <= 255:
        low, unit = 0.0, 1 / 256
    else:
        unit = (high - low) / 65535 or 1.0
    return np.rint((base - low) / unit).clip(0, 65535).astype(np.uint16), low, unit


def _heat(values: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (values - low) * (FINITE_LEVELS / (high - low) if high > low else 0.0)
    finite = np.isfinite(values)
    return np.where(finite, np.rint(np.where(finite, scaled, 0)), 255).astype(np.uint8)


def _thumbs(logits: np.ndarray) -> np.ndarray:
    step = max(1, ceil(max(logits.shape[1:]) / THUMB))
    small = logits[:, ::step, ::step]
    return _heat(small, *finite_range(small))


def _pack(name: str, kind: str, arrays: dict[str, np.ndarray], meta: dict[str, object]) -> Plane:
    """`u32 header length | JSON header | bytes`, read by planes.js."""
    table, parts, offset = {}, [], 0
    for key, array in arrays.items():
        part = np.ascontiguousarray(array).tobytes()
        table[key] = [array.dtype.str[1:], list(array.shape), offset]
        parts.append(part)
        offset += len(part)
    header = json.dumps({"id": name, "kind": kind, "meta": meta, "arrays": table}).encode()
    return Plane(name, len(header).to_bytes(4, "little") + header + b"".join(parts))


@lru_cache(maxsize=1)
def colormap() -> str:
    """Viridis in 255 steps and magenta for "not finite", as 6 hexadecimal digits each."""
    from plotly.colors import get_colorscale, sample_colorscale

    stops = [k / FINITE_LEVELS for k in range(FINITE_LEVELS + 1)]
    colors = sample_colorscale(get_colorscale("Viridis"), stops, colortype="tuple")
    levels = [[round(255 * part) for part in color] for color in colors]
    return "".join(f"{r:02x}{g:02x}{b:02x}" for r, g, b in [*levels, [255, 0, 255]])
