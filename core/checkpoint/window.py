"""The bytes of a pickle as its opcodes read them, and what is said of bytes that are damaged."""

from __future__ import annotations

import mmap

from core.errors import CheckpointError, RefusedError

MAX_BYTES = 64 * 2**20  # names and shapes, not numbers
DAMAGED_REMEDY = "Copy or download it again, and compare its size with the original."


class Damaged(CheckpointError):  # noqa: N818 - a state of the file, as people say it
    """The stream breaks off or contradicts itself."""

    def __init__(self, detail: str) -> None:
        """Args: detail, for people who know pickles."""
        super().__init__(
            f"The file is truncated or damaged: it cannot be read to its end ({detail[:160]}).",
            remedy=DAMAGED_REMEDY,
        )


class TooMuch(RefusedError):  # noqa: N818 - as above
    """A limit of the reader, which no honest checkpoint reaches."""

    def __init__(self, what: str) -> None:
        """Args: what there is too much of."""
        super().__init__(
            f"The file's table of contents was refused: {what}.",
            remedy="Save the weights alone: torch.save(model.state_dict(), ...)",
        )


class Window:
    """A part of the file that pickletools may read, and no byte more."""

    def __init__(self, data: bytes | mmap.mmap, position: int = 0) -> None:
        """Args: data, the file or a part of it; position, of the first opcode."""
        self._data, self.position = data, position
        self._end = min(len(data), position + MAX_BYTES)

    def tell(self) -> int:
        """Position in the data."""
        return self.position

    def read(self, count: int) -> bytes:
        """Read as files do; short at the end."""
        start, self.position = self.position, min(self.position + count, self._end)
        return self._data[start : self.position]

    def readline(self) -> bytes:
        """Read to the end of the line."""
        found = self._data.find(b"\n", self.position, self._end)
        return self.read((self._end if found < 0 else found + 1) - self.position)
