"""Files that are no label map: casts of scores, soft masks, figures, photos."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.mask_file.finding import Finding, Reading, percent
from core.mask_file.plateaus import flat_share
from core.mask_file.stored import Stored

ENDS = 12  # of 255: nearly 0, and nearly 255
DECIDED = 0.6  # share of the pixels at the two ends, of a probability
BOTH = 0.01  # share at least at each of them
TAILS = 0.25  # share at least of what is between that is near an end; a resize has 0.1 to 0.2
BEND = 12.0  # of 255: mean second difference there at most; JPEG has 40
SOFT_VALUES = 24  # values at least, of a probability
FAR, CLOSE = 128, 24  # steps between neighbors, and the same modulo 256
WHOLE, GRADED = 255, 0.1  # the largest step; share at least of the far ones that are no such
WRAPS = 0.6  # share of the far steps that are close modulo 256
EACH_SIDE = 4  # values at least near 0 and near 255, of wrapped logits
MIDDLE = 0.12  # share at most of the pixels from 96 to 160, of them
FLAT = 0.6  # share at most of the two commonest values: JPEG of black and white has more
PHOTO_VALUES = 64  # values at least
ROUGH = 0.8  # mean second difference of neighbors, of 255: photos have more
TEXTURED = 0.1  # share at most of the pixels with flat surroundings, of what is surely a photo
PAPER = 240  # margins of a figure are at least so bright
MARGIN = 0.02  # of a side, at least
GRAY = 6  # of 255: how far the channels of a gray may be apart
DARK_LINE = 100  # brightness at most of the frame around axes
FRAME = 0.5  # share of a row or column that the frame covers


def wrapped_scores(stored: Stored) -> Iterator[Finding]:
    """Dark and bright patches that meet without a middle: signed numbers in 8 bits."""
    if not stored.is_bytes or stored.raster.palette is not None or stored.bands.shape[2] > 3:
        return
    if stored.raster.format == "JPEG":
        return
    values = stored.bands.astype(np.int64)
    counts = np.bincount(values.ravel(), minlength=256)
    share = counts / counts.sum()
    low, high = int((share[1:64] > 0).sum()), int((share[192:255] > 0).sum())
    steps = np.concatenate([np.abs(np.diff(values, axis=k)).ravel() for k in (0, 1)])
    far = steps[steps > FAR]
    graded = far[far < WHOLE]  # colors of 0 and 255 jump too, by all of it
    if graded.size < GRADED * far.size:
        return
    wraps = float((256 - graded <= CLOSE).mean()) if graded.size else 0.0
    usual = share[96:160].sum() <= MIDDLE and np.sort(share)[-2:].sum() <= FLAT
    if min(low, high) < EACH_SIDE or not usual or wraps < WRAPS:
        return
    yield Finding(
        "logits_cast",
        "certain" if wraps > 0.95 else "likely",
        "The file holds signed numbers, such as logits, cast to 8 bits: the negative ones became "
        "bright.",
        (
            f"{percent(wraps)} of the jumps of over {FAR} between neighbors are under {CLOSE} "
            "modulo 256.",
            f"{low} values from 1 to 63 and {high} from 192 to 254 occur; "
            f"{percent(float(share[96:160].sum()))} of the numbers lie from 96 to 159.",
        ),
        _signed(values),
    )


def _signed(values: np.ndarray) -> Reading | None:
    """Over 0 as a signed byte: what a threshold on the logit would have given."""
    if values.shape[2] != 1:
        return None
    ids = ((values[..., 0] > 0) & (values[..., 0] < 128)).astype(np.int32)
    return Reading(ids, "1 where the value, as a signed byte, is over 0", {})


def soft_mask(stored: Stored) -> Iterator[Finding]:
    """Black and white with smooth ramps between, which end slowly as a sigmoid does."""
    levels = stored.levels
    if levels is None or not stored.is_bytes or len(levels.values) < SOFT_VALUES:
        return
    gray = levels.map
    low, high = float((gray <= ENDS).mean()), float((gray >= 255 - ENDS).mean())
    middle = float(((gray >= 64) & (gray < 192)).mean())
    if stored.raster.format == "JPEG" or min(low, high) < BOTH or middle > MIDDLE:
        return
    tails, bend = _tails(gray)
    if low + high < DECIDED or tails < TAILS or bend > BEND:
        return
    yield Finding(
        "soft_mask",
        "likely",
        "The file holds probabilities as grays: a threshold is still missing.",
        (
            f"{percent(low)} of the pixels are nearly 0, {percent(high)} nearly 255, and "
            f"{len(levels.values)} values occur.",
            f"{percent(tails)} of those between 0 and 255 are near one of them, and end smoothly.",
        ),
        Reading((gray > 127).astype(np.int32), "1 where the value is over 127", {}),
    )


def _tails(gray: np.ndarray) -> tuple[float, float]:
    """Of the pixels between 0 and 255: the share near an end, and how bent the rows are there."""
    tail = ((gray > 0) & (gray <= ENDS)) | ((gray >= 255 - ENDS) & (gray < 255))
    between = (gray > 0) & (gray < 255)
    bends = np.abs(2 * gray[:, 1:-1] - gray[:, :-2] - gray[:, 2:])[tail[:, 1:-1]]
    if not bends.size:
        return 0.0, 0.0
    return float(tail.sum() / between.sum()), float(bends.mean())


def figure(stored: Stored) -> Iterator[Finding]:
    """White margins around a frame."""
    seen = stored.as_seen
    if stored.gray is not None and stored.levels is not None and len(stored.levels.values) < 8:
        return
    box = _inside_margins(seen)
    if box is None:
        return
    top, bottom, left, right = box
    luma = seen @ np.array([299, 587, 114]) // 1000
    inner = seen[top:bottom, left:right]
    ink = (inner != seen[0, 0]).any(axis=2)
    gray = (np.ptp(inner, axis=2) <= GRAY) & (luma[top:bottom, left:right] <= DARK_LINE)
    if not all(_framed(ink.mean(axis=axis), gray.mean(axis=axis)) for axis in (0, 1)):
        return
    height, width = luma.shape
    yield Finding(
        "figure",
        "likely",
        "The file is a screenshot of a figure, with margins and axes: its pixels are not those of "
        "the mask.",
        (
            f"The margins are {top} + {height - bottom} rows and {left} + {width - right} columns "
            "of one light color.",
            "Inside them dark lines frame a rectangle.",
        ),
    )


def _inside_margins(seen: np.ndarray) -> tuple[int, int, int, int] | None:
    """Top, bottom, left, right of what is not paper; None without margins on all sides."""
    paper = seen[0, 0]
    if paper.min() < PAPER:
        return None
    ink = (seen != paper).any(axis=2)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return None
    height, width = ink.shape
    margins = (rows[0], height - 1 - rows[-1], columns[0], width - 1 - columns[-1])
    if min(margins[:2]) < MARGIN * height or min(margins[2:]) < MARGIN * width:
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _framed(ink: np.ndarray, dark: np.ndarray) -> bool:
    """Whether the first and the last line that is mostly covered are dark grays: a frame."""
    covered = np.flatnonzero(ink >= FRAME)
    if covered.size < 3 or covered[-1] - covered[0] < len(ink) / 3:
        return False
    ends = (dark[covered[0] : covered[0] + 2], dark[covered[-1] - 1 : covered[-1] + 1])
    return all(float(end.max()) >= FRAME for end in ends)


def photo(stored: Stored) -> Iterator[Finding]:
    """Many values and hardly a region."""
    levels = stored.colors or stored.levels
    if levels is None or not stored.is_bytes or len(levels.values) < PHOTO_VALUES:
        return
    if levels.region_share > 0.5 and len(levels.values) < 4096:
        return
    luma = stored.as_seen.astype(np.int64) @ np.array([299, 587, 114]) // 1000
    rough, gray = roughness(luma), stored.rgb is None
    smooth = gray and rough < ROUGH and stored.raster.format != "JPEG"
    regions = f"{percent(levels.region_share)} of the pixels lie inside regions of one value."
    evidence = (f"{len(levels.values)} values; {regions}", f"Roughness {rough:.2f} of 255.")
    kind_id, sentence = _smooth_or_photo(smooth=smooth, regions=levels.region_share)
    certain = not smooth and flat_share(stored.as_seen) < TEXTURED
    yield Finding(kind_id, "certain" if certain else "likely", sentence, evidence)


def _smooth_or_photo(*, smooth: bool, regions: float) -> tuple[str, str]:
    if smooth:
        return "smooth", (
            "The file holds smooth grays: stretched scores, a depth map or a photo out of focus, "
            "and no label map."
        )
    return "photo", f"This is {'a photo' if regions < 0.1 else 'a photo or a drawing'}, not a mask."


def roughness(gray: np.ndarray) -> float:
    """Mean of how far a pixel is from the middle of its left and right neighbor, of 255."""
    if gray.shape[1] < 3:
        return 0.0
    values = gray.astype(np.float64)
    return float(np.abs(values[:, 1:-1] - (values[:, :-2] + values[:, 2:]) / 2).mean())


def undecided(stored: Stored) -> Iterator[Finding]:
    """Nothing fits."""
    levels = stored.colors or stored.levels
    count = 0 if levels is None else len(levels.values)
    share = 0.0 if levels is None else levels.region_share
    yield Finding(
        "undecided",
        "possible",
        "What this file is cannot be told from it alone.",
        (f"{count} values; {percent(share)} of the pixels lie inside regions of one value.",),
    )
