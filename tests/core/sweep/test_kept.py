"""A sweep kept with a run: a link opens the table, and one label map at a time."""

from __future__ import annotations

import io

import numpy as np
import pytest

from core.engine import in_this_thread
from core.errors import MissingFileError, StoreError
from core.image import decode_image
from core.inspection import run_stages
from core.store import Snapshot, delete_run, export_run, import_run, open_run, open_store, save_run
from core.sweep import Table
from core.sweep.kept import keep_sweep, labels_of, open_sweep
from core.sweep.local import sweep
from core.testing import overwrite
from tests.support.sweeps import (
    IN_HERE,
    SETTINGS,
    numbers,
    tiny_network,
    tiny_plan,
    tiny_set,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store, a run of a sweep, its data and its rows."""
    folder = tmp_path_factory.mktemp("kept")
    data, network, plan = tiny_set(folder, 3), tiny_network(), tiny_plan(keep_labels=True)
    store = open_store(folder / "store")
    with Table(folder / "t", plan) as table:
        list(sweep(data, plan, network, table, **IN_HERE))
        run, rows = keep_sweep(store, table), list(table.rows())
    return store, run, data, rows


def test_the_link_opens_the_table(made):
    store, run, _, rows = made
    plan, found = open_sweep(store, open_run(store, run.id))

    assert plan == tiny_plan(keep_labels=True)
    assert numbers(found) == numbers(rows)
    assert run.snapshot.settings == SETTINGS[0].settings


def test_each_label_map_is_found_by_the_digest_of_its_row(made):
    store, run, data, rows = made
    network = tiny_network()
    for row in rows[:4]:
        image = decode_image(data.entries[row.index].picture.read())
        settings = next(named.settings for named in SETTINGS if named.name == row.setting)
        shown = run_stages(image, network, settings, forward=in_this_thread).labels.ids
        assert np.array_equal(labels_of(store, run, row.labels), shown)
    with pytest.raises(MissingFileError):
        labels_of(store, run, "0" * 64)


def test_it_travels_to_another_server(made, tmp_path):
    store, run, _, rows = made
    file = io.BytesIO()
    export_run(store, run, file)
    file.seek(0)
    there = open_store(tmp_path)
    arrived = import_run(there, file)

    assert numbers(open_sweep(there, arrived)[1]) == numbers(rows)


def test_its_files_go_with_the_run(made, tmp_path):
    folder, plan = tmp_path / "t", tiny_plan()
    store = open_store(tmp_path / "store")
    with Table(folder, plan) as table:
        list(sweep(made[2], plan, tiny_network(), table, **IN_HERE))
        run = keep_sweep(store, table)
    assert len(store.digests()) == 1
    delete_run(store, run.id)

    assert not store.digests()


def test_a_run_without_a_sweep_says_so(made):
    store = made[0]
    run = save_run(store, Snapshot("settings", SETTINGS[0].settings), {})

    with pytest.raises(MissingFileError):
        open_sweep(store, run)


def test_a_damaged_table_is_told(tmp_path, made):
    store = open_store(tmp_path / "store")
    with Table(tmp_path / "t", tiny_plan()) as table:
        run = keep_sweep(store, table)
    overwrite(store, run.files["sweep"].digest, b"PAR1 no table")

    with pytest.raises(StoreError):
        open_sweep(store, run)
