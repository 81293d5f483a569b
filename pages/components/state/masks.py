"""The masks that a tab looks at alone: which they are, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass

from core.image.nifti import MIDDLE

# Those that come first are looked at; each is a file of its own in the store.
MOST = 200


@dataclass(frozen=True)
class Masks:
    """Uploads by digest, and which of them is open."""

    files: tuple[tuple[str, str], ...] = ()  # digest, the user's name
    opened: int = 0  # place in `files`
    picture: str = ""  # digest of the picture they belong to, "" for none
    truth: str = ""  # digest of the ground truth, "" for none
    cut: tuple[int, int] = MIDDLE  # of volumes: the axis that is cut, and where, from 1

    @property
    def digests(self) -> set[str]:
        """All of them."""
        return {digest for digest, _ in self.files} | {self.picture, self.truth}
