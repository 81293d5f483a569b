"""Moments behind the first convolution over many pictures, as BatchNorm took them in training.

BatchNorm's running statistics are those of a whole training set, so they are compared with the
moments of many pictures together and not with each picture's own. Sums are kept, so memory does not
grow with the pictures, and two pools are added to one.

Trainings scale their pictures up and down, which no checkpoint tells: so everything is kept of each
picture at two resolutions, and how much of the second there was is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.diagnosis.normalization.first_layer import Gauge
from core.diagnosis.thresholds import BRIGHTNESS_STD, COARSE_SHARES, SMALLEST_VARIANCE


@dataclass(frozen=True, eq=False)
class Fit:
    """How well pictures, fed in one way, give what the first BatchNorm has stored."""

    nats: float  # the median over its channels
    loss: float  # the mean of log(1 + nats) over all of them, single odd ones counting little
    coarse: float  # share of the training's pictures that were at half the resolution, 0..1


@dataclass(frozen=True, eq=False)
class Pool:
    """Sums over pictures, in one channel order; r is the resolution, k the output channel."""

    count: int
    means: np.ndarray  # Float64[r k 2c], of the convolved planes, see `Gauge`
    squares: np.ndarray  # Float64[r k 2c 2c], their second moments
    owned: np.ndarray  # Float64[r k 2], first two moments behind the convolution, fed z-scores
    fed: np.ndarray  # Float64[r k 2], the same, fed as the user does
    samples: np.ndarray  # Float64[2 c], first two moments of the samples before scaling
    bias: np.ndarray  # Float64[k], of the convolution; not a sum
    known: np.ndarray  # Float64[k], the running mean; not a sum
    spread: np.ndarray  # Float64[k], the running variance; not a sum

    def __add__(self, other: Pool) -> Pool:
        return Pool(
            self.count + other.count,
            self.means + other.means,
            self.squares + other.squares,
            self.owned + other.owned,
            self.fed + other.fed,
            self.samples + other.samples,
            self.bias,
            self.known,
            self.spread,
        )

    @property
    def channels(self) -> int:
        """Of the input."""
        return int(self.means.shape[2]) // 2

    @property
    def sample_mean(self) -> np.ndarray:
        """Float64[c] over all pictures, in the order fed."""
        mean: np.ndarray = self.samples[0] / self.count
        return mean

    @property
    def sample_std(self) -> np.ndarray:
        """Float64[c] over all pictures, what they differ by included."""
        var = self.samples[1] / self.count - self.sample_mean**2
        std: np.ndarray = np.sqrt(var.clip(SMALLEST_VARIANCE))
        return std

    def of_numbers(self, mean: np.ndarray, std: np.ndarray, largest: float) -> Fit:
        """How well mean and std fit, of samples over `largest`."""
        factors = np.concatenate([1 / (largest * std), -mean / std])
        first = self.means @ factors / self.count
        second = np.einsum("i,rkij,j->rk", factors, self.squares, factors) / self.count
        second = second + 2 * self.bias * first + self.bias**2
        lacking = self.lacking(largest) @ factors[: self.channels]
        return self._fit(first + self.bias, second, lacking**2)

    def lacking(self, largest: float) -> np.ndarray:
        """Float64[k c]: std by which brightness differs in training and not among n pictures.

        The training saw lighter and darker pictures; of what they differ by, n lack 1 / n.
        """
        ones = self.means[0, :, self.channels :] / self.count
        missing: np.ndarray = BRIGHTNESS_STD * largest / np.sqrt(self.count) * ones
        return missing

    def of_zscores(self) -> Fit:
        """How well the z-score of each picture fits."""
        return self._fit_of(self.owned)

    def of_feeding(self) -> Fit:
        """How well what the user feeds fits."""
        return self._fit_of(self.fed)

    def _fit_of(self, sums: np.ndarray) -> Fit:
        return self._fit(sums[..., 0] / self.count, sums[..., 1] / self.count, np.zeros(1))

    def _fit(self, first: np.ndarray, second: np.ndarray, more: np.ndarray) -> Fit:
        """The share of the second resolution at which all channels together fit best."""
        tried = [self._divergence(first, second, more, share) for share in COARSE_SHARES]
        losses = [float(np.log1p(nats).mean()) for nats in tried]
        best = int(np.argmin(losses))
        return Fit(float(np.median(tried[best])), losses[best], COARSE_SHARES[best])

    def _divergence(
        self, first: np.ndarray, second: np.ndarray, more: np.ndarray, share: float
    ) -> np.ndarray:
        mean, square = ((1 - share) * part[0] + share * part[1] for part in (first, second))
        var = (square - mean**2 + more).clip(SMALLEST_VARIANCE)
        spread = self.spread.clip(SMALLEST_VARIANCE)
        nats: np.ndarray = np.log(spread / var) + (var + (mean - self.known) ** 2) / spread - 1
        return 0.5 * nats


def pool_of(
    gauges: Sequence[Gauge], base: np.ndarray, gain: Sequence[float], offset: Sequence[float]
) -> Pool:
    """The pool of one picture.

    Args:
        gauges: at its own resolution and at half of it.
        base: Float32[h w c], as in `InputTensor`.
        gain: as the user feeds it, likewise.
        offset: likewise.
    """
    samples = base.reshape(-1, base.shape[2]).astype(np.float64)
    moments = np.stack([samples.mean(axis=0), (samples**2).mean(axis=0)])
    std = np.sqrt((moments[1] - moments[0] ** 2).clip(SMALLEST_VARIANCE))
    zscore = np.concatenate([1 / std, -moments[0] / std])
    fed = np.array([*gain, *offset])
    first = gauges[0]
    return Pool(
        1,
        np.stack([gauge.means for gauge in gauges]),
        np.stack([g.covariances + g.means[:, :, None] * g.means[:, None, :] for g in gauges]),
        np.stack([_behind(gauge, zscore) for gauge in gauges]),
        np.stack([_behind(gauge, fed) for gauge in gauges]),
        moments,
        first.bias,
        first.known,
        first.spread,
    )


def _behind(gauge: Gauge, factors: np.ndarray) -> np.ndarray:
    """Float64[k 2]: the first two moments behind the convolution, fed gain * sample + offset."""
    mean = gauge.means @ factors + gauge.bias
    var = np.einsum("i,kij,j->k", factors, gauge.covariances, factors)
    return np.stack([mean, var + mean**2], axis=1)
