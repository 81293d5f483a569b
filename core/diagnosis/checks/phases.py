"""In which order checks are asked, as data: phases, and checks whose order does not matter.

All checks of a phase know the same: what the phases before have found. So a check that needs the
result of another one stands in a later phase, and the reason stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.diagnosis.checks import (
    decoding,
    display,
    doubt,
    encoder,
    feeding,
    files,
    moved_truth,
    numerics,
    order,
    orientation,
    other_weights,
    prefix,
    stored_statistics,
    trained,
    training,
    truth,
    weights,
)
from core.diagnosis.finding import Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.reproduction import match

Check = Callable[[Measurements, Progress], Iterator[Finding]]


@dataclass(frozen=True)
class Phase:
    """Checks that know the same, so that their order does not matter."""

    checks: tuple[Check, ...]
    provisional: bool = False  # concluded from less evidence, and asked again with more


NO_NETWORK = (
    Phase(
        (
            files.turned,
            files.transparent,
            files.one_color,
            files.many_bands,
            weights.not_finite,
            prefix.prefixed,
            weights.aux_head,
        )
    ),
)
NO_FORWARD = (
    Phase(
        (
            files.deep,
            weights.class_count,
            weights.in_channels,
            trained.never_trained,
            trained.untrained,
            encoder.never_loaded,
            decoding.one_channel,
            display.gray_ids,
            display.palette,
            truth.truth_values,
            feeding.tiny,
        )
    ),
    Phase((feeding.normalization_in_checkpoint,), provisional=True),
    Phase((numerics.training_mode,)),
    # Statistics that never saw a picture need the training mode, whatever is said against it.
    Phase((numerics.never_updated, numerics.negative_variance, numerics.half)),
)
ONE_FORWARD = (
    Phase((decoding.no_sigmoid, decoding.twice)),
    Phase((decoding.other_head,)),  # what the other head shows is decided by the right rule
    # Of the mask that the fixes bring, and what its colors hide.
    Phase((numerics.overflow, display.palette_seen, display.gray_seen)),
    # The user's own file has the last word on a cause.
    Phase((match.saved_output,)),
    Phase((other_weights.alive_elsewhere,)),  # before settings are tried on weights that are dead
)
COUNTERFACTUAL = (
    # Bad statistics make every normalization look wrong, so they are asked before any is named.
    Phase((stored_statistics.unusable,)),
    Phase((feeding.normalization,)),  # explains most, so all later masks are made with its fix
    Phase((feeding.known_twice, feeding.own_maximum)),  # where the evidence did not tell
    Phase((numerics.statistics,)),  # in the light of the normalization
    # Of scores that are right but for the cut.
    Phase((decoding.threshold, training.divided_targets)),
    Phase((order.order,)),
    Phase((feeding.size,)),  # of a mask that is as good as the input's numbers allow
    # When all that can be mended is.
    Phase(
        (
            truth.other_ids,
            truth.two_values,
            orientation.turned_truth,
            training.background_only,
            training.class_never_wins,
        )
    ),
    Phase((moved_truth.moved,)),  # when it is not turned: that is the simpler explanation
    Phase((stored_statistics.left_behind,)),  # when nothing else was found
    Phase((doubt.other_pictures, display.palette_seen)),  # when nothing else was found
)
