"""Uploads, addresses, tables, and what a server's visitors may open."""

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.dataset import Folder, KeptFile, choices, hosted, open_set, truth_of, uploaded
from core.errors import DataSetError
from core.image import read_raster
from core.store import open_store
from tests.core.dataset.making import (
    SIZE,
    as_bytes,
    jpg,
    kinds_of,
    mask,
    pairs_of,
    picture,
    png,
    write,
    zipped,
)

ROOT = Path(__file__).resolve().parents[3]
FLAT = {"images/a.jpg": jpg(), "images/b.jpg": jpg(), "masks/a.png": mask(0, 1)}


# --- uploads --------------------------------------------------------------------------------------


@pytest.fixture
def keep(tmp_path):
    store = open_store(tmp_path / "store", {})

    def kept(name, content):
        digest = store.put(io.BytesIO(as_bytes(content)), name)
        return KeptFile(name, digest, str(tmp_path / "store"))

    return kept


def test_uploads_are_read_from_the_store_by_their_digest(keep, tmp_path):
    files = [keep("a.jpg", jpg()), keep("a_mask.png", mask(0, 1)), keep("c.jpg", jpg())]
    found = open_set(uploaded(files))
    entry = pickle.loads(pickle.dumps(found.data.entries[0]))

    assert pairs_of(found) == {"a": "a_mask.png", "c": None}
    assert entry.truth.read() == png(mask(0, 1))
    with pytest.raises(DataSetError, match=r"a\.jpg cannot be read"):
        KeptFile("a.jpg", "0" * 64, str(tmp_path / "store")).read()


def test_a_single_zip_among_uploads_is_what_is_in_it(keep, tmp_path):
    packed = zipped(tmp_path / "set.zip", FLAT).read_bytes()
    found = open_set(uploaded([keep("set.zip", packed)]))

    assert pairs_of(found) == {"a": "masks/a.png", "b": None}
    assert found.data.name == "set"
    assert found.data.entries[0].picture.read() == FLAT["images/a.jpg"]


def test_two_uploads_of_one_name_and_a_zip_among_pictures_are_told(keep):
    files = [keep("a.jpg", jpg()), keep("a.jpg", jpg(picture(3))), keep("more.zip", b"PK")]

    assert kinds_of(open_set(uploaded(files))) == {
        "same_name": ["a.jpg"],
        "nested_archive": ["more.zip"],
    }


# --- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def bucket(tmp_path):
    system = fsspec.filesystem("memory")
    for name, content in FLAT.items():
        system.pipe_file(f"/bucket/set/{name}", as_bytes(content))
    system.pipe_file("/bucket/other/secret.png", png(picture()))
    system.pipe_file("/bucket/set.zip", zipped(tmp_path / "s.zip", FLAT).read_bytes())
    yield system
    system.rm("/bucket", recursive=True)


def test_an_address_is_a_set_and_a_zip_behind_one_too(bucket):
    found, packed = open_set("memory://bucket/set"), open_set("memory://bucket/set.zip")

    assert pairs_of(found) == pairs_of(packed) == {"a": "masks/a.png", "b": None}
    assert pickle.loads(pickle.dumps(found.data.entries[0])).truth.read() == png(mask(0, 1))
    assert packed.data.entries[0].picture.read() == FLAT["images/a.jpg"]


def test_an_address_that_is_gone_or_of_no_kind_says_so(bucket):
    found = open_set("memory://bucket/set")
    bucket.rm("/bucket/set/images/a.jpg")

    with pytest.raises(DataSetError, match=r"images/a\.jpg cannot be read"):
        found.data.entries[0].picture.read()
    with pytest.raises(DataSetError, match="cannot be opened"):
        open_set("nothing://bucket/set")
    with pytest.raises(DataSetError, match="No picture was found"):
        open_set("memory://bucket/nowhere")


def test_a_file_behind_an_address_is_not_read_where_it_is_too_large(bucket, monkeypatch):
    monkeypatch.setattr("core.dataset.files.remote.MOST_BYTES", 100)

    with pytest.raises(DataSetError, match="is larger than"):
        open_set("memory://bucket/set").data.entries[0].picture.read()


# --- what a server allows -------------------------------------------------------------------------


def test_only_what_lies_below_the_host_s_folder_is_opened(tmp_path):
    inside = write(tmp_path / "sets/flat", FLAT)
    write(tmp_path / "outside", FLAT)
    (tmp_path / "sets/link").symlink_to(tmp_path / "outside")
    zipped(tmp_path / "sets/packed.zip", FLAT)
    host = {"MASKSCOPE_DATASETS": str(tmp_path / "sets")}

    assert hosted("flat", host) == Folder(inside)
    assert open_set(hosted("packed.zip", host)).data.name == "packed"
    assert choices(host) == ["flat", "link", "packed.zip"]
    for name in ("../outside", "link", str(tmp_path / "outside"), "nowhere", "a\0b", "x" * 5000):
        with pytest.raises(DataSetError, match="not in the folder"):
            hosted(name, host)
    with pytest.raises(DataSetError, match="not in the folder"):
        hosted("flat", {})
    assert choices({}) == []


def test_only_addresses_with_a_prefix_of_the_host_s_are_opened(bucket):
    host = {"MASKSCOPE_DATASET_URLS": "s3://elsewhere memory://bucket/set"}

    assert pairs_of(open_set(hosted("memory://bucket/set", host)))
    for address in (
        "memory://bucket/other",
        "memory://bucket/settings",
        "memory://bucket/set/../other",
        "memory://bucket/set/%2e%2e/other",
        "memory://bucket/set::file:///etc",
        "file:///etc",
    ):
        with pytest.raises(DataSetError, match="not among those"):
            hosted(address, host)


# --- tables ---------------------------------------------------------------------------------------


def cell(content, path=None):
    return {"bytes": as_bytes(content), "path": path}


def table(path, **columns):
    pq.write_table(pa.table(columns), path, row_group_size=20)
    return path


def test_a_table_of_datasets_is_a_set_whose_cells_are_read_by_row_group(tmp_path):
    images = [cell(picture(k), f"frame-{k}.png") for k in range(50)]
    masks = [cell(mask(0, k % 3)) for k in range(50)]
    found = open_set(
        table(tmp_path / "train.parquet", pixel_values=images, label=masks, n=list(range(50)))
    )
    entry = pickle.loads(pickle.dumps(found.data.entries[41]))

    assert found.data.layout == "Parquet table"
    assert [each.name for each in found.data.entries[:2]] == ["frame-0.png", "frame-1.png"]
    assert (entry.name, entry.picture.group, entry.picture.row) == ("frame-41.png", 2, 1)
    assert entry.picture.read() == png(picture(41))
    assert truth_of(entry, found.data.truths, SIZE, read=read_raster).ids.max() == 41 % 3
    assert found.findings == ()


def test_tables_of_a_folder_with_plain_binary_columns_are_one_set(tmp_path):
    for split in ("train", "val"):
        table(
            tmp_path / f"{split}.parquet",
            image=[png(picture(k)) for k in range(3)],
            mask=[png(mask(0, 1)), png(mask(1, 0)), None],
        )
    write(tmp_path, {"README.md": "a set", "assets/logo.png": picture()})
    found = open_set(tmp_path)

    assert len(found.data.entries) == 6
    assert found.data.entries[0].name == "train/000000"
    with pytest.raises(DataSetError, match="the cell is empty"):
        found.data.entries[2].truth.read()


def test_cells_that_are_large_together_are_still_read_one_by_one(bucket, tmp_path, monkeypatch):
    images = [bytes([k]) * 1000 for k in range(40)]
    content = table(tmp_path / "t.parquet", image=images).read_bytes()
    bucket.pipe_file("/bucket/large/t.parquet", content)
    monkeypatch.setattr("core.dataset.files.table_rows.MOST_BYTES", 2500)
    found = open_set("memory://bucket/large/t.parquet")

    assert [each.picture.read() for each in found.data.entries] == images


def test_tables_that_cannot_be_used_say_why(tmp_path):
    zipped(tmp_path / "s.zip", {"data/train.parquet": b"PAR1"})
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and nothing else PAR1")
    table(tmp_path / "words.parquet", text=["a", "b"])

    with pytest.raises(DataSetError, match="is packed: unpack it first"):
        open_set(tmp_path / "s.zip")
    with pytest.raises(DataSetError, match="no table that can be read"):
        open_set(tmp_path / "broken.parquet")
    with pytest.raises(DataSetError, match="no column of pictures"):
        open_set(tmp_path / "words.parquet")


def test_the_process_that_reads_a_table_has_little_memory(tmp_path):
    repeated = pa.DictionaryArray.from_arrays([0] * 20, pa.array([bytes(40 * 2**20)]))
    path = tmp_path / "b.parquet"
    written = pa.table({"image": repeated})
    pq.write_table(written, path, store_schema=False, write_statistics=False)
    script = (
        "import io, json, core.image.child as child; child.MEMORY = 2**28; "
        "from core.dataset.files.table_child import answer; out = io.BytesIO(); "
        f"asked = {{'path': {str(path)!r}, 'group': 0, 'column': 'image', 'first': 0}}; "
        "answer(io.BytesIO(json.dumps(asked).encode()), out); print(out.getvalue()[:60])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert path.stat().st_size < 6 * 2**20
    assert "ArrowMemoryError" in done.stdout  # 16 rows take 640 MiB


def test_a_table_behind_an_address_is_read_where_it_is(bucket, tmp_path):
    images = [cell(picture(k), f"{k}.png") for k in range(30)]
    content = table(tmp_path / "t.parquet", image=images).read_bytes()
    bucket.pipe_file("/bucket/hub/t.parquet", content)
    found = open_set("memory://bucket/hub/t.parquet")

    assert found.data.entries[25].picture.read() == png(picture(25))


def test_a_description_is_plain_json(tmp_path):
    from core.dataset.files.table_rows import describe

    with table(tmp_path / "t.parquet", image=[cell(picture(), "a")]).open("rb") as file:
        told = describe(file)

    assert json.loads(json.dumps(told)) == {"columns": ["image"], "groups": [1], "names": ["a"]}
