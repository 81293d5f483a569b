"""A sweep in this process: the dashboard's labels, nothing twice, a fault is a row."""

from __future__ import annotations

import gc
import time
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from core.background import Cancelled
from core.engine import Engine, Lane, in_this_thread
from core.errors import BusyError
from core.image import decode_image
from core.inspection import run_stages
from core.settings import change
from core.store import read_labels
from core.sweep import DONE, FAILED, Named, Table, totals
from core.sweep.local import stoppable, sweep
from core.sweep.rows import labels_digest
from core.sweep.table import labels_path
from core.testing import paused
from tests.support.sweeps import (
    IN_HERE,
    SETTINGS,
    numbers,
    tiny_network,
    tiny_plan,
    tiny_set,
    truth_of,
)

COUNT = 7


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_set(tmp_path_factory.mktemp("pictures"), COUNT)


def swept(data, plan, network, folder, **options):
    """All rows, and every Progress."""
    with Table(folder, plan) as table:
        seen = list(sweep(data, plan, network, table, **{**IN_HERE, **options}))
        return list(table.rows()), seen


class Counted:
    """The door, and how often something went through it."""

    def __init__(self):
        self.forwards = 0

    def __call__(self, key, compute, /):
        made = compute()
        self.forwards += hasattr(made, "output_size")  # logits
        return made


def test_labels_are_those_of_the_dashboard_bit_for_bit(data, network, tmp_path):
    plan = tiny_plan(keep_labels=True)
    rows, _ = swept(data, plan, network, tmp_path)

    assert len(rows) == COUNT * len(SETTINGS)
    for row in rows:
        entry = data.entries[row.index]
        settings = {named.name: named.settings for named in SETTINGS}[row.setting]
        image = decode_image(entry.picture.read())
        shown = run_stages(image, network, settings, forward=in_this_thread).labels
        with labels_path(tmp_path, row.labels).open("rb") as file:
            kept = read_labels(file)
        assert row.labels == labels_digest(shown.ids)
        assert np.array_equal(kept, shown.ids)
        assert row.confidence == pytest.approx(float(shown.confidence.mean()), abs=1e-6)
        assert row.foreground == pytest.approx((shown.ids > 0).mean())


def test_through_an_engine_the_rows_are_the_same_and_nothing_of_others_is_pushed_out(
    data, network, tmp_path
):
    engine = Engine(cache_bytes=1000)
    engine.run("somebody's", lambda: "kept")
    door = engine.runner(person="sweep", lane=Lane.DIAGNOSIS)
    through, _ = swept(data, tiny_plan(), network, tmp_path / "a", forward=door)
    plain, _ = swept(data, tiny_plan(), network, tmp_path / "b")

    assert numbers(through) == numbers(plain)
    assert engine.keeps("somebody's")


def test_what_settings_share_is_computed_once(data, network, tmp_path):
    door = Counted()
    swept(data, tiny_plan(), network, tmp_path, forward=door)

    assert door.forwards == COUNT * 2  # "only sure" decides on the logits of "unit"


def test_the_first_kl_is_larger_where_the_input_is_another(data, network, tmp_path):
    plan = tiny_plan(
        settings=(
            Named("unit", SETTINGS[0].settings),
            Named("bytes", change(SETTINGS[0].settings, scale="1")),
        )
    )
    found = totals(swept(data, plan, network, tmp_path)[0], plan)

    assert 0 <= found["unit"].first_kl < found["bytes"].first_kl


def test_a_picture_that_fails_is_a_row_with_its_reason(data, network, tmp_path):
    (tmp_path / "torn.png").write_bytes(data.entries[1].picture.read()[:60])
    torn = replace(data.entries[1].picture, path=tmp_path / "torn.png")
    gone = replace(data.entries[2].picture, path=tmp_path / "gone.png")
    other = data.entries[1].truth  # of 25 columns, the picture has 24
    entries = list(data.entries)
    entries[1], entries[2] = (
        replace(entries[1], picture=torn),
        replace(entries[2], picture=gone),
    )
    entries[3] = replace(entries[3], truth=other)
    rows, seen = swept(replace(data, entries=tuple(entries)), tiny_plan(), network, tmp_path / "t")

    by_picture = {row.picture: row for row in rows}
    assert [row.status for row in by_picture.values()].count(FAILED) == 2
    assert (
        by_picture["0001"].reason and by_picture["0002"].reason == "gone.png is gone. Put it back."
    )
    assert by_picture["0003"].status == DONE
    assert "The mask has 25 x 24 pixels" in by_picture["0003"].reason
    assert by_picture["0003"].accuracy is None and by_picture["0003"].labels
    assert seen[-1].failed == 2 and seen[-1].left == 0
    found = totals(rows, tiny_plan())["unit"]
    assert (found.pictures, found.failed, found.with_truth, found.unread_truths) == (5, 2, 4, 1)


def test_a_setting_that_cannot_be_computed_fails_alone(data, network, tmp_path):
    gray = Named("gray", change(SETTINGS[0].settings, color="gray"))
    plan = tiny_plan(settings=(gray, SETTINGS[0]))
    found = totals(swept(data, plan, network, tmp_path)[0], plan)

    assert (found["gray"].failed, found["unit"].pictures) == (COUNT, COUNT)


def test_without_truth_there_are_no_figures_of_it(network, tmp_path):
    data = tiny_set(tmp_path, 2, truths=False)
    rows, _ = swept(data, tiny_plan(), network, tmp_path / "t")

    assert all(row.mean_iou is None and not row.counts for row in rows)
    assert totals(rows, tiny_plan())["unit"].mean_iou is None


def test_who_goes_away_ends_it_and_who_comes_back_goes_on(data, network, tmp_path):
    whole, _ = swept(data, tiny_plan(), network, tmp_path / "whole")
    plan, asked = tiny_plan(), []

    def wanted():
        asked.append(1)
        return len(asked) <= 3

    with Table(tmp_path / "t", plan) as table, pytest.raises(Cancelled):
        for _ in sweep(data, plan, network, table, wanted=wanted, **IN_HERE):
            pass
    door = Counted()
    rows, seen = swept(data, plan, network, tmp_path / "t", forward=door)

    assert seen[0].before == 3 and seen[-1].left == 0
    assert door.forwards == (COUNT - 3) * 2
    assert numbers(rows) == numbers(whole)


def test_it_ends_within_a_forward(data, tmp_path):
    network, asked = tiny_network("slow"), []
    plan = tiny_plan(checkpoint="slow")

    def wanted():
        asked.append(1)
        return len(asked) < 3  # the third time is before a layer of the first forward

    with Table(tmp_path, plan) as table:
        run = sweep(data, plan, network, table, forward=stoppable(wanted), **IN_HERE)
        with pytest.raises(Cancelled):
            list(run)
        assert not table.done


def test_it_leaves_the_queue_of_an_engine(data, network, tmp_path):
    engine = Engine()

    def waiting():
        raise Cancelled

    door = engine.runner(person="sweep", lane=Lane.IDLE, waiting=waiting)
    with paused(engine), pytest.raises(Cancelled):
        swept(data, tiny_plan(), network, tmp_path, forward=door)
    assert engine.waiting == 0


def test_a_busy_server_is_no_fault_of_a_picture(data, network, tmp_path):
    def busy(key, compute, /):
        raise BusyError("This server is busy.", remedy="Try again.")

    with pytest.raises(BusyError):
        swept(data, tiny_plan(), network, tmp_path, forward=busy)


def test_progress_tells_rate_and_end(data, network, tmp_path):
    _, seen = swept(data, tiny_plan(), network, tmp_path)

    assert (seen[0].rate, seen[0].ends) == (None, None)
    assert [each.left for each in seen] == list(range(COUNT, -1, -1))
    half = seen[3]
    assert half.rate == pytest.approx(3 / half.seconds)
    assert half.ends == pytest.approx(time.time() + half.seconds_left, abs=1)
    assert half.in_words.startswith(f"3 of {COUNT} pictures, ")


def test_memory_does_not_grow_with_the_pictures(network, tmp_path):
    plan, few, held = tiny_plan(), tiny_set(tmp_path, 2), {}
    entries = tuple(replace(few.entries[k % 2], name=f"{k}") for k in range(150))
    data = replace(few, entries=entries)
    with Table(tmp_path / "t", plan, part_rows=30) as table:
        for progress in sweep(data, plan, network, table, **IN_HERE):
            if progress.done == 15:  # a part was made: all is imported
                gc.freeze()  # looking for garbage takes long among all that pytest holds
                tracemalloc.start()
            if progress.done in (30, 150):
                gc.collect()  # and what Python keeps for its next tuples
                held[progress.done] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    gc.unfreeze()

    assert held[150] < held[30] + 250_000  # bytes; the rows of 120 pictures are 500 kB


def test_the_truth_is_read_by_the_function_that_is_given(data, network, tmp_path):
    def shifted(entry, truths, size):
        read = truth_of(entry, truths, size)
        return replace(read, ids=np.where(read.ids == 255, 255, 0).astype(np.int32))

    rows, _ = swept(data, tiny_plan(), network, tmp_path, truth_of=shifted)

    assert {k for row in rows for k in row.true_ids} == {0}
