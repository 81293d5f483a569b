"""A folder and a ZIP as a data set, what is refused of them, and repairs by hand."""

import contextlib
import pickle
import random
import stat
import struct
import time
import zipfile

import pytest

from core.dataset import Changes, Rule, open_set, repair
from core.errors import DataSetError
from core.image import read_raster
from tests.core.dataset.making import (
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

FLAT = {
    "set/images/a.jpg": jpg(),
    "set/images/b.jpg": jpg(),
    "set/masks/a.png": mask(0, 1),
    "set/masks/b.png": mask(1, 0),
}


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_images_and_masks_are_paired_by_their_names(tmp_path, kind):
    made = write(tmp_path / "f", FLAT) if kind == "folder" else zipped(tmp_path / "s.zip", FLAT)
    found = open_set(made)

    assert pairs_of(found) == {"a": "set/masks/a.png", "b": "set/masks/b.png"}
    assert found.data.layout == "pictures and masks"
    assert found.findings == ()
    assert found.pairing.words == "2 of 2 pictures have a mask"
    entry = pickle.loads(pickle.dumps(found.data.entries[0]))
    assert entry.picture.read() == FLAT["set/images/a.jpg"]
    assert entry.truth.read() == png(FLAT["set/masks/a.png"])


def test_what_has_no_partner_or_two_is_named_and_the_rest_is_paired(tmp_path):
    more = {
        "set/images/alone.jpg": jpg(),
        "set/images/twice.jpg": jpg(),
        "set/masks/twice.png": mask(0, 1),
        "set/masks/twice.bmp": mask(0, 1),
        "set/masks/lost.png": mask(0, 1),
    }
    found = open_set(write(tmp_path, {**FLAT, **more}))

    assert pairs_of(found) == {
        "a": "set/masks/a.png",
        "alone": None,
        "b": "set/masks/b.png",
        "twice": None,
    }
    assert found.pairing.masks == tuple(
        f"set/masks/{name}" for name in ("a.png", "b.png", "lost.png", "twice.bmp", "twice.png")
    )
    assert kinds_of(found) == {
        "mask_without_picture": ["set/masks/lost.png"],
        "two_masks": ["set/images/twice.jpg"],
        "picture_without_mask": ["set/images/alone.jpg"],
    }


def test_a_mask_given_by_hand_or_taken_away_is_no_finding_any_more(tmp_path):
    more = {"set/images/x.jpg": jpg(), "set/masks/y.png": mask(0, 1)}
    found = open_set(write(tmp_path, {**FLAT, **more}))
    chosen = {"set/images/x.jpg": "set/masks/y.png", "set/images/a.jpg": None}
    mended = repair(found, Changes(by_hand=chosen))

    assert pairs_of(mended) == {"a": None, "b": "set/masks/b.png", "x": "set/masks/y.png"}
    assert kinds_of(mended) == {"picture_without_mask": ["set/images/a.jpg"]}
    with pytest.raises(DataSetError, match=r"nowhere\.png is no file"):
        repair(found, Changes(by_hand={"set/images/x.jpg": "nowhere.png"}))


def test_another_rule_pairs_what_no_layout_knows(tmp_path):
    found = open_set(write(tmp_path, {"one/p7.png": picture(), "two/class-7-of.png": mask(0, 1)}))
    mended = repair(found, Changes(rule=Rule("one/p{key}.png", "two/class-{key}-of.png")))

    assert [each.truth for each in found.data.entries] == [None, None]
    assert pairs_of(mended) == {"7": "two/class-7-of.png"}


@pytest.mark.parametrize(
    "pattern",
    ["images/*.png", "{key}/{key}.png", "{split}/{key}.png", "{key}*a*b*c.png", "{any}{root}{key}"],
)
def test_a_rule_that_joins_nothing_is_refused(pattern):
    with pytest.raises(DataSetError):
        Rule(pattern, "masks/{key}.png")


def test_a_rule_that_takes_too_long_on_the_names_is_stopped(tmp_path, monkeypatch):
    found = open_set(write(tmp_path, FLAT))
    monkeypatch.setattr("core.dataset.pairing.SECONDS", -1)

    with pytest.raises(DataSetError, match="takes too long"):
        repair(found, Changes(rule=Rule("set/images/{key}.*", "set/masks/{key}.*")))


def test_names_of_a_zip_made_on_windows_are_paths(tmp_path):
    path = zipped(tmp_path / "s.zip", {"images/a.png": picture(), "masks/a.png": mask(0, 1)})
    content = path.read_bytes().replace(b"images/a.png", b"images\\a.png")
    path.write_bytes(content.replace(b"masks/a.png", b"masks\\a.png"))

    assert pairs_of(open_set(path)) == {"a": "masks/a.png"}


def test_pictures_without_any_mask_are_a_set_too(tmp_path):
    found = open_set(write(tmp_path, {"b10.png": picture(), "b2.png": picture(), "x.txt": "no"}))

    assert list(pairs_of(found)) == ["b2.png", "b10.png"]
    assert found.findings == ()


def test_a_source_without_pictures_says_so(tmp_path):
    with pytest.raises(DataSetError, match="No picture was found"):
        open_set(write(tmp_path, {"x.txt": "no"}))
    with pytest.raises(DataSetError, match="There is nothing at"):
        open_set(tmp_path / "nowhere")


# --- what is refused ------------------------------------------------------------------------------


def test_names_that_lead_out_of_a_zip_links_and_nested_archives_are_left_out(tmp_path):
    path = zipped(
        tmp_path / "s.zip",
        {
            **FLAT,
            "../evil.png": picture(),
            "/etc/evil.png": picture(),
            "C:\\evil.png": picture(),
            "inner.zip": b"PK",
            "brain.nii.gz": b"",
            "__MACOSX/set/._a.png": b"",
            "set/.DS_Store": b"",
        },
    )
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("set/images/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    found = open_set(path)

    assert list(pairs_of(found)) == ["a", "b"]
    assert kinds_of(found) == {
        "unsafe_name": ["../evil.png", "/etc/evil.png", "C:/evil.png"],
        "link": ["set/images/link.png"],
        "nested_archive": ["inner.zip"],
        "volume": ["brain.nii.gz"],
    }


def test_a_link_out_of_a_folder_is_refused_when_listed_and_when_read(tmp_path):
    outside = write(tmp_path / "outside", {"secret.png": picture()})
    folder = write(tmp_path / "set", {"images/a.png": picture(), "images/b.png": picture()})
    (folder / "images/link.png").symlink_to(outside / "secret.png")
    (folder / "images/inner.png").symlink_to(folder / "images/a.png")
    (folder / "more").symlink_to(outside)
    found = open_set(folder)
    (folder / "images/b.png").unlink()
    (folder / "images/b.png").symlink_to(outside / "secret.png")
    entries = {entry.name: entry for entry in found.data.entries}

    assert list(entries) == ["images/a.png", "images/b.png", "images/inner.png"]
    assert sorted(kinds_of(found)["link"]) == ["images/link.png", "more"]
    assert entries["images/inner.png"].picture.read() == png(picture())
    with pytest.raises(DataSetError, match="cannot be read"):
        entries["images/b.png"].picture.read()


def test_a_zip_that_says_it_unpacks_to_very_much_is_refused(tmp_path):
    path = tmp_path / "bomb.zip"
    zipped(path, {f"{k}.bmp": b"x" * 1000 for k in range(20)})
    content = bytearray(path.read_bytes())
    _declare(content, 60 * 2**20)
    path.write_bytes(content)

    with pytest.raises(DataSetError, match="fill a disk"):
        open_set(path)


def test_where_no_picture_is_left_it_is_told_what_was_refused(tmp_path):
    path = zipped(tmp_path / "s.zip", {"../../a.png": picture()})

    with pytest.raises(DataSetError, match=r"lead out of the archive: \.\./\.\./a\.png"):
        open_set(path)


def test_members_that_share_their_bytes_are_refused(tmp_path):
    path = zipped(tmp_path / "s.zip", {"a.png": picture(), "b.png": picture()})
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(content)

    with pytest.raises(DataSetError, match="lie over one another"):
        open_set(path)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused_when_read(tmp_path):
    path = zipped(tmp_path / "s.zip", {"a.png": bytes(10**6), "b.png": picture()})
    content = bytearray(path.read_bytes())
    _declare(content, 1000, only=1)
    path.write_bytes(content)
    first, second = open_set(path).data.entries

    with pytest.raises(DataSetError, match="not as large"):
        first.picture.read()
    assert second.picture.read() == png(picture())


def test_a_damaged_member_is_told_and_one_that_is_too_large_is_left_out(tmp_path):
    files = {"a.png": picture(), "b.png": picture(3), "c.png": picture(7)}
    path = zipped(tmp_path / "s.zip", files, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 1
    last = content.rindex(b"PK\x01\x02")
    content[last + 24 : last + 28] = struct.pack("<I", 65 * 2**20)
    path.write_bytes(content)
    found = open_set(path)

    with pytest.raises(DataSetError, match="checksum"):
        found.data.entries[0].picture.read()
    assert kinds_of(found) == {"too_large": ["c.png"]}


def test_a_file_that_is_no_zip_is_told(tmp_path):
    (tmp_path / "s.zip").write_bytes(b"PK\x03\x04 nothing")

    with pytest.raises(DataSetError, match="no ZIP file"):
        open_set(tmp_path / "s.zip")


def test_a_damaged_zip_gives_right_bytes_or_an_error_and_nothing_else(tmp_path):
    whole = zipped(tmp_path / "s.zip", FLAT).read_bytes()
    right = {as_bytes(content) for content in FLAT.values()}
    chance, path = random.Random(7), tmp_path / "d.zip"
    read = 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(content[: chance.choice([len(content), chance.randrange(len(content))])])
        with contextlib.suppress(DataSetError):
            for entry in open_set(path, read=read_raster).data.entries:
                with contextlib.suppress(DataSetError):
                    assert entry.picture.read() in right
                    read += 1

    assert read > 100


def test_ten_thousand_members_are_opened_and_one_is_read_quickly(tmp_path):
    files = {f"images/frame_{k:05}.jpg": b"x" for k in range(5000)}
    files |= {f"masks/frame_{k:05}.png": b"y" for k in range(5000)}
    path = zipped(tmp_path / "s.zip", files, zipfile.ZIP_STORED)
    began = time.process_time()
    found = open_set(path)
    opened = time.process_time()
    contents = {entry.picture.read() for entry in found.data.entries}
    ended = time.process_time()

    assert found.pairing.num_masks == 5000
    assert contents == {b"x"}
    assert opened - began < 5  # seconds of work; it takes 0.5
    assert ended - opened < 5  # 0.2: the list of members is not read again for each


def _declare(content, size, only=None):
    """Write another unpacked size into the archive's list, for all members or the first ones."""
    at, done = -1, 0
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0 and done != only:
        content[at + 24 : at + 28] = struct.pack("<I", size)
        done += 1
