"""Every program that a script may be, as the choices of each stage; and the right one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

from core.colors import COLORED
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction import decide, feed, picture, resize, write
from core.diagnosis.reproduction.program import BEFORE, STAGES, Choice, Program
from core.diagnosis.reproduction.weights import OPENED
from core.diagnosis.reproduction.written import Written
from core.settings import Preprocessing, Settings

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Space:
    """The choices of a case by stage, the right one first."""

    choices: dict[str, tuple[Choice, ...]]
    pictures: dict[str, Size]  # h, w of the picture by how it is opened; the right way first
    channels: int  # of what is fed
    num_ids: int

    @property
    def right(self) -> Program:
        """What the settings say, and masks as they are well written."""
        first = Program(tuple(self.choices[stage][0] for stage in STAGES))
        return self.with_lines(first.having(self._well_written()))

    def _well_written(self) -> Iterator[Choice]:
        """255 for a foreground; a color for each of more classes."""
        if self.num_ids == 2:
            yield self.find("cast", "times 255")
        else:
            yield next(c for c in self.choices["palette"] if c.key != "none" and not c.cause)

    @property
    def picture(self) -> Size:
        """h, w of the picture as it is opened rightly."""
        return next(iter(self.pictures.values()))

    def opened_size(self, program: Program) -> Size:
        """h, w of the picture as a program opens it: what its lines call height and width."""
        return self.pictures[program["picture"].key]

    def find(self, stage: str, key: str) -> Choice:
        """A choice by its name."""
        return next(choice for choice in self.choices[stage] if choice.key == key)

    def changes(self, program: Program) -> Iterator[Program]:
        """Programs that differ from it at one stage before the logits."""
        for stage in BEFORE:
            if stage == "interpolation" and program["size"].key == "as it is":
                continue  # nothing is resized
            for choice in self.choices[stage]:
                if choice.key != program[stage].key:
                    yield program.having([choice])

    def area(self, program: Program) -> int:
        """Pixels that a program feeds, nearly: what its forward costs."""
        kind, *numbers = program["size"].value or ("as it is",)
        if kind in ("fixed", "crop"):
            return int(numbers[0] * numbers[1])
        return int(numbers[0] ** 2) if kind == "letterbox" else prod(self.picture)

    def with_lines(self, program: Program) -> Program:
        """With the lines of the resize, which depend on two choices."""
        how, gray = program["interpolation"].key, self.channels == 1
        lines = resize.size_lines(program["size"], how, self.opened_size(program), gray)
        said = [replace(program["size"], lines=lines)]
        if program["back"].key.startswith(write.OF_COLORS):
            said += list(write.colors_first(program["palette"], program["back"]))
        return program.having(said)


def space_of(measured: Measurements, written: Written, settings: Settings | None = None) -> Space:
    """The space of a case.

    Args:
        measured: picture, network, and what the user chose.
        written: the user's file; its size admits some sizes.
        settings: the right ones, where those of the case are known to be wrong.
    """
    chosen = settings or measured.settings
    fed, forward = chosen.preprocessing, chosen.forwarding
    height, width = measured.case.image.pixels.shape[:2]
    size = (height, width)
    sizes = tuple(resize.size_choices(fed, size, written.size))
    custom = chosen.display.custom if chosen.display.palette == "custom" else ()
    palettes = list(write.palette_choices(custom, measured.num_ids))
    choices = {
        "weights": (OPENED,),
        "picture": tuple(picture.opened_choices(measured.case)),
        "color": tuple(picture.color_choices(fed.color)),
        "size": sizes,
        "interpolation": tuple(resize.interpolation_choices(fed.interpolation)),
        "layout": tuple(feed.layout_choices()),
        "numbers": tuple(feed.numbers_choices(fed)),
        "precision": tuple(feed.precision_choices(fed.dtype)),
        "mode": tuple(feed.mode_choices(forward.mode)),
        "head": tuple(feed.head_choices(forward.head, measured.network.aux_classes is not None)),
        "views": tuple(feed.views_choices(_fed_size(fed, size))),
        "enlarge": tuple(decide.enlarge_choices(forward.upsampling)),
        "decision": tuple(
            decide.decision_choices(measured.channels, chosen.decoding, *measured.rule)
        ),
        "cast": tuple(write.cast_choices(measured.num_ids)),
        "back": tuple(write.back_choices()),
        "palette": tuple(_preferred_first(palettes, chosen.display.palette)),
        "file": (write.file_choice(None), write.file_choice(written)),
    }
    pictures = {one.key: _opened_size(measured, one) for one in choices["picture"]}
    return Space(choices, pictures, 1 if fed.color == "gray" else 3, measured.num_ids)


def _opened_size(measured: Measurements, choice: Choice) -> Size:
    height, width = picture.opened(measured.case, choice).shape[:2]
    return height, width


def is_in_space(settings: Settings) -> bool:
    """Whether the settings are one of the programs: no turned picture, no bars, one view."""
    fed, forward = settings.preprocessing, settings.forwarding
    one_view = not forward.window and forward.flip == "none"
    return one_view and fed.orientation == "none" and fed.resize != "letterbox"


def _fed_size(fed: Preprocessing, size: Size) -> Size:
    from core.preprocess import target_size

    return target_size(*size, fed)


def _preferred_first(palettes: list[Choice], name: str) -> list[Choice]:
    """No palette, then the palette of the settings, so that it is the right one."""
    name = name if name in (*COLORED, "custom") else "voc"
    return sorted(palettes, key=lambda choice: (choice.key != "none", choice.key != name))
