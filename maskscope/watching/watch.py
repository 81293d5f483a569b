"""`maskscope.watch`: a line an epoch about the mask of a fixed picture, and one warning."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import InspectionError
from core.settings import Settings
from maskscope.errors import PictureError
from maskscope.living.callables import modules_of
from maskscope.living.case import open_case
from maskscope.living.untouched import untouched
from maskscope.watching.look import Look, head_of, in_evaluation, look
from maskscope.watching.page import page_of

PATIENCE = 3  # looks at a mask of one class from the very start, before that is worth a warning
REPORT = "maskscope-watch.html"


class OneClassWarning(UserWarning):
    """The mask of the watched picture has turned to one class."""


class Watch:
    """Looks at a model when it is told that an epoch has ended. It never stops a training."""

    def __init__(
        self,
        model: Any,
        image: Any,
        *,
        every: int = 1,
        preprocess: Any = None,
        truth: Any = None,
        settings: Settings | str | Mapping[str, Any] | None = None,
        class_names: Sequence[str] | None = None,
        report: str | Path | None = REPORT,
        say: Callable[[str], None] = print,
    ) -> None:
        """Args: as `watch`."""
        if every < 1:
            raise PictureError(f"every is {every}.", remedy="Write how many epochs to wait: 1.")
        self._model, self._every, self._report, self._say = model, every, report, say
        with untouched(modules_of(model)):
            opened = open_case(
                model, image, preprocess=preprocess, truth=truth, settings=settings,
                class_names=class_names,
            )  # fmt: skip
        self._case, self._start = in_evaluation(opened.case), head_of(opened.model)
        self._epoch = 0
        self.looks: tuple[Look, ...] = ()
        self.warned = ""  # the warning, once there was one

    def step(self, epoch: int | None = None) -> Look | None:
        """An epoch has ended: look, where it is time to, and say the line.

        Args:
            epoch: its number; None: one more than the last.

        Returns:
            What was seen; None where it was not looked at, or could not be.
        """
        self._epoch = self._epoch + 1 if epoch is None else epoch
        if self._epoch % self._every:
            return None
        try:
            with untouched(modules_of(self._model)):
                seen = look(self._model, self._case, self._epoch, self._start)
        except InspectionError as error:
            self._say(f"epoch {self._epoch}: the mask cannot be looked at. {error.message}")
            return None
        self.looks = (*self.looks, seen)
        self._say(seen.line)
        self._warn_once(seen)
        return seen

    def _warn_once(self, seen: Look) -> None:
        words = turned_to_one_class(self.looks)
        if words and not self.warned:
            self.warned = words
            warnings.warn(words, OneClassWarning, stacklevel=3)

    def close(self) -> Path | None:
        """Write the report, one HTML file; None where there is nothing to tell or no place."""
        if self._report is None or not self.looks:
            return None
        path = Path(self._report)
        try:
            path.write_text(self.page(), encoding="utf-8")
        except OSError as error:
            self._say(f"{path} cannot be written: {error.strerror}.")
            return None
        self._say(f"maskscope: {path}")
        return path

    def page(self) -> str:
        """The report as it is now."""
        return page_of(self.looks, self._case.image, self.warned)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "\n".join([seen.line for seen in self.looks] + [self.warned] * bool(self.warned))


def watch(model: Any, image: Any, *, every: int = 1, **options: Any) -> Watch:
    """Watch a picture while a model is trained.

        with maskscope.watch(model, "cup.png", preprocess=transform) as watching:
            for epoch in range(30):
                train_one_epoch(model)
                watching.step(epoch)

    Args:
        model: an `nn.Module`, or a function from a tensor to logits; it is left as it is.
        image: as for `inspect`; always the same.
        every: how many epochs lie between two looks.
        options: `preprocess`, `truth`, `settings` and `class_names` as for `inspect`; `report`,
            where the page is written at the end (None: nowhere); `say`, what gets the lines.

    Raises:
        InspectionError: the model cannot be run, or the picture cannot be read. Later, in the
            middle of a training, such a thing is a line, and no error.
    """
    return Watch(model, image, every=every, **options)


def turned_to_one_class(looks: Sequence[Look]) -> str:
    """The warning, where the newest look gives reason to one; else "".

    A new network often begins with one class: only that it stays so is worth a warning.
    """
    *before, now = looks
    if not now.only:
        return ""
    others = next((seen for seen in reversed(before) if not seen.only), None)
    reason = f" Numbers are not finite from {now.broken} on." if now.broken else ""
    if others is not None:
        return (
            f"The mask of the watched picture has turned to one class: all of it is {now.only} "
            f"since epoch {now.epoch}; in epoch {others.epoch} it had {others.present} classes."
            f"{reason}"
        )
    if len(looks) < PATIENCE:
        return ""
    trained = f" Its head is {now.head}." if now.head and now.head != "trained" else ""
    return (
        f"The mask of the watched picture has been one class, {now.only}, in all {len(looks)} "
        f"looks so far.{trained}{reason}"
    )
