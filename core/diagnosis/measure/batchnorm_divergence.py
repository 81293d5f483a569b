"""KL divergence of an input from BatchNorm's running statistics."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from core.diagnosis.measure.inspections import Inspections
from core.diagnosis.measure.reference_picture import reference_picture
from core.diagnosis.measure.sizes import middle
from core.diagnosis.thresholds import (
    ALL_LAYERS,
    CROP_SIDE,
    NEAR_LAYERS,
    NEAR_LAYERS_UNITS,
    REFERENCE_SIDE,
    SMALLEST_VARIANCE,
)
from core.errors import InspectionError
from core.image import Image
from core.inspection import check_size
from core.operators import StopForward, tap
from core.preprocess import preprocess
from core.settings import Preprocessing, change

PLAIN_SIZE: dict[str, Any] = {"resize": "none", "depth": "8", "dtype": "float32"}
BATCH_NORMS = {
    torch.ops.aten.native_batch_norm.default,
    torch.ops.aten._native_batch_norm_legit_no_training.default,
    torch.ops.aten._batch_norm_no_update.default,
}
FIRST_CONVOLUTION = torch.ops.aten.convolution.default


def has_running_statistics(func: Any, args: tuple[Any, ...]) -> bool:
    """Whether this operator is a BatchNorm that has running statistics, and real numbers.

    An exported program is first run without numbers, for its shapes.
    """
    if func not in BATCH_NORMS or args[0].is_meta:
        return False
    return args[3] is not None and args[4] is not None


@dataclass(frozen=True, eq=False)
class BatchNormMeasures:
    """What the BatchNorms of a case's network say of an input, in nats."""

    inspections: Inspections
    _divergences: dict[Preprocessing, tuple[float, ...]] = field(default_factory=dict, repr=False)
    _can_be_asked: list[bool] = field(default_factory=list, repr=False)  # once it was tried

    @cached_property
    def never_updated(self) -> tuple[bool, ...]:
        """Of every BatchNorm, whether its statistics are those that it begins with.

        Where those of the file differ, only the ones that an input reaches are asked: a library may
        keep the stages of an encoder that its decoder does not use, as PSPNet of SMP does.
        """
        stored = self._never_updated_in_the_file()
        if len(set(stored)) < 2:
            return stored
        return self._never_updated_on_the_way() or stored

    def _never_updated_in_the_file(self) -> tuple[bool, ...]:
        tensors = self.inspections.tensors
        ends = ".running_mean", ".running_var"
        names = [key.removesuffix(ends[0]) for key in tensors if key.endswith(ends[0])]
        pairs = [
            (tensors[n + ends[0]], tensors[n + ends[1]]) for n in names if n + ends[1] in tensors
        ]
        return tuple(_as_it_begins(mean, var) for mean, var in pairs)

    def _never_updated_on_the_way(self) -> tuple[bool, ...]:
        """In the order of the forward; () where the network cannot be run, which is noted."""
        network, forwards = self.inspections.case.network, self.inspections.forwards
        if network is None:
            return ()
        try:
            fed = self.inspections.tensor.tensor.float()
            found = forwards.not_kept("", lambda: never_updated(network.module, fed))
        except InspectionError as error:
            self.inspections.failures.add("which BatchNorms an input reaches", error)
            return ()
        forwards.count(1)
        return found

    @property
    def count(self) -> int:
        """How many BatchNorms are asked whether they were updated."""
        return len(self.never_updated)

    @property
    def never_updated_share(self) -> float:
        """Share of them that were never updated, 0..1."""
        return sum(self.never_updated) / self.count if self.count else 0.0

    @property
    def can_be_asked(self) -> bool:
        """Whether the network has a BatchNorm with running statistics."""
        if not self._can_be_asked:
            fed = self.inspections.tensor.tensor
            self._can_be_asked.append(bool(self.divergence(fed, 1)))
        return self._can_be_asked[0]

    @property
    def has_several(self) -> bool:
        """Whether more than the one behind the first convolution can be asked."""
        return len(self.input_kl_by_layer({})) > 1

    def divergence(self, tensor: torch.Tensor, layers: int) -> tuple[float, ...]:
        """Nats at each of the first BatchNorms, through the door (see `divergence` below).

        Raises:
            ForwardError: the logits would be too large.
            BudgetSpent: the search has run the network too often.
        """
        network, forwards = self.inspections.network, self.inspections.forwards
        if max(tensor.shape[2:]) > CROP_SIDE:
            tensor = middle(tensor, self.inspections.sizes)
        check_size(network, tuple(tensor.shape[2:]), "out")
        return forwards.not_kept("", lambda: divergence(network.listened, tensor, layers))

    def input_kl_by_layer(self, changes: Mapping[str, Any]) -> tuple[float, ...]:
        """Nats at the first BatchNorms under changed settings; () where none can be asked.

        Where that failed it is noted, and () is no evidence.
        """
        try:
            if not self.can_be_asked:
                return ()
            changed = change(self.inspections.settings, **{**changes, "dtype": "float32"})
            return self._of_feeding(changed.preprocessing)
        except InspectionError as error:
            self.inspections.failures.add("what BatchNorm says of the input", error)
            return ()

    def _of_feeding(self, fed: Preprocessing) -> tuple[float, ...]:
        if fed not in self._divergences:
            tensor = preprocess(self.inspections.case.image, fed).tensor
            self._divergences[fed] = self.divergence(tensor, NEAR_LAYERS)
            self.inspections.forwards.count(NEAR_LAYERS_UNITS)
        return self._divergences[fed]

    def input_kl(self, changes: Mapping[str, Any]) -> float | None:
        """The median of the same; None where none can be asked."""
        layers = self.input_kl_by_layer(changes)
        return statistics.median(layers) if layers else None

    def input_kl_of_picture(self, picture: Image) -> float | None:
        """The same of another picture, fed as the settings say."""
        if not self.can_be_asked:
            return None
        fed = change(self.inspections.settings, dtype="float32").preprocessing
        layers = self.divergence(preprocess(picture, fed).tensor, NEAR_LAYERS)
        self.inspections.forwards.count(NEAR_LAYERS_UNITS)
        return statistics.median(layers)

    def input_kl_of_all(self, changes: Mapping[str, Any]) -> float:
        """The median over all BatchNorms under changed settings; 0 without any."""
        if not self.can_be_asked:
            return 0.0
        layers = self.divergence(self.inspections.under(changes).input.tensor, ALL_LAYERS)
        self.inspections.forwards.count(1)
        return float(np.median(layers)) if layers else 0.0

    def reference_kl(self, feedings: Sequence[Mapping[str, Any]]) -> float:
        """The least that all BatchNorms say of the reference picture under these feedings.

        Statistics that belong together diverge from it a little; others by orders of magnitude.
        """
        size = self.inspections.sizes.nearest(REFERENCE_SIDE, REFERENCE_SIDE)
        return self._least_kl(reference_picture(*size), feedings, PLAIN_SIZE)

    def picture_kl(self, picture: Image, feedings: Sequence[Mapping[str, Any]]) -> float:
        """The same of a picture of the user, which may be of a kind that the reference is not."""
        return self._least_kl(picture, feedings, {"dtype": "float32"})

    def _least_kl(
        self, picture: Image, feedings: Sequence[Mapping[str, Any]], always: Mapping[str, Any]
    ) -> float:
        found = []
        for changes in feedings:
            fed = change(self.inspections.settings, **{**changes, **always}).preprocessing
            tensor = preprocess(picture, fed).tensor
            layers = self.divergence(tensor, ALL_LAYERS)
            found.append(float(np.nan_to_num(np.median(layers), nan=np.inf)) if layers else 0.0)
            pixels = min(tensor.shape[2], CROP_SIDE) * min(tensor.shape[3], CROP_SIDE)
            self.inspections.forwards.count(pixels / self.inspections.unit)
        return min(found)


def never_updated(module: nn.Module, tensor: torch.Tensor) -> tuple[bool, ...]:
    """For each BatchNorm that an input reaches, whether its statistics are those it began with.

    Args:
        module: of the network, in eval mode.
        tensor: Float32[1 c h w], what the network is fed.
    """
    found: list[bool] = []

    def collect(func: Any, args: tuple[Any, ...], _: torch.Tensor) -> None:
        if has_running_statistics(func, args):
            found.append(_as_it_begins(args[3], args[4]))

    tap(module, tensor, collect)
    return tuple(found)


def _as_it_begins(mean: torch.Tensor, var: torch.Tensor) -> bool:
    """Whether Float[k] of both are 0 and 1."""
    return not bool(mean.any()) and bool((var == 1).all())


def divergence(
    module: nn.Module, tensor: torch.Tensor, layers: int = NEAR_LAYERS
) -> tuple[float, ...]:
    """At each of the first BatchNorms the KL divergence from its running statistics, in nats.

    Args:
        module: of the network, in eval mode.
        tensor: [1 c h w], what the network is fed, or its middle.
        layers: how many are looked at; the forward stops behind them.

    Returns:
        A number for each; fewer than `layers` where the network has fewer, or stops before.
    """
    collected: list[float] = []

    def collect(func: Any, args: tuple[Any, ...], _: torch.Tensor) -> None:
        if has_running_statistics(func, args):
            collected.append(median(kl(*moments(args[0]), args[3], args[4])))
            if len(collected) >= layers:
                raise StopForward

    tap(module, tensor.float(), collect)
    return tuple(collected)


def moments(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of each channel, as BatchNorm takes them in training.

    Args:
        x: Float[n k h w].

    Returns:
        Float[k] each.
    """
    values = x.transpose(0, 1).flatten(1)
    mean = values.mean(dim=1)
    return mean, (values - mean[:, None]).square_().mean(dim=1)  # 10 times as fast as Tensor.var


def kl(
    mean: torch.Tensor, var: torch.Tensor, known: torch.Tensor, spread: torch.Tensor
) -> torch.Tensor:
    """The divergence of two normal distributions in each channel, in nats.

    Args:
        mean: Float[k], of the input now.
        var: Float[k], of the input now.
        known: Float[k], the running mean.
        spread: Float[k], the running variance.

    Returns:
        Float[k].
    """
    var, spread = var.clamp_min(SMALLEST_VARIANCE), spread.clamp_min(SMALLEST_VARIANCE)
    return 0.5 * (torch.log(spread / var) + (var + (mean - known) ** 2) / spread - 1)


def median(values: torch.Tensor) -> float:
    """As NumPy's: of an even number of values the mean of the two in the middle."""
    return float(np.median(values.numpy()))
