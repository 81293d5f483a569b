"""All checks, in the order in which they are asked: without a forward, then after one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from core.diagnosis import compared
from core.diagnosis.causes import CAUSES
from core.diagnosis.checks import (
    decoding,
    display,
    feeding,
    files,
    numerics,
    training,
    truth,
    weights,
)
from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Finding

Check = Callable[[Facts], Iterator[Finding]]

NO_NETWORK: tuple[Check, ...] = (*files.NO_NETWORK, *weights.NO_NETWORK)
NO_FORWARD: tuple[Check, ...] = (
    *files.NO_FORWARD,
    *weights.NO_FORWARD,
    *decoding.NO_FORWARD,
    *display.NO_FORWARD,
    *truth.NO_FORWARD,
    *feeding.NO_FORWARD,
    *numerics.NO_FORWARD,
)
ONE_FORWARD: tuple[Check, ...] = (
    *decoding.ONE_FORWARD,
    *display.ONE_FORWARD,
    *numerics.ONE_FORWARD,
    compared.saved_output,
)
COUNTERFACTUAL: tuple[Check, ...] = (
    feeding.normalization,
    feeding.known_twice,
    feeding.own_maximum,
    *numerics.COUNTERFACTUAL,  # before masks are compared: broken statistics explain bad ones
    *decoding.COUNTERFACTUAL,
    feeding.order,
    feeding.size,
    *truth.COUNTERFACTUAL,
    *training.COUNTERFACTUAL,
    *weights.COUNTERFACTUAL,
    *display.COUNTERFACTUAL,
)
# Told from the checkpoint alone at first, and then again with the picture.
PROVISIONAL = tuple(cause.id for cause in CAUSES.values() if cause.asked_again)
