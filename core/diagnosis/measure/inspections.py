"""A case run under any settings: each forward once, through one door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from core.diagnosis.case import Case
from core.diagnosis.measure.failures import Failures
from core.diagnosis.measure.forwards import Forwards
from core.diagnosis.measure.sizes import sizes_of
from core.inspection import Inspection, logits_key, run_stages
from core.labels import decode_labels, resolve
from core.preprocess import InputTensor, preprocess
from core.settings import Settings, change
from core.views import count_pixels, view_size

if TYPE_CHECKING:
    import torch

    from core.architectures import Network
    from core.architectures.sizes import Sizes
    from core.engine import Runner
    from core.image import Image


@dataclass(frozen=True, eq=False)
class Inspections:
    """A case, and its inspections. What was run is kept; no answer ever changes."""

    case: Case
    forwards: Forwards
    failures: Failures = field(default_factory=Failures)
    _seen: dict[str, Inspection] = field(default_factory=dict, repr=False)  # by the logits' key

    @property
    def settings(self) -> Settings:
        """What the user chose."""
        return self.case.settings

    @property
    def network(self) -> Network:
        """The network; checks that need it are only asked where there is one."""
        if self.case.network is None:
            raise ValueError("this case has no network")
        return self.case.network

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Of the checkpoint; {} where it could not be read."""
        return self.case.checkpoint.tensors if self.case.checkpoint else {}

    @property
    def channels(self) -> int:
        """Of the logits, under the chosen head."""
        aux = self.network.aux_classes
        return aux if self.settings.forwarding.head == "aux" and aux else self.network.num_classes

    @property
    def rule(self) -> tuple[str, str]:
        """Rule and activation, with "auto" decided."""
        return resolve(self.channels, self.settings.decoding, self.network.scores.ends_in)

    @property
    def num_ids(self) -> int:
        """How many ids the label map can hold."""
        return 2 if self.rule[0] == "threshold" else self.channels

    @cached_property
    def tensor(self) -> InputTensor:
        """What the network is fed."""
        return preprocess(self.case.image, self.settings.preprocessing)

    @cached_property
    def unit(self) -> int:
        """Pixels of one inspection: what the network is given, or the picture if that is larger."""
        height, width = self.tensor.tensor.shape[2:]
        given = count_pixels(height, width, self.settings.forwarding)
        return max(self.case.image.pixels[..., 0].size, given)

    @property
    def view(self) -> tuple[int, int]:
        """The h, w that the network is given at once: of a window, or of all that is fed."""
        height, width = self.tensor.tensor.shape[2:]
        return view_size(height, width, self.settings.forwarding)

    @cached_property
    def sizes(self) -> Sizes:
        """Which sizes the network takes; may be tried on small pictures.

        Raises:
            BudgetSpent: the search has run the network too often.
        """
        return sizes_of(self.network, self.forwards, self.view, self.unit)

    # --- with a forward ---------------------------------------------------------------------------

    @property
    def seen(self) -> Inspection:
        """The inspection under the user's own settings."""
        return self.under({})

    def under(self, changes: Mapping[str, Any]) -> Inspection:
        """Inspect under changed settings; logits that are known are decoded again only.

        Raises:
            InspectionError: a stage cannot be computed under these settings.
            BudgetSpent: the search has run the network too often.
        """
        return self._decoded(self.case.image, change(self.settings, **changes), self.forwards)

    def of_picture(self, image: Image, changes: Mapping[str, Any] | None = None) -> Inspection:
        """Inspect another picture under the user's settings, or changed ones; raises as `under`."""
        settings = change(self.settings, **(changes or {}))
        return self._decoded(image, settings, self.forwards.not_kept)

    def _decoded(self, image: Image, settings: Settings, forward: Runner) -> Inspection:
        key = logits_key(image, self.network, settings)
        if key not in self._seen:
            seen = run_stages(image, self.network, settings, forward=forward)
            height, width = seen.input.tensor.shape[2:]
            self.forwards.count(count_pixels(height, width, settings.forwarding) / self.unit)
            self._seen[key] = seen
        known = self._seen[key]
        if known.settings == settings:
            return known
        labels = decode_labels(known.logits.values, settings.decoding, self.network.scores.ends_in)
        return replace(known, settings=settings, labels=labels)
