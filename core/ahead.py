"""What is likely to be asked for next, computed exactly while nobody waits for anything.

A click on a preset, or on what the diagnosis has recovered, then needs no forward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core.engine import Engine, Lane
from core.errors import InspectionError
from core.presets import PRESETS, apply_preset
from core.settings import Settings, change

if TYPE_CHECKING:  # torch loads with the first forward
    from core.inspection import Inspection

SLOW_SECONDS = 2.0  # of a forward, above which nothing is computed that nobody has asked for


def likely(settings: Settings, recovered: Iterable[Mapping[str, Any]]) -> list[Settings]:
    """What may be clicked: fixes of the diagnosis first, then every preset.

    Args:
        settings: what is shown.
        recovered: changes of the settings that the diagnosis advises.
    """
    fixed = [change(settings, **changes) for changes in recovered if changes]
    return [*fixed, *(apply_preset(settings, name) for name in PRESETS)]


def compute_ahead(
    shown: Inspection, wanted: Iterable[Settings], *, engine: Engine, check: Callable[[], None]
) -> int:
    """Compute what is wanted and not kept yet, as far as the engine has room for it.

    Args:
        shown: what the tab shows.
        wanted: other settings for the same picture and network, the likeliest first.
        engine: where they are computed, behind everything else.
        check: called again and again; whatever it raises ends the work.

    Returns:
        How many were computed.
    """
    from core.inspection import logits_key, run_stages

    room = engine.ahead_bytes // shown.logits.values.nbytes
    if shown.logits.seconds > SLOW_SECONDS:
        return 0
    done = 0
    keys = {shown.logits_key}
    for settings in wanted:
        key = logits_key(shown.image, shown.network, settings)
        if key in keys or engine.keeps(key) or done >= room:
            continue
        keys.add(key)
        check()
        door = engine.runner(person=f"ahead {key}", lane=Lane.IDLE, waiting=check)
        try:
            run_stages(shown.image, shown.network, settings, forward=door, previous=shown)
        except InspectionError:  # it is told where somebody asks for it
            continue
        done += 1
    return done
