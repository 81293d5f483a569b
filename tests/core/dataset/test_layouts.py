"""Each layout with its real names, values and palettes, read as it is."""

import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.colors import palette_colors
from core.dataset import open_set, truth_of
from core.errors import DataSetError
from core.image import read_raster
from core.settings import Display
from tests.core.dataset.making import (
    SIZE,
    jpg,
    kinds_of,
    mask,
    pairs_of,
    picture,
    png,
    write,
    zipped,
)


def ids_of(found, name):
    """The values of the first row of the mask, without repetitions."""
    entry = next(each for each in found.data.entries if each.name == name)
    row = truth_of(entry, found.data.truths, SIZE, read=read_raster).ids[0].tolist()
    return [value for k, value in enumerate(row) if k == 0 or value != row[k - 1]]


def indexed(ids, colors):
    """A PNG of mode P, as the devkit of VOC writes it."""
    image = Image.fromarray(ids).convert("P")
    image.putpalette(np.resize(colors, (256, 3)).astype(np.uint8).tobytes())
    return png(image)


def opened(tmp_path, files):
    return open_set(write(tmp_path, files))


def voc_files(**more):
    colors = palette_colors(Display(palette="voc"), 256)
    base = "VOCdevkit/VOC2012"
    return {
        f"{base}/JPEGImages/2007_000032.jpg": jpg(),
        f"{base}/JPEGImages/2007_000039.jpg": jpg(),
        f"{base}/JPEGImages/2008_000001.jpg": jpg(),
        f"{base}/SegmentationClass/2007_000032.png": indexed(mask(0, 1, 255, 15), colors),
        f"{base}/SegmentationClass/2007_000039.png": indexed(mask(0, 20), colors),
        f"{base}/SegmentationObject/2007_000032.png": indexed(mask(0, 1, 2), colors),
        f"{base}/Annotations/2007_000032.xml": "<annotation/>",
        **{f"{base}/ImageSets/Segmentation/{k}.txt": v for k, v in more.items()},
    }


def test_voc_by_its_lists_leaves_pictures_of_other_tasks_out(tmp_path):
    lists = {"train": "2007_000032\n", "val": "2007_000039\n"}
    both = "2007_000032\n2007_000039\n"
    found = opened(tmp_path, voc_files(**lists, trainval=both))

    assert found.data.layout == "Pascal VOC"
    assert list(pairs_of(found)) == ["train/2007_000032", "val/2007_000039"]
    assert ids_of(found, "train/2007_000032") == [0, 1, 255, 15]
    assert found.data.truths.class_names[20] == "tvmonitor"
    assert found.findings == ()


def test_voc_without_lists_takes_all_pictures_and_reads_colors_too(tmp_path):
    files = voc_files()
    colors = np.vstack([palette_colors(Display(palette="voc"), 21)[:21], [[224, 224, 192]]])
    painted = colors.astype(np.uint8)[mask(0, 15, 21)]
    files["VOCdevkit/VOC2012/SegmentationClass/2007_000039.png"] = painted
    found = opened(tmp_path, files)

    assert list(pairs_of(found)) == ["2007_000032", "2007_000039", "2008_000001"]
    assert ids_of(found, "2007_000039") == [0, 15, 255]
    assert list(kinds_of(found)) == ["picture_without_mask"]


def test_own_classes_in_the_folders_of_voc_are_not_called_by_its_names(tmp_path):
    base = "VOCdevkit/VOC2007"
    files = {f"{base}/JPEGImages/crack-{k}.jpg": jpg() for k in range(3)}
    files |= {f"{base}/SegmentationClass/crack-{k}.png": mask(0, 255) for k in range(3)}
    found = opened(tmp_path, files)

    assert found.data.layout == "Pascal VOC"
    assert found.data.truths.class_names == ()
    assert ids_of(found, "crack-1") == [0, 1]


def city_files(*kinds):
    where = "leftImg8bit_trainvaltest/leftImg8bit/{}/{}_leftImg8bit.png"
    truth = "gtFine_trainvaltest/gtFine/{}/{}_gtFine_{}"
    files = {}
    label_ids, train_ids = mask(7, 26, 0, 33), mask(0, 13, 255, 18)
    colors = np.array([[128, 64, 128], [0, 0, 142], [0, 0, 0], [119, 11, 32]], np.uint8)
    made = {
        "labelIds.png": label_ids,
        "labelTrainIds.png": train_ids,
        "color.png": np.dstack([colors[mask(0, 1, 2, 3)], np.full(SIZE, 255, np.uint8)]),
        "instanceIds.png": png(label_ids.astype(np.uint16) * np.uint16(1000)),
        "polygons.json": "{}",
    }
    for split, stem in (
        ("train/aachen", "aachen_000000_000019"),
        ("val/frankfurt", "frankfurt_000001_000019"),
    ):
        files[where.format(split, stem)] = picture()
        files |= {truth.format(split, stem, kind): made[kind] for kind in kinds}
    return files


@pytest.mark.parametrize(
    "kinds",
    [
        ("labelIds.png", "color.png", "instanceIds.png", "polygons.json"),
        ("labelIds.png", "labelTrainIds.png", "color.png", "instanceIds.png"),
        ("color.png",),
    ],
)
def test_cityscapes_becomes_train_ids_whatever_is_beside_the_pictures(tmp_path, kinds):
    found = opened(tmp_path, city_files(*kinds))

    assert found.data.layout == "Cityscapes"
    assert list(pairs_of(found)) == [
        "train/aachen/aachen_000000_000019",
        "val/frankfurt/frankfurt_000001_000019",
    ]
    assert ids_of(found, "val/frankfurt/frankfurt_000001_000019") == [0, 13, 255, 18]
    assert found.data.truths.class_names[13] == "car"
    assert found.findings == ()


def test_the_same_city_twice_under_other_folders_keeps_names_apart(tmp_path):
    files = city_files("labelIds.png")
    copies = {f"copy/{name}": content for name, content in files.items() if "leftImg" in name}
    names = [each.name for each in opened(tmp_path, files | copies).data.entries]

    assert len(names) == len(set(names)) == 4


def test_ade20k_counts_from_one_and_0_is_nothing(tmp_path):
    base = "ADEChallengeData2016"
    rows = "".join(f"{k}\t0.1\t10\t1\t{'wall, plain' if k == 1 else k}\n" for k in range(1, 151))
    found = opened(
        tmp_path,
        {
            f"{base}/images/training/ADE_train_00000001.jpg": jpg(),
            f"{base}/images/validation/ADE_val_00000001.jpg": jpg(),
            f"{base}/annotations/training/ADE_train_00000001.png": mask(0, 1, 150),
            f"{base}/annotations/validation/ADE_val_00000001.png": mask(3, 0),
            f"{base}/objectInfo150.txt": "Idx\tRatio\tTrain\tVal\tName\n" + rows,
        },
    )

    assert found.data.layout == "ADE20K"
    assert list(pairs_of(found)) == ["training/ADE_train_00000001", "validation/ADE_val_00000001"]
    assert ids_of(found, "training/ADE_train_00000001") == [255, 0, 149]
    assert found.data.truths.class_names[0] == "wall"


@pytest.mark.parametrize("maps", ["stuffthingmaps/train2017", "stuff_train2017_pixelmaps"])
@pytest.mark.parametrize("images", ["images/train2017", "train2017"])
def test_coco_stuff(tmp_path, maps, images):
    values = (0, 181, 255) if maps.startswith("stuffthing") else (183, 92, 0)
    found = opened(
        tmp_path,
        {
            f"coco/{images}/000000000009.jpg": jpg(),
            f"coco/{images}/000000000025.jpg": jpg(),
            f"coco/{maps}/000000000009.png": mask(*values),
            f"coco/{maps}/000000000025.png": mask(values[0]),
        },
    )
    name = next(iter(pairs_of(found)))
    expected = [0, 181, 255] if maps.startswith("stuffthing") else [183, 92, 255]

    assert found.data.layout == "COCO-Stuff"
    assert name.endswith("000000000009")
    assert ids_of(found, name) == expected
    assert found.findings == ()


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        ("CamVid/images", "CamVid/labels"),
        ("701_StillsRaw_full", "LabeledApproved_full"),
        ("CamVid/train", "CamVid/train_labels"),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_camvid_in_color_whatever_the_indices_of_a_palette_are(tmp_path, pictures, labels, mode):
    colors = np.array([[64, 0, 128], [0, 0, 0], [128, 64, 128], [64, 192, 0]], np.uint8)
    places = mask(0, 1, 2, 3)
    drawn = colors[places] if mode == "RGB" else indexed(places, colors)
    found = opened(
        tmp_path,
        {
            f"{pictures}/0001TP_006690.png": picture(),
            f"{pictures}/Seq05VD_f00000.png": picture(),
            f"{labels}/0001TP_006690_L.png": drawn,
            f"{labels}/Seq05VD_f00000_L.png": drawn,
        },
    )

    assert found.data.layout == "CamVid"
    assert list(pairs_of(found)) == ["0001TP_006690", "Seq05VD_f00000"]
    assert ids_of(found, "0001TP_006690") == [5, 255, 17, 31]
    assert [found.data.truths.class_names[k] for k in (5, 17, 31)] == ["Car", "Road", "Wall"]


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_mask_of_camvid_whose_colors_are_all_gray_is_still_in_color(tmp_path, mode):
    grays = np.array([[0, 0, 0], [128, 128, 128]], np.uint8)
    drawn = grays[mask(0, 1)] if mode == "RGB" else indexed(mask(0, 1), grays)
    files = {"images/0001TP_006690.png": picture(), "labels/0001TP_006690_L.png": drawn}
    found = opened(tmp_path, files)

    assert ids_of(found, "0001TP_006690") == [255, 21]  # void and sky


LISTS = {
    "class_dict.csv": "name, r, g, b\nroad, 255, 255, 255\nfield, 10, 20, 30\nvoid, 0, 0, 0\n",
    "label_colors.txt": "255 255 255\troad\n10 20 30\tfield\n0 0 0\tvoid\n",
    "labelmap.txt": "# label:color_rgb:\nroad:255,255,255::\nfield:10,20,30::\nvoid:0,0,0::\n",
}


@pytest.mark.parametrize(("name", "text"), LISTS.items())
def test_a_list_of_colors_that_lies_in_the_set_is_its_table(tmp_path, name, text):
    colors = np.array([[0, 0, 0], [255, 255, 255], [10, 20, 30]], np.uint8)
    files = {"images/a.png": picture(), "masks/a.png": colors[mask(0, 1, 2)]}
    files |= {"images/b.png": picture(), "masks/b.png": mask(255, 0), name: text}
    found = opened(tmp_path, files)

    assert ids_of(found, "a") == [255, 0, 1]
    assert ids_of(found, "b") == [0, 255]
    assert found.data.truths.class_names == ("road", "field", "void")


def test_camvid_as_segnet_has_it(tmp_path):
    found = opened(
        tmp_path,
        {
            "SegNet/CamVid/train/0001TP_006690.png": picture(),
            "SegNet/CamVid/trainannot/0001TP_006690.png": mask(0, 10, 11),
            "SegNet/CamVid/test/Seq05VD_f00000.png": picture(),
            "SegNet/CamVid/testannot/Seq05VD_f00000.png": mask(3, 8),
        },
    )

    assert list(pairs_of(found)) == ["test/Seq05VD_f00000", "train/0001TP_006690"]
    assert ids_of(found, "train/0001TP_006690") == [0, 10, 255]
    assert found.data.truths.class_names[10] == "Bicyclist"


@pytest.mark.parametrize(
    "labels",
    [{"background": 0, "road": 1, "ignore": 2}, {"0": "background", "1": "road"}],
)
def test_nnunet_of_pictures_with_its_names(tmp_path, labels):
    found = opened(
        tmp_path,
        {
            "Dataset120/imagesTr/img-1_0000.png": picture(),
            "Dataset120/imagesTr/img-2_0000.png": picture(),
            "Dataset120/labelsTr/img-1.png": mask(0, 1),
            "Dataset120/labelsTr/img-2.png": mask(1, 0),
            "Dataset120/imagesTs/img-3_0000.png": picture(),
            "Dataset120/dataset.json": json.dumps({"labels": labels, "file_ending": ".png"}),
        },
    )

    assert found.data.layout == "nnU-Net"
    assert list(pairs_of(found)) == ["Tr/img-1", "Tr/img-2", "Ts/img-3"]
    assert ids_of(found, "Tr/img-1") == [0, 1]
    assert found.data.truths.class_names == ("background", "road")
    assert found.data.truths.ignore_index == (2 if "ignore" in labels else 255)


def test_further_channels_of_nnunet_are_told(tmp_path):
    files = {f"imagesTr/a_000{k}.png": picture() for k in range(3)} | {"labelsTr/a.png": mask(0)}
    found = opened(tmp_path, files)

    assert list(pairs_of(found)) == ["a"]
    assert kinds_of(found) == {"more_channels": ["imagesTr/a_0001.png", "imagesTr/a_0002.png"]}


def test_nnunet_of_volumes_is_named_and_told(tmp_path):
    files = {
        "Task04/imagesTr/hippocampus_001_0000.nii.gz": b"x",
        "Task04/labelsTr/hippocampus_001.nii.gz": b"x",
        "Task04/dataset.json": "{}",
    }
    with pytest.raises(DataSetError, match="volumes of three dimensions") as caught:
        opened(tmp_path, files)

    assert "slices" in caught.value.remedy


@pytest.mark.parametrize(
    ("image", "truth", "name"),
    [
        ("images/{}.jpg", "masks/{}.png", "a"),
        ("Images/{}.JPG", "Masks/{}.PNG", "a"),
        ("imgs/{}.jpg", "masks/{}_mask.gif", "a"),
        ("x/train/images/{}.jpg", "x/train/labels/{}.png", "a"),
        ("images/train/{}.jpg", "labels/train/{}.png", "train/a"),
        ("train/{}.jpg", "train_masks/{}_mask.gif", "a"),
        ("original_images/{}.jpg", "label_images_semantic/{}.png", "a"),
        ("land/{}_sat.jpg", "land/{}_mask.png", "a"),
        ("{}.jpg", "{}_gt.png", "a"),
        ("images/img_{}.jpg", "masks/mask_{}.png", "a"),
        ("images/{}-leftcam.jpg", "masks/annotated {} (v2).png", "a"),
        ("shots/{}.png", "shots/{}_label.png", "a"),
    ],
)
def test_usual_names_of_folders_and_of_masks(tmp_path, image, truth, name):
    other = f"{name[:-1]}b"
    found = opened(
        tmp_path,
        {
            image.format("a"): jpg(),
            image.format("b"): jpg(),
            truth.format("a"): mask(0, 1),
            truth.format("b"): mask(0, 1),
        },
    )

    assert pairs_of(found) == {name: truth.format("a"), other: truth.format("b")}
    assert found.findings == ()


def test_masks_whose_names_fit_no_picture_are_told_and_are_no_pictures(tmp_path):
    files = {"images/a.jpg": jpg(), "images/b.jpg": jpg(), "masks/x.png": mask(0, 1)}
    found = opened(tmp_path, files)

    assert pairs_of(found) == {"a": None, "b": None}
    assert kinds_of(found) == {
        "mask_without_picture": ["masks/x.png"],
        "picture_without_mask": ["images/a.jpg", "images/b.jpg"],
    }


def test_several_splits_keep_their_names_apart(tmp_path):
    found = opened(
        tmp_path,
        {
            f"set/{split}/{kind}/{stem}.png": picture() if kind == "images" else mask(0, 1)
            for split in ("train", "val")
            for kind in ("images", "masks")
            for stem in ("a", "b")
        },
    )

    assert list(pairs_of(found)) == ["train/a", "train/b", "val/a", "val/b"]
    assert found.pairing.num_masks == 4


def test_a_layout_in_a_zip_is_the_same_as_in_a_folder(tmp_path):
    files = city_files("labelIds.png")
    packed = open_set(zipped(tmp_path / "city.zip", files, zipfile.ZIP_STORED))
    folder = opened(tmp_path / "city", files)

    assert pairs_of(packed) == pairs_of(folder)
    assert packed.data.truths == folder.data.truths
