"""What a file says about how the pictures of the training were normalized."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Normalization:
    """A mean and std that the file names; not what the network saw, but what somebody wrote."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    where: str  # "preprocessor_config.json", "meta/config"
    by_class: bool = False  # buffers: the class around the network applies them itself
    scheme: str = ""  # the name of a rule that the file gives instead of numbers alone
    zscore: bool = False  # mean and std are those of each picture
    ends: tuple[float, float] | None = None  # numbers of the file are cut to these before

    @property
    def words(self) -> str:
        """What is stated, as a sentence without its full stop."""
        if self.zscore:
            return f"{self.where} says z-score of each picture ({self.scheme})"
        said = f"{self.where} says mean {_listed(self.mean)} and std {_listed(self.std)}"
        if self.ends is None:
            return f"{said} ({self.scheme})" if self.scheme else said
        low, high = self.ends
        return f"{said} of the file's own numbers, cut to {low:g} .. {high:g} ({self.scheme})"

    @property
    def advice(self) -> str:
        """What follows for whoever feeds the network."""
        if self.by_class:
            return (
                "Buffers beside the network: the class that holds it normalizes by itself. Feed "
                "that class pixels of 0 to 1 without mean and std; here the network is run without "
                "it, so they are applied before."
            )
        if self.scheme:
            return "So the training fed it, as its plans say"
        return "As stated in the file; the training may have used another one"


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)
