"""Odd masks and odd sets: each is named, the rest is read."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from core.colors import palette_colors
from core.dataset import Changes, Truths, look_at_set, open_set, repair, truth_of
from core.dataset.look.judge import one_less
from core.dataset.truth import truth_in
from core.errors import MaskError
from core.image import read_raster
from core.settings import Display
from tests.core.dataset.making import jpg, picture, png, write
from tests.core.mask_file.drawing import photo, regions

SIDE = 48
SIZE = (SIDE, SIDE)


def ids(*values):
    return regions(*values, side=SIDE).astype(np.uint8)


def opened(folder, masks, **options):
    """Pictures of 48 x 48 with these masks, by name."""
    files = {f"images/{name}.png": picture(size=SIZE) for name in masks}
    files |= {f"masks/{name}.png": content for name, content in masks.items()}
    return open_set(write(folder, files), read=read_raster, **options)


def looked(found, **options):
    return look_at_set(found, read=read_raster, **options)


def kinds(look):
    return {finding.kind_id: list(finding.files) for finding in look.findings}


def classes(found, name):
    entry = next(each for each in found.data.entries if each.name == name)
    truth = truth_of(entry, found.data.truths, SIZE, read=read_raster)
    return np.unique(truth.ids).tolist()


def finding(found, kind_id):
    return next(each for each in found.findings if each.kind_id == kind_id)


def test_a_set_without_trouble_has_no_findings_and_counts_its_classes(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 1), "b": ids(0, 1, 2)})
    look = looked(found, num_classes=3)

    assert look.findings == ()
    assert look.pixels == {0: 1152 + 768, 1: 1152 + 768, 2: 768}
    assert look.looked == 2


def test_odd_files_among_good_ones_are_named_and_the_rest_is_read(tmp_path):
    broken = png(picture(size=SIZE))[:60]
    found = opened(
        tmp_path,
        {
            "good": ids(0, 1, 2),
            "also": ids(0, 2),
            "cut": broken,
            "small": ids(0, 1)[:24, :24],
            "photo": photo(side=SIDE),
        },
    )
    (tmp_path / "images/good.png").write_bytes(broken)
    look = looked(found, num_classes=3)
    said = kinds(look)

    assert said["unreadable_picture"] == ["images/good.png"]
    assert said["unreadable_mask"] == ["masks/cut.png"]
    assert said["other_size"] == ["masks/small.png"]
    assert finding(look, "other_size").evidence == (
        "masks/small.png: 24 x 24 pixels, the picture 48 x 48.",
    )
    assert "masks/photo.png" in [*said.get("no_label_map", ()), *said.get("unknown_values", ())]
    assert look.looked == 5
    assert classes(found, "also") == [0, 2]


def test_0_and_255_are_read_as_two_classes_and_it_is_told(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 255), "b": ids(255, 0), "c": ids(0, 0)})

    assert classes(found, "a") == [0, 1]
    assert finding(found, "two_values").evidence == (
        "3 masks were looked at: 0 is read as 0, 255 as 1.",
    )
    assert looked(found, num_classes=2).pixels == {0: 2 * 1152 + 2304, 1: 2 * 1152}


def test_0_and_255_with_values_between_take_the_nearer_one(tmp_path):
    drawn = Image.fromarray(ids(0, 255)[::2, ::2]).resize(SIZE, Image.Resampling.BICUBIC)
    found = opened(tmp_path, {"a": png(drawn), "b": png(drawn.rotate(90))})

    assert len(np.unique(np.array(drawn))) > 8
    assert classes(found, "a") == [0, 1]
    assert "are read as the nearer one" in finding(found, "two_values").evidence[0]
    assert kinds(looked(found))["ghosts"] == ["masks/a.png", "masks/b.png"]


def test_a_few_masks_of_0_and_255_among_masks_of_0_and_1_are_named(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 1), "b": ids(0, 1), "c": ids(0, 255)})

    assert kinds(looked(found))["mixed_numbering"] == ["masks/c.png"]


def test_255_as_the_border_of_ids_is_no_trouble(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 255, 1, 2), "b": ids(0, 255), "c": ids(2, 1)})

    assert classes(found, "a") == [0, 1, 2, 255]
    assert kinds(looked(found, num_classes=3)) == {}


@pytest.mark.parametrize(
    ("name", "void"), [("voc", (224, 224, 192)), ("cityscapes", (0, 0, 0)), ("ade20k", (0, 0, 0))]
)
def test_colors_of_a_known_palette_are_ids_and_it_is_told(tmp_path, name, void):
    colors = np.vstack([palette_colors(Display(palette=name), 19)[:19], [void]]).astype(np.uint8)
    found = opened(tmp_path, {"a": colors[ids(1, 5, 18)], "b": colors[ids(3, 19)]})

    assert classes(found, "a") == [1, 5, 18]
    assert classes(found, "b") == [3, 255]
    assert finding(found, "colored").evidence[0].startswith("2 masks were looked at: 5 colors")
    assert not [each for each in looked(found).findings if each.is_fault]


def test_a_known_palette_in_bgr_is_read_rightly_and_told(tmp_path):
    colors = palette_colors(Display(palette="ade20k"), 19)[:, ::-1]
    found = opened(tmp_path, {"a": colors[ids(1, 5, 18)]})

    assert classes(found, "a") == [1, 5, 18]
    assert "red and blue exchanged" in finding(found, "colored").evidence[0]


def test_another_mask_by_hand_keeps_the_reading_of_the_set(tmp_path):
    colors = palette_colors(Display(palette="voc"), 19)
    found = opened(tmp_path, {"a": colors[ids(1, 5, 18)], "b": colors[ids(3, 2)]})
    swapped = Changes(by_hand={"images/a.png": "masks/b.png", "images/b.png": None})
    mended = repair(found, swapped, read=read_raster)

    assert classes(mended, "a") == [2, 3]
    assert finding(mended, "colored").evidence[0].startswith("One mask was looked at: 2 colors")


def test_a_mask_of_one_gray_color_of_the_palette_is_in_color_too(tmp_path):
    colors = palette_colors(Display(palette="cityscapes"), 19)
    found = opened(tmp_path, {"a": colors[ids(0, 13, 8)], "b": colors[ids(2, 2)]})

    assert classes(found, "b") == [2]  # building, 70 70 70


def test_black_and_one_color_are_two_classes(tmp_path):
    colors = np.array([[0, 0, 0], [200, 30, 30]], np.uint8)
    found = opened(tmp_path, {"a": colors[ids(0, 1)]})

    assert classes(found, "a") == [0, 1]


def test_colors_of_no_palette_are_named_and_no_ids_are_made_up(tmp_path):
    colors = np.array([[0, 0, 0], [200, 30, 31], [17, 200, 3]], np.uint8)
    found = opened(tmp_path, {"a": colors[ids(0, 1, 2)]})
    look = looked(found)

    assert "#11c803" in finding(look, "unknown_values").evidence[0]
    assert [each.kind_id for each in look.findings] == ["unknown_values"]
    assert finding(look, "unknown_values").files == ("masks/a.png",)
    with pytest.raises(MaskError, match="in color"):
        classes(found, "a")


def test_one_colored_mask_and_a_photo_among_masks_of_ids_decide_nothing(tmp_path):
    colors = np.array([[0, 0, 0], [200, 30, 31], [17, 200, 3]], np.uint8)
    drawn = colors[ids(0, 1, 2)]
    found = opened(
        tmp_path, {"a": ids(0, 1), "b": ids(0, 255), "c": drawn, "d": photo(side=SIDE), "e": ids(0)}
    )
    look = looked(found)

    assert found.readings == ()
    assert kinds(look)["unknown_values"] == ["masks/c.png"]
    assert kinds(look)["no_label_map"] == ["masks/d.png"]


def test_a_palette_given_by_hand_reads_them(tmp_path):
    rows = ((0, 0, 0), (200, 30, 31), (17, 200, 3))
    found = opened(tmp_path, {"a": np.array(rows, np.uint8)[ids(0, 1, 2)]})
    mended = repair(found, Changes(truths=Truths(colors=rows)))

    assert classes(mended, "a") == [0, 1, 2]
    assert kinds(looked(mended)) == {}
    with pytest.raises(MaskError, match=r"#c81e1f"):
        classes(repair(found, Changes(truths=Truths(colors=rows[::2]))), "a")


def test_a_value_that_the_table_lacks_is_named_and_not_guessed(tmp_path):
    found = opened(tmp_path, {f"m{k:02}": ids(0, 255) for k in range(30)})
    (tmp_path / "masks/m01.png").write_bytes(png(ids(0, 77)))
    look = looked(found)

    assert kinds(look)["unknown_values"] == ["masks/m01.png"]
    assert "77" in finding(look, "unknown_values").evidence[0]
    assert look.pixels[1] == 29 * 1152


@pytest.mark.parametrize("values", [(0, 40, 90, 150), (0, 1, 2, 3, 4, 5)])
@pytest.mark.parametrize("way", ["resize", "jpeg"])
def test_ghosts_between_the_ids_are_named(tmp_path, values, way):
    drawn = Image.fromarray(np.roll(regions(*values, side=96).astype(np.uint8), (3, 5), (0, 1)))
    file = io.BytesIO()
    if way == "jpeg":
        drawn.point(lambda value: value * 40 if len(values) > 4 else value).save(file, "JPEG")
    else:
        drawn.resize((131, 125), Image.Resampling.BILINEAR).save(file, "PNG")
    found = opened(tmp_path, {"a": ids(*values), "b": file.getvalue()})

    assert kinds(looked(found))["ghosts"] == ["masks/b.png"]


def test_ids_that_count_from_1_are_told_against_the_class_count_with_their_reading(tmp_path):
    found = opened(tmp_path, {"a": ids(1, 2, 3), "b": ids(0, 3)})
    said = finding(looked(found, num_classes=3), "off_by_one")
    mended = repair(found, Changes(truths=said.truths))

    assert "The largest id is 3" in said.evidence[0]
    assert classes(mended, "a") == [0, 1, 2]
    assert classes(mended, "b") == [2, 255]
    assert kinds(looked(mended, num_classes=3)) == {}
    assert "off_by_one" not in kinds(looked(found, num_classes=4))


@pytest.mark.parametrize(
    ("truths", "expected"),
    [
        (Truths(ids={0: 0, 1: 1, 2: 2, 3: 3}), [0, 1, 255]),
        (Truths(("none", "a", "b", "c"), ((9, 9, 9), (0, 0, 0), (200, 0, 0), (0, 200, 0))), [1, 2]),
    ],
)
def test_one_less_of_a_table_and_of_colors(truths, expected):
    shifted = one_less(truths, 3)
    colors = np.array([[0, 0, 0], [200, 0, 0], [0, 200, 0]], np.uint8)
    drawn = colors[ids(1, 2)] if truths.colors else ids(0, 1, 2)
    raster = read_raster(png(drawn))

    assert np.unique(truth_in(raster, shifted, SIZE).ids).tolist() == expected


def test_a_network_of_171_classes_is_offered_its_table_of_coco_stuff(tmp_path):
    files = {"images/train2017/1.png": picture(size=SIZE)}
    files |= {"stuffthingmaps/train2017/1.png": ids(0, 91, 181)}
    found = open_set(write(tmp_path, files), read=read_raster)
    said = finding(looked(found, num_classes=171), "beyond_classes")
    mended = repair(found, Changes(truths=said.truths), read=read_raster)

    assert classes(mended, "train2017/1") == [0, 80, 170]
    assert "beyond_classes" not in kinds(looked(mended, num_classes=171))


def test_minus_1_may_be_the_ignored_value(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 1, 7)})
    truths = Truths(ids={0: 0, 1: 1, 7: -1}, ignore_index=-1)
    look = looked(repair(found, Changes(truths=truths), read=read_raster), num_classes=2)

    assert look.pixels == {0: 768, 1: 768}
    assert kinds(look) == {"unlabeled": []}


def test_ids_far_beyond_the_class_count_and_absent_classes_are_told(tmp_path):
    look = looked(opened(tmp_path, {"a": ids(0, 1, 9)}), num_classes=5)

    assert finding(look, "beyond_classes").evidence == ("9 occur on 33.3 % of the pixels.",)
    assert finding(look, "absent_class").evidence == ("3 of 5 in 1 masks: 2, 3, 4.",)


def test_cityscapes_label_ids_in_a_set_of_no_layout_are_told_with_their_table(tmp_path):
    found = opened(tmp_path, {"a": ids(7, 26, 23), "b": ids(7, 33, 24, 11)})
    mended = repair(found, Changes(truths=finding(found, "label_ids").truths))

    assert classes(found, "a") == [7, 23, 26]
    assert classes(mended, "a") == [0, 10, 13]


def test_ids_with_gaps_are_not_taken_for_ids_that_were_spread(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 40, 90, 150)})

    assert classes(found, "a") == [0, 40, 90, 150]
    assert found.findings == ()


def test_ids_spread_over_the_grays_are_read_back(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 85, 170, 255), "b": ids(0, 170)})

    assert classes(found, "a") == [0, 1, 2, 3]
    assert "value / 85" in finding(found, "spread_values").evidence[0]


def test_how_much_is_unlabeled_is_told_with_the_masks_that_have_nothing_else(tmp_path):
    found = opened(tmp_path, {"a": ids(0, 1, 255), "b": ids(255, 255)})
    said = finding(looked(found), "unlabeled")

    assert said.evidence[0] == "66.7 % of all pixels have the ignored value 255."
    assert said.files == ("masks/b.png",)


def test_arrays_and_masks_of_16_bits_are_read_too(tmp_path):
    file = io.BytesIO()
    np.save(file, ids(0, 1, 2).astype(np.int64))
    write(tmp_path, {"masks/n.npy": file.getvalue(), "images/n.png": picture(size=SIZE)})
    found = opened(tmp_path, {"d": ids(0, 2).astype(np.uint16)})

    assert classes(found, "n") == [0, 1, 2]
    assert classes(found, "d") == [0, 2]
    assert not [each for each in looked(found).findings if each.is_fault]


def test_the_look_can_be_stopped_and_says_how_far_it_came(tmp_path):
    found, told = opened(tmp_path, {f"m{k}": ids(0, 1) for k in range(5)}), []
    look = looked(found, progress=lambda *each: told.append(each), stop=lambda: len(told) == 2)

    assert told == [(1, 5), (2, 5)]
    assert finding(look, "stopped").evidence == ("2 of 5 were looked at.",)


def test_memory_does_not_grow_with_the_number_of_masks(tmp_path):
    found = opened(tmp_path, {f"m{k:03}": ids(0, 77 + k % 3) for k in range(150)})
    few = repair(found, Changes())
    peaks = []
    for count in (20, 150):
        tracemalloc.start()
        entries = few.data.entries[:count]
        part = type(few)(type(few.data)("s", "l", entries), few.pairing, few.listing, True)
        look_at_set(part, num_classes=2, read=read_raster)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] - peaks[0] < 2**20


def test_what_strangers_send_is_decoded_in_a_process_of_its_own(tmp_path):
    files = {"images/a.jpg": jpg(picture(size=SIZE)), "masks/a.png": ids(0, 255)}
    found = open_set(write(tmp_path, files))
    look = look_at_set(found, num_classes=2)

    assert look.pixels == {0: 1152, 1: 1152}
    assert [each.kind_id for each in look.findings] == ["two_values"]
