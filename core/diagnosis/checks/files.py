"""The picture's file: what other programs may read otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from core.diagnosis.bisect import is_one_color
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.image import TURNS


def turned(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """F1: shown upright here; a script that does not ask for EXIF sees it as it is stored."""
    orientation = measured.case.image.facts.orientation
    if orientation not in TURNS:
        return
    yield Finding(
        "F1",
        "certain",
        (Evidence(f"The EXIF orientation is {orientation}: {TURNS[orientation]}.", orientation),),
        "Rotate the picture when it is opened, and its mask in the same way.",
        "image = ImageOps.exif_transpose(Image.open(path))",
        kind="note",
    )


def transparent(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """F2: what lies under transparent pixels is anybody's guess."""
    if not measured.case.image.facts.alpha:
        return
    yield Finding(
        "F2",
        "certain",
        (Evidence("Some pixels are not opaque; here they are blended with white."),),
        "Composite the picture onto the background that was used in training.",
        "image = Image.alpha_composite(background, image.convert('RGBA')).convert('RGB')",
        kind="note",
    )


def deep(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """F4: 16 bits fed as they are to a scale of 255."""
    about, chosen = measured.case.image.facts, measured.settings.preprocessing
    if about.bits <= 8:
        return
    fed = float(measured.tensor.base.max())
    raw = chosen.depth == "file" and chosen.scale == "255" and fed > 2 * 255
    window = about.window or (0.0, 255.0)
    yield Finding(
        "F4",
        "certain",
        (
            Evidence(f"The file has {about.bits} bits a sample, up to {window[1]:g}.", window[1]),
            Evidence(f"The largest sample that is scaled is {fed:g}.", fed),
        ),
        "Convert the samples to 8 bits as in training.",
        f"image = (samples / {window[1]:g} * 255).astype(np.uint8)",
        changes={"depth": "8"} if raw else {},
        kind="fault" if raw else "note",
    )


def many_bands(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """F6: three of them are fed, and which ones is a choice."""
    about = measured.case.image.facts
    if about.bands <= 3:
        return
    red, green, blue = about.chosen
    yield Finding(
        "F6",
        "certain",
        (
            Evidence(f"The file has {about.bands} bands.", about.bands),
            Evidence(f"Bands {red}, {green} and {blue} are taken as red, green and blue."),
        ),
        "Feed the bands of the training, in its order.",
        f"image = bands[..., {[band - 1 for band in about.chosen]}]",
        kind="note",
    )


def one_color(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """F5: whatever is done to it later, there is nothing to be seen in it."""
    pixels = measured.case.image.pixels
    if not is_one_color(pixels):
        return
    color = ", ".join(str(value) for value in pixels[0, 0])
    yield Finding(
        "F5",
        "certain",
        (Evidence(f"All its pixels are rgb({color}), so no setting can show an object."),),
        "Look at the picture that your script reads, and open the one from the camera.",
        "assert image.std() > 1",
    )
