"""Rows on the disk: whole or not there, never twice, of one plan."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import SettingsError, StoreError
from core.settings import change
from core.sweep import DONE, FAILED, Named, Plan, Row, Table, finished, read_rows
from core.sweep.parts import rows_so_far
from core.sweep.plan import plan_of
from tests.support.sweeps import SETTINGS, tiny_plan

PLAN = tiny_plan(settings=SETTINGS[:2])


def rows_of(number, **changes):
    row = Row(
        number, f"{number}", "", DONE, "", 0.1 + number / 3, 4, 5, 3, (0, 2), (0.75, 0.25), 0.25, 0,
        0.7, None, 0.5, 1 / 3, 0.4, (0,), (1 / 3,), (0, 3), (0, 0), (10, 10), "ab", "cd",
    )  # fmt: skip
    return [replace(row, setting=named.name, **changes) for named in PLAN.settings]


def filled(folder, numbers, **options):
    with Table(folder, PLAN, **options) as table:
        for number in numbers:
            table.append(rows_of(number))
    return folder


def stored(folder):
    with Table(folder, PLAN) as table:
        return list(table.rows())


@pytest.mark.parametrize("part_rows", [1, 3, 2000])
def test_rows_come_back_as_they_were(tmp_path, part_rows):
    filled(tmp_path, range(5), part_rows=part_rows)

    assert stored(tmp_path) == [row for number in range(5) for row in rows_of(number)]


def test_a_torn_last_line_is_cut_off_and_written_anew(tmp_path):
    journal = filled(tmp_path, range(3)) / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])

    with Table(tmp_path, PLAN) as table:
        assert table.done == {"0", "1"}
        table.append(rows_of(2))
    assert stored(tmp_path) == [row for number in range(3) for row in rows_of(number)]


def test_what_is_in_a_part_and_still_in_the_journal_is_there_once(tmp_path):
    journal = filled(tmp_path / "a", range(2)) / "journal.jsonl"
    old = journal.read_bytes()
    with Table(tmp_path / "a", PLAN) as table:
        table.finish()
    journal.write_bytes(old)  # as if the process had been killed before it emptied the journal

    assert stored(tmp_path / "a") == [row for number in range(2) for row in rows_of(number)]


def test_a_half_written_part_is_no_part(tmp_path):
    filled(tmp_path, range(2))
    (tmp_path / "parts" / ".00000000.parquet.new").write_bytes(b"PAR1")

    with Table(tmp_path, PLAN) as table:
        table.finish()
        assert len(list(table.rows())) == 4


def test_the_finished_table_holds_its_plan(tmp_path):
    with Table(tmp_path, PLAN, part_rows=2) as table:
        for number in (2, 0, 1):  # as a cluster gives them
            table.append(rows_of(number))
        plan, rows = read_rows(table.finish())

    assert plan == PLAN
    assert rows == [row for number in range(3) for row in rows_of(number)]
    assert pq.ParquetFile(tmp_path / "rows.parquet").num_row_groups == 3


def test_as_a_sheet_it_has_a_line_for_each_row_and_computes_nothing(tmp_path):
    with Table(tmp_path, PLAN) as table:
        table.append(rows_of(0, picture='=HYPERLINK("x")'))
        table.finish()
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))

    assert [line["picture"] for line in lines] == ['\'=HYPERLINK("x")'] * 2
    assert lines[0]["shares"] == "0:0.75 2:0.25"
    assert lines[0]["counts"] == "0>0:10 3>0:10"
    assert float(lines[0]["mean_iou"]) == 1 / 3 and lines[0]["first_kl"] == ""


def test_a_folder_is_of_one_plan(tmp_path):
    filled(tmp_path, range(1))
    other = replace(PLAN, ignore_index=0)

    with pytest.raises(StoreError, match="the rows of another sweep"):
        Table(tmp_path, other)


def test_one_process_writes_at_a_time(tmp_path):
    with Table(tmp_path, PLAN), pytest.raises(StoreError, match="Another process"):
        Table(tmp_path, PLAN)


def test_finished_pictures_are_read_while_another_one_writes(tmp_path):
    with Table(tmp_path, PLAN, part_rows=2 * len(SETTINGS)) as table:
        for number in range(3):
            table.append(rows_of(number))
        assert rows_so_far(tmp_path) == list(table.rows())
    assert {row.picture for row in rows_so_far(tmp_path)} == {"0", "1", "2"}


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot be kept in"):
        Table(tmp_path / "file" / "t", PLAN)


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits of a file's size")
def test_a_full_disk_is_told_and_tears_no_line(tmp_path):
    import resource

    filled(tmp_path, range(1))
    size = (tmp_path / "journal.jsonl").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Table(tmp_path, PLAN) as table:
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
            with pytest.raises(StoreError, match="cannot be kept"):
                table.append(rows_of(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        table.append(rows_of(2))

    assert [row.picture for row in stored(tmp_path)] == ["0", "0", "2", "2"]


def test_what_is_no_table_is_told(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(StoreError):
        read_rows(tmp_path / "rows.parquet")
    shutil.copy(filled(tmp_path / "a", range(1)) / "plan.json", tmp_path / "plan.json")
    text = json.loads((tmp_path / "plan.json").read_text())
    with pytest.raises(SettingsError):
        plan_of({**text, "ignore_index": "255"})


def test_a_text_that_is_named_very_often_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(finished, "MOST_BYTES", 2**24)
    path = tmp_path / "rows.parquet"
    columns = {"picture": pa.DictionaryArray.from_arrays([0] * 4000, ["x" * 2**16])}
    pq.write_table(pa.table(columns), path, store_schema=False)  # read as plain texts: 250 MB

    assert path.stat().st_size < 2**18
    with pytest.raises(StoreError, match="more than 16 MiB"):
        read_rows(path)


def test_the_digest_names_what_is_computed_and_not_how_it_is_shown():
    paler = Named("unit", change(SETTINGS[0].settings, alpha=0.1, palette="voc"))
    again = plan_of(json.loads(json.dumps(PLAN.to_json())))

    assert again == PLAN and again.digest == PLAN.digest
    assert replace(PLAN, settings=(paler, PLAN.settings[1])).digest == PLAN.digest
    others = [
        replace(PLAN, checkpoint="other"),
        replace(PLAN, keep_labels=True),
        replace(PLAN, settings=PLAN.settings[:1]),
        replace(PLAN, settings=(Named("unit", SETTINGS[2].settings), PLAN.settings[1])),
    ]
    assert len({PLAN.digest, *(plan.digest for plan in others)}) == 5


@pytest.mark.parametrize("names", [[], ["a", "a"], [""], list("abcdefghi")])
def test_settings_are_one_to_eight_with_names_of_their_own(names):
    with pytest.raises(SettingsError):
        Plan("tiny", tuple(Named(name, SETTINGS[0].settings) for name in names))


@pytest.mark.parametrize("part_rows", [1, 5, 2000])
def test_pictures_that_failed_are_forgotten_where_they_are_to_be_tried_again(tmp_path, part_rows):
    with Table(tmp_path, PLAN, part_rows=part_rows) as table:
        for number in range(5):
            status = FAILED if number in (1, 4) else DONE
            table.append(rows_of(number, status=status))

    with Table(tmp_path, PLAN) as table:
        assert table.forget_failed() == 2
        assert table.done == {"0", "2", "3"}
        table.append(rows_of(4))
        assert table.forget_failed() == 0
    kept = [row for number in (0, 2, 3, 4) for row in rows_of(number)]
    assert stored(tmp_path) == kept
