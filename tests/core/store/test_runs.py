"""Runs: frozen, found by an id that nobody guesses, gone with what only they needed."""

import io
import json
import struct
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from core.__main__ import main
from core.errors import InspectionError, MissingRunError, StoreError, StoreFullError
from core.settings import Settings, change
from core.store import (
    Kept,
    Result,
    Snapshot,
    add_note,
    check,
    delete_run,
    expire_runs,
    export_run,
    import_run,
    labels_to_file,
    list_runs,
    notes_of,
    open_run,
    open_store,
    read_labels,
    save_run,
)
from core.store.foreign_zip import open_zip
from core.store.snapshot import from_document, to_document
from core.store.tables import METADATA, RUNS
from core.testing import overwrite

SNAPSHOT = Snapshot(
    kind="everything",
    settings=change(Settings(), mean=(0.485, 0.456, 0.406), class_names=("desk", "cup")),
    preset="imagenet",
    part="ema",
    choices="output+stride=8",
    checkpoint_name="best.pth",
    checkpoint_mark="0123456789abcdef",
    architecture="DeepLabV3",
    pin=(3, 4),
    channel=1,
    result=Result(
        sentence="99.0 % class 0 (desk); 2 of 2 classes present",
        shares=(0.99, 0.01),
        class_names=("desk", "cup"),
        diagnosis={
            "verdict": "Normalization is missing.",
            "finished": True,
            "findings": [
                {
                    "cause": "P1",
                    "name": "Normalization is missing",
                    "certainty": "certain",
                    "kind": "fault",
                    "fix": "Choose ImageNet",
                    "code": "",
                    "evidence": [{"words": "The running statistics show 0.485"}],
                }
            ],
        },
        pixel=(1.5, float("inf")),
    ),
    versions={"torch": "2.8"},
)


def kept(store, content, name="best.pth"):
    return Kept(store.put(io.BytesIO(content), name), name)


def shared(store, *contents, snapshot=SNAPSHOT, expires=None):
    """A run with these files, by role in a fixed order."""
    roles = ("picture", "checkpoint", "truth", "labels")
    files = {r: kept(store, c, r) for r, c in zip(roles, contents, strict=False)}
    return save_run(store, snapshot, files, expires)


# --- frozen and found again -----------------------------------------------------------------------


def test_a_run_is_opened_by_another_server_as_it_was_saved(place):
    run = shared(place.open(), b"picture", b"weights")

    assert open_run(place.open(), run.id) == run


def test_an_id_holds_192_bits_of_chance_and_no_two_are_alike(place):
    store = place.open()
    ids = {shared(store).id for _ in range(20)}

    assert len(ids) == 20
    assert all(len(id) == 32 for id in ids)


@pytest.mark.parametrize("id", ["", "a" * 32, "%", "_" * 32, "' OR 1=1 --", "../x", "a" * 9999])
def test_an_id_that_was_never_given_out_is_told_in_a_sentence(place, id):
    store = place.open()
    shared(store)

    with pytest.raises(MissingRunError, match="does not have"):
        open_run(store, id)


def test_a_snapshot_comes_back_from_its_document_as_it_was():
    assert from_document(to_document(SNAPSHOT)) == SNAPSHOT


def test_numbers_of_numpy_in_a_finding_can_be_kept():
    diagnosis = {**SNAPSHOT.result.diagnosis, "effect": np.float32(0.5)}
    result = Result("", (), (), diagnosis=diagnosis)

    assert json.loads(to_document(Snapshot("everything", Settings(), result=result)))


def test_a_document_of_an_older_version_is_opened_with_the_settings_it_meant(place):
    store = place.open()
    run = shared(store)
    from tests.core.test_settings_json import OLD

    document = json.loads(to_document(SNAPSHOT)) | {"settings": json.loads(OLD)}
    with store.engine.begin() as rows:
        rows.execute(RUNS.update().values(document=json.dumps(document)))
    opened = open_run(place.open(), run.id).snapshot

    assert opened.settings.preprocessing.side == 256
    assert opened.settings.decoding.threshold == 0.25


def test_the_tables_are_those_that_the_migrations_make(place):
    with place.open().engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)

    assert differences == []


def test_texts_that_no_database_takes_are_kept_without_what_it_refuses(place):
    store = place.open()
    odd = Snapshot("everything", Settings(), checkpoint_name="a\0b\ud800")
    run = save_run(store, odd, {"picture": kept(store, b"x", "a\0\ud800")})
    add_note(store, run.id, "me\0", "a\0\ud800")

    assert open_run(store, run.id).snapshot.checkpoint_name.startswith("ab")
    assert notes_of(store, run.id)[0].text == "a?"


# --- files ----------------------------------------------------------------------------------------


def test_a_checkpoint_that_many_runs_use_is_kept_once(place):
    store = place.open()
    for number in range(5):
        shared(store, b"picture %d" % number, b"weights" * 1000)

    assert len(store.digests()) == 6


def test_the_quota_never_forgets_what_a_run_needs(place):
    store = place.open(quota=30)
    run = shared(store, b"p" * 10)
    for content in (b"a", b"b", b"c", b"d"):
        kept(store, content * 10)

    assert store.path(open_run(store, run.id).files["picture"].digest).read_bytes() == b"p" * 10
    assert len(store.digests()) == 3


def test_a_file_for_which_the_runs_leave_no_room_is_refused_and_nothing_is_forgotten(place):
    store = place.open(quota=30)
    shared(store, b"p" * 10, b"w" * 10)
    upload = kept(store, b"u" * 5)
    with pytest.raises(StoreFullError, match="shared runs need") as caught:
        kept(store, b"x" * 15)

    assert "Delete runs" in caught.value.remedy
    assert upload.digest in store.digests()
    assert set(store.blobs.all()) == store.digests()
    assert check(store).healthy


def test_a_run_whose_files_push_each_other_out_is_refused_as_a_whole(place):
    store = place.open(quota=30)
    with pytest.raises(StoreFullError, match="no room for this run"):
        shared(store, b"p" * 20, b"w" * 20)

    assert list_runs(store) == []


def test_deleting_a_run_deletes_what_nobody_else_needs(place):
    store = place.open()
    first, second = shared(store, b"one", b"weights"), shared(store, b"two", b"weights")
    add_note(store, first.id, "me", "look")
    delete_run(store, first.id)

    with pytest.raises(MissingRunError):
        open_run(store, first.id)
    assert notes_of(store, first.id) == []
    assert store.digests() == {kept.digest for kept in second.files.values()}
    assert set(store.blobs.all()) == store.digests()


def test_what_is_open_in_the_tab_that_deletes_stays(place):
    store = place.open()
    run = shared(store, b"one", b"weights")
    opened = run.files["picture"].digest
    delete_run(store, run.id, keep={opened})

    assert store.digests() == {opened}


def test_deleting_twice_is_no_error(place):
    store = place.open()
    run = shared(store, b"one")
    delete_run(store, run.id)
    delete_run(store, run.id)

    assert list_runs(store) == []


def test_a_run_whose_time_is_over_is_not_shown_and_then_deleted(place):
    store = place.open()
    over = shared(store, b"over", expires=time.time() - 1)
    later = shared(store, b"later", expires=time.time() + 1000)
    with pytest.raises(MissingRunError):
        open_run(store, over.id)

    assert [run.id for run in list_runs(store)] == [later.id]
    assert expire_runs(store) == 1
    assert store.digests() == {later.files["picture"].digest}


# --- search and notes -----------------------------------------------------------------------------


def test_a_search_finds_names_verdicts_findings_and_notes_but_no_wildcards(place):
    store = place.open()
    first = shared(store, b"one")
    other = Snapshot("settings", Settings(), checkpoint_name="other.pth")
    second = shared(store, snapshot=other)
    add_note(store, second.id, "me", "Look at the SKY, 100 % gone")

    def found(words):
        return [run.id for run in list_runs(store, words)]

    assert found("") == [second.id, first.id]
    assert found("Normalization best.PTH") == [first.id]
    assert found("p1 desk") == [first.id]
    assert found("sky") == [second.id]
    assert found("100 %") == [second.id]
    assert found("_") == found("%%") == []


def test_notes_stand_beside_a_run_in_the_order_they_were_written(place):
    store = place.open()
    run = shared(store)
    add_note(store, run.id, "Ann", "first")
    add_note(store, run.id, "", "<script>alert(1)</script>")

    assert [(note.author, note.text) for note in notes_of(store, run.id)] == [
        ("Ann", "first"),
        ("", "<script>alert(1)</script>"),
    ]
    assert open_run(store, run.id) == run


@pytest.mark.parametrize("text", ["", "  \n", "x" * 4001])
def test_an_empty_or_endless_note_is_refused(place, text):
    store = place.open()
    run = shared(store)

    with pytest.raises(StoreError, match="1 to 4000"):
        add_note(store, run.id, "me", text)


def test_no_note_can_be_written_beside_a_run_that_is_gone(place):
    with pytest.raises(MissingRunError):
        add_note(place.open(), "a" * 32, "me", "text")


# --- as one file ----------------------------------------------------------------------------------


def exported(store, run):
    file = io.BytesIO()
    export_run(store, run, file)
    return file.getvalue()


def rewritten(content, change_head=None, **options):
    """The export with another run.json, another blob, or one file more."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(target, "w", options.get("method", zipfile.ZIP_STORED)) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if name == "run.json" and change_head:
                data = json.dumps(change_head(json.loads(data))).encode()
            if name != "run.json" and "blob" in options:
                data = options["blob"]
            new.writestr(name, data)
        for name in options.get("more", ()):
            new.writestr(name, b"more")
    return target.getvalue()


def test_a_run_travels_to_another_server_as_one_file_under_a_new_id(alone, team):
    here, there = alone.open(), team.open()
    run = shared(here, b"picture", b"weights" * 1000)
    add_note(here, run.id, "Ann", "look")
    arrived = import_run(there, io.BytesIO(exported(here, run)))

    assert arrived.id != run.id
    assert (arrived.snapshot, arrived.files) == (run.snapshot, run.files)
    assert there.path(run.files["checkpoint"].digest).read_bytes() == b"weights" * 1000
    assert [note.text for note in notes_of(there, arrived.id)] == ["look"]


def patched(content, at, new):
    """The bytes from this place on replaced; a negative one counts from the end."""
    at %= len(content)
    return content[:at] + new + content[at + len(new) :]


def garbled(content, after):
    """What follows a name is noise, but for the 20 bytes that numpy lets follow it."""
    return patched(content, content.index(after) + len(after) + 20, b"\xff" * 8)


def directory_of(count):
    """A ZIP that is a directory alone, of entries of one letter."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<H", 1) + bytes(16) + b"a"
    size = len(entry) * count
    end = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, 0)
    place = b"PK\x06\x07" + struct.pack("<IQI", 0, size, 1)
    last = b"PK\x05\x06" + bytes(4) + b"\xff" * 12 + bytes(2)
    return entry * count + end + place + last


def changed(*path, value):
    def change_head(head):
        place = head
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = value
        return head

    return change_head


HOSTILE = {
    "no ZIP": lambda content: b"not a zip",
    "empty": lambda content: b"",
    "cut off": lambda content: content[:-30],
    "other bytes": lambda content: rewritten(content, blob=b"other bytes"),
    "a file more": lambda content: rewritten(content, more=["../../etc/cron.d/x"]),
    "a twin": lambda content: rewritten(content, more=["./run.json"]),
    "compressed": lambda content: rewritten(content, method=zipfile.ZIP_DEFLATED),
    "a deflated head that cannot be inflated": lambda content: garbled(
        rewritten(content, method=zipfile.ZIP_DEFLATED), after=b"run.json"
    ),
    "a place before its beginning": lambda content: patched(content, -3, b"\2"),
    "a directory of 100,000 entries": lambda content: directory_of(100_000),
    "a name that is no UTF-8": lambda content: patched(
        patched(content, content.rindex(b"PK\1\2") + 8, b"\0\x08"), -68, b"\xff"
    ),
    "no JSON": lambda content: rewritten(content, lambda head: "x").replace(b'"x"', b"{{{"),
    "a list": lambda content: rewritten(content, lambda head: [1]),
    "a path as digest": lambda content: rewritten(
        content, changed("files", "picture", "digest", value="../../etc/passwd")
    ),
    "an unknown role": lambda content: rewritten(
        content, changed("files", value={"evil": {"digest": "0" * 64, "name": ""}})
    ),
    "a missing file": lambda content: rewritten(
        content, changed("files", "picture", "digest", value="0" * 64)
    ),
    "a source that names a path": lambda content: rewritten(
        content, changed("document", "pretrained", value="folder:../../secret.pth")
    ),
    "a newer format": lambda content: rewritten(content, changed("document", "format", value=99)),
    "settings of a newer schema": lambda content: rewritten(
        content, changed("document", "settings", "schema", value=99)
    ),
    "a pin that is no pixel": lambda content: rewritten(
        content, changed("document", "pin", value=["1", {}])
    ),
    "findings that are no texts": lambda content: rewritten(
        content, changed("document", "result", "diagnosis", value={"findings": [{"name": 7}]})
    ),
    "shares that are no numbers": lambda content: rewritten(
        content, changed("document", "result", "shares", value=["a"])
    ),
    "notes that are no notes": lambda content: rewritten(content, changed("notes", value=[3])),
    "a note without text": lambda content: rewritten(
        content, changed("notes", value=[{"author": "", "text": "a"}, {"author": "", "text": " "}])
    ),
    "a number that no float can be": lambda content: rewritten(
        content, changed("document", "settings", "preprocessing", "mean", value=[10**400, 0, 0])
    ),
    "endless text": lambda content: rewritten(
        content, changed("document", "architecture", value="x" * 10**6)
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_is_no_sound_export_is_refused_and_nothing_is_kept(alone, tmp_path, case):
    store = alone.open()
    content = HOSTILE[case](exported(store, shared(store, b"picture")))
    delete_run(store, list_runs(store)[0].id)
    with pytest.raises(InspectionError):
        import_run(store, io.BytesIO(content))

    assert list_runs(store) == []
    assert store.digests() == set(store.blobs.all()) == set()


def test_halves_of_characters_are_replaced_where_a_run_comes_in(alone):
    """In JSON they are escaped, so that they come through; no page can write them."""
    store = alone.open()
    content = exported(store, shared(store, b"picture"))
    for name in ("architecture", "checkpoint_name", "part"):
        content = rewritten(content, changed("document", name, value="a\ud800b"))
    content = rewritten(content, changed("notes", value=[{"author": "\ud800", "text": "\ud800"}]))
    run = import_run(store, io.BytesIO(content))

    assert run.snapshot.architecture == run.snapshot.part == "a?b"
    assert list_runs(store)[0].snapshot.checkpoint_name == "a?b"
    assert notes_of(store, run.id)[0].text == "?"


def test_an_endless_number_of_a_result_is_infinite_and_nan_stays():
    wild = (10**400, -(10**400), float("nan"))
    result = replace(SNAPSHOT.result, pixel=wild)
    found = from_document(to_document(replace(SNAPSHOT, result=result))).result.pixel

    assert found[:2] == (float("inf"), float("-inf"))
    assert found[2] != found[2]


def test_a_run_that_cannot_be_read_hides_no_other(alone):
    store = alone.open()
    good, bad = shared(store, b"good"), shared(store, b"bad")
    with store.engine.begin() as rows:
        rows.execute(RUNS.update().where(RUNS.c.id == bad.id).values(document='{"format": 99}'))

    assert [run.id for run in list_runs(store)] == [good.id]
    with pytest.raises(StoreError):
        open_run(store, bad.id)


def test_the_command_line_takes_a_run_from_one_server_to_another(tmp_path, monkeypatch, capsys):
    here, file = tmp_path / "here", tmp_path / "run.zip"
    monkeypatch.setenv("MASKSCOPE_DATA", str(here))
    store = open_store(here)
    run = save_run(store, SNAPSHOT, {"picture": kept(store, b"pixels", "cup.png")})
    gave = main(["export", run.id, str(file)])
    monkeypatch.setenv("MASKSCOPE_DATA", str(tmp_path / "there"))
    took = main(["import", str(file)])
    there = open_store(tmp_path / "there")
    (arrived,) = list_runs(there)
    nowhere = main(["export", arrived.id, str(tmp_path / "none" / "run.zip")])

    assert (gave, took, nowhere) == (0, 0, 1)
    assert f"?run={arrived.id}" in capsys.readouterr().out
    assert there.path(arrived.files["picture"].digest).read_bytes() == b"pixels"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["run.zip"]


def test_no_id_begins_like_an_option_of_the_command_line(alone, monkeypatch):
    drawn = iter(["-" + "a" * 31, "b" * 32])
    monkeypatch.setattr("core.store.runs.secrets.token_urlsafe", lambda size: next(drawn))

    assert shared(alone.open(), b"pixels").id == "b" * 32


def test_a_damaged_file_is_not_exported_as_if_it_were_sound(team):
    store = team.open(disk="here")
    run = shared(store, b"picture")
    overwrite(store, run.files["picture"].digest, b"other b")

    with pytest.raises(StoreError, match="damaged"):
        exported(team.open(disk="there"), run)


# --- label maps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [5, 70_000])
def test_a_label_map_comes_back_bit_for_bit(largest):
    ids = np.array([[-1, 0, 1], [2, 3, largest]], np.int32)
    read = read_labels(io.BytesIO(labels_to_file(ids)))

    assert read.dtype == np.int32
    assert np.array_equal(read, ids)


def npz(array, **options):
    file = io.BytesIO()
    np.savez_compressed(file, **{options.get("name", "ids"): array})
    return file.getvalue()


def claiming(shape):
    """A small file whose header claims a large array."""
    inner, outer = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(
        inner, {"descr": "<i4", "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("ids.npy", inner.getvalue())
    return outer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"no zip",
        npz(np.zeros((2, 2), np.int32), name="other"),
        npz(np.zeros(4, np.int32)),
        npz(np.zeros((2, 2), np.float32)),
        npz(np.array([[{}]], object)),
        claiming((2**20, 2**20)),
        claiming((2, 2)),
        claiming((-1, 4)),
        garbled(npz(np.zeros((2, 2), np.int32)), after=b"ids.npy"),
        directory_of(100_000),
    ],
    ids=[
        "no-zip",
        "name",
        "one-axis",
        "floats",
        "objects",
        "huge",
        "short",
        "negative",
        "noise",
        "directory",
    ],
)
def test_what_is_no_label_map_is_told_in_a_sentence(content):
    with pytest.raises(StoreError, match="label map"):
        read_labels(io.BytesIO(content))


def test_a_directory_of_many_entries_is_not_read_to_its_end():
    with pytest.raises(zipfile.BadZipFile):
        open_zip(io.BytesIO(directory_of(100_000)))
