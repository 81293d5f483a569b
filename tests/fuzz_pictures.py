"""Damaged pictures by the thousand: refused with a sentence, or opened as an honest decoder does.

    python -m tests.fuzz_pictures [mutants] [seed]

Each format is damaged as pixels (RGB) and as a mask (few ids): bits flipped, bytes changed, moved,
repeated or cut off; of a PNG half of the time with its checksums mended. The reference is Pillow,
asked once and in the right order (pixels before anything else), and for PNG every CRC. *Wrong* is
a file that the reference refuses and that opens here with other pixels than before the damage;
*other*, one that both open and that shows other pixels here; *uncoded*, any error but ours.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import struct
import sys
import time
import warnings
import zlib
from collections import Counter

import numpy as np
import PIL.Image

from core.errors import ImageError, MaskError
from core.image import ImageLimits, Raster, read_raster
from core.scores import decode_truth

SIZE = (24, 32)  # h, w
FORMATS = {  # how pixels and masks are saved
    "PNG": ({}, {}),
    "JPEG": ({}, {}),
    "TIFF": ({}, {"compression": "tiff_lzw"}),
    "GIF": ({}, {}),
    "WEBP": ({}, {"lossless": True}),
    "BMP": ({}, {}),
    "AVIF": ({"speed": 10}, {"speed": 10, "quality": 100}),
}
LIMITS = ImageLimits()
BAD = ("wrong", "other", "uncoded")


def seeds() -> dict[str, dict[str, bytes]]:
    """Honest files by format: pixels and mask."""
    chance = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(SIZE[0]) * 3, np.arange(SIZE[1]) * 4)
    pixels = np.stack([ramp, 255 - ramp, chance.integers(0, 256, SIZE)], axis=-1).astype(np.uint8)
    ids = np.kron(chance.integers(0, 5, (6, 8)), np.ones((4, 4))).astype(np.uint8)
    mask = PIL.Image.fromarray(ids)
    return {
        kind: {
            "pixels": encoded(PIL.Image.fromarray(pixels), kind, first),
            "mask": encoded(
                mask.convert("RGB") if kind in ("WEBP", "AVIF") else mask, kind, second
            ),
        }
        for kind, (first, second) in FORMATS.items()
    }


def encoded(picture: PIL.Image.Image, kind: str, options: dict) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


# --- damage ---------------------------------------------------------------------------------------


def mutant(kind: str, content: bytes, chance: random.Random) -> bytes:
    """Damage a file in one to three places."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _damage(changed, chance)
    return mended(bytes(changed)) if kind == "PNG" and chance.random() < 0.5 else bytes(changed)


def _damage(content: bytearray, chance: random.Random) -> None:
    at, length = chance.randrange(max(1, len(content))), chance.randrange(1, 16)
    part = bytes(content[at : at + length])
    action = chance.randrange(8)
    if action < 3:
        content[at : at + 1] = bytes([content[at] ^ 1 << chance.randrange(8)]) if content else b""
    elif action == 3:
        content[at : at + 1] = bytes([chance.choice((0, 1, 127, 128, 255))])
    elif action == 4:
        content[at : at + length] = chance.randbytes(len(part))
    elif action == 5:
        del content[at : at + length]
    elif action == 6:
        content[at:at] = part
    else:
        del content[at:]


def mended(content: bytes) -> bytes:
    """The chunks of a PNG as far as they can be followed, each with its right CRC."""
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        end = at + 8 + struct.unpack_from(">I", content, at)[0]
        parts.append(content[at:end])
        parts.append(struct.pack(">I", zlib.crc32(content[at + 4 : end])))
        at = end + 4
    return b"".join(parts)


# --- verdicts -------------------------------------------------------------------------------------


def reference(kind: str, content: bytes) -> np.ndarray | None:
    """UInt8[h w 3] of what Pillow decodes at the first attempt; None where it refuses."""
    try:
        picture = PIL.Image.open(io.BytesIO(content), formats=(kind,))
        if max(picture.size) > LIMITS.side or picture.width * picture.height > LIMITS.pixels:
            return None  # refused here too, for its size
        picture.load()
        if kind == "PNG" and not is_whole(content):
            return None
        return np.asarray(picture.convert("RGB"))
    except Exception:
        return None


def is_whole(content: bytes) -> bool:
    """Whether every chunk of a PNG up to its end has the CRC that it says."""
    at = 8
    while at + 12 <= len(content):
        end = at + 8 + struct.unpack_from(">I", content, at)[0]
        if content[end : end + 4] != struct.pack(">I", zlib.crc32(content[at + 4 : end])):
            return False
        if content[at + 4 : at + 8] == b"IEND":
            return True
        at = end + 4
    return False


def outcome(kind: str, content: bytes, before: np.ndarray) -> str:
    """One of refused, opened, or one of BAD."""
    try:
        raster = read_raster(content)
    except ImageError as error:
        return "refused" if error.remedy else "uncoded"
    except BaseException:
        return "uncoded"
    seen, expected = shown(raster), reference(kind, content)
    if expected is None:
        return "opened" if np.array_equal(seen, before) else "wrong"
    comparable = not raster.alpha and raster.palette is None and raster.values.dtype == np.uint8
    return "opened" if not comparable or np.array_equal(seen, expected) else "other"


def shown(raster: Raster) -> np.ndarray:
    return np.asarray(raster.as_pillow().convert("RGB"))


def mask_outcome(content: bytes) -> str:
    """Whether a mask is read, or refused with a sentence."""
    try:
        decode_truth(content, None, SIZE)
    except MaskError as error:
        return "refused" if error.remedy else "uncoded"
    except BaseException:
        return "uncoded"
    return "opened"


def run(mutants: int, seed: int) -> dict[str, Counter]:
    """Count outcomes by format and kind of content; the bad ones are kept in a file each."""
    chance, found = random.Random(seed), {}
    for kind, contents in seeds().items():
        for name, content in contents.items():
            before, counts = shown(read_raster(content)), Counter()
            for _ in range(mutants):
                changed = mutant(kind, content, chance)
                result = outcome(kind, changed, before)
                if name == "mask" and mask_outcome(changed) == "uncoded":
                    result = "uncoded"
                counts[result] += 1
                if result in BAD:
                    keep(f"{kind}-{name}-{result}-{counts[result]}", changed)
            found[f"{kind} {name}"] = counts
    return found


KEPT: dict[str, bytes] = {}


def keep(name: str, content: bytes) -> None:
    """So that a failure can be looked at."""
    if len(KEPT) < 50:
        KEPT[name] = content


def limit_memory() -> None:
    """A damaged size may not take all of the machine."""
    with contextlib.suppress(ImportError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", nargs="?", type=int, default=3000, help="of each kind")
    parser.add_argument("seed", nargs="?", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders in C speak of every damage
    limit_memory()
    began, bad = time.monotonic(), 0
    for name, counts in run(options.mutants, options.seed).items():
        print(f"{name:12s}", *(f"{word} {counts[word]:5d}" for word in ("opened", "refused", *BAD)))
        bad += sum(counts[word] for word in BAD)
    print(f"{time.monotonic() - began:.0f} s, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
