"""How far a sweep is, and when it will be done."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from core.sweep.rows import Row


@dataclass(frozen=True)
class Progress:
    """After each picture; the rates are of this run, without what an earlier one had done."""

    total: int  # pictures of the set
    before: int  # that were done when this run began
    done: int = 0  # by this run, the failed ones among them
    failed: int = 0  # pictures of this run with a setting that failed
    seconds: float = 0.0  # since this run began
    rows: tuple[Row, ...] = field(default=(), compare=False)  # of the picture that was just done
    worker: str = ""  # who computed it, where that is another process

    @property
    def left(self) -> int:
        """Pictures that are still to be computed."""
        return self.total - self.before - self.done

    @property
    def rate(self) -> float | None:
        """Pictures a second; None before the first."""
        return self.done / self.seconds if self.done and self.seconds else None

    @property
    def seconds_left(self) -> float | None:
        """About so long; None before the first."""
        return self.left / self.rate if self.rate else None

    @property
    def ends(self) -> float | None:
        """When it will be done, in seconds since 1970, as of now."""
        return None if self.seconds_left is None else time.time() + self.seconds_left

    @property
    def in_words(self) -> str:
        """One line: "12 of 500 pictures, 3.1 a second, about 3 min left, 1 failed"."""
        said = [f"{self.before + self.done} of {self.total} pictures"]
        if self.rate is not None and self.seconds_left is not None:
            said += [f"{self.rate:.3g} a second", f"{_duration(self.seconds_left)} left"]
        if self.failed:
            said.append(f"{self.failed} failed")
        return ", ".join(said)


def _duration(seconds: float) -> str:
    """Such as "about 40 s", "about 12 min" or "about 3.5 h"."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"
