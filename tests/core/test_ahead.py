"""What may be clicked next is computed while nobody waits: exactly, within a number of bytes."""

from dataclasses import replace

import numpy as np
import pytest

from core import ahead
from core.ahead import compute_ahead, likely
from core.background import Cancelled
from core.engine import Engine, Lane, in_this_thread
from core.inspection import run_stages
from core.presets import PRESETS, apply_preset
from core.settings import change
from core.testing import in_background, wait_until
from tests.support.cases import TRAINED, healthy, inspected

OWN = change(TRAINED, mean=(0.3, 0.4, 0.5))


def nothing():
    """Go on."""


@pytest.fixture(scope="module")
def shown():
    return inspected(healthy(), OWN)


def ask(engine, shown, settings):
    door = engine.runner(person="me")
    return run_stages(shown.image, shown.network, settings, forward=door)


def test_a_preset_that_is_clicked_afterwards_takes_no_forward(shown):
    engine = Engine()
    done = compute_ahead(shown, likely(OWN, []), engine=engine, check=nothing)
    before = engine.forwards
    for name in PRESETS:
        ask(engine, shown, apply_preset(OWN, name))

    assert done == before == len(PRESETS)
    assert engine.forwards == before


def test_so_does_the_normalization_that_was_recovered(shown):
    engine, recovered = Engine(), {"mean": (0.1, 0.2, 0.3), "color": "bgr"}
    compute_ahead(shown, likely(OWN, [recovered])[:1], engine=engine, check=nothing)
    ask(engine, shown, change(OWN, **recovered))

    assert engine.forwards == 1


def test_what_is_computed_ahead_is_the_exact_result(shown):
    engine, settings = Engine(), apply_preset(OWN, "imagenet")
    compute_ahead(shown, [settings], engine=engine, check=nothing)
    plain = run_stages(shown.image, shown.network, settings, forward=in_this_thread)

    assert np.array_equal(ask(engine, shown, settings).logits.values, plain.logits.values)


def test_what_is_known_is_not_computed_again(shown):
    engine = Engine()
    for wanted in ([OWN], likely(OWN, []), likely(OWN, [])):
        compute_ahead(shown, wanted, engine=engine, check=nothing)

    assert engine.forwards == len(PRESETS)


def test_there_are_no_more_than_the_cache_has_room_for(shown):
    engine = Engine(ahead_bytes=2 * shown.logits.values.nbytes)
    compute_ahead(shown, likely(OWN, []), engine=engine, check=nothing)

    assert engine.forwards == 2
    ask(engine, shown, apply_preset(OWN, next(iter(PRESETS))))
    assert engine.forwards == 2  # the likeliest ones are there


def test_what_was_asked_for_is_not_pushed_out(shown):
    engine = Engine(cache_bytes=shown.logits.values.nbytes)
    ask(engine, shown, OWN)
    compute_ahead(shown, likely(OWN, []), engine=engine, check=nothing)
    before = engine.forwards
    ask(engine, shown, OWN)

    assert engine.forwards == before


def test_nothing_is_computed_ahead_for_a_slow_network(shown):
    engine = Engine()
    slow = replace(shown, logits=replace(shown.logits, seconds=ahead.SLOW_SECONDS + 0.1))

    assert compute_ahead(slow, likely(OWN, []), engine=engine, check=nothing) == 0
    assert engine.forwards == 0


def test_it_ends_as_soon_as_nobody_is_there(shown):
    engine = Engine()

    def check():
        if engine.forwards == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        compute_ahead(shown, likely(OWN, []), engine=engine, check=check)
    assert engine.forwards == 2


def test_a_convention_that_the_network_does_not_take_is_passed_over(shown):
    engine = Engine()
    wanted = [change(OWN, color="gray"), apply_preset(OWN, "unit")]

    assert compute_ahead(shown, wanted, engine=engine, check=nothing) == 1


def test_a_page_does_not_wait_for_what_is_computed_ahead():
    from core.operators import check_wanted

    engine, order = Engine(), []

    def idle():
        order.append("idle")
        while len(order) == 1:
            check_wanted()
        return 1

    first = in_background(lambda: engine.run("", idle, person="ahead", lane=Lane.IDLE))
    wait_until(lambda: order == ["idle"])
    engine.run("", lambda: order.append("page"), person="me", lane=Lane.PAGE)
    first.join()

    assert order == ["idle", "page", "idle"]
