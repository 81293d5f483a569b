"""Every kind of trouble with a data set, as data: title, what it is, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# fault: files are left out, or their scores are wrong; note: it is read rightly, and told.
Weight = Literal["fault", "note"]


@dataclass(frozen=True, kw_only=True)
class SetKind:
    """One kind by its id; its text is the same on the page and in docs/datasets.md."""

    id: str
    title: str  # without a full stop
    weight: Weight
    what: str  # one paragraph
    remedy: str  # one sentence


_REFUSED = (
    SetKind(
        id="unsafe_name",
        title="Names that lead out of the archive",
        weight="fault",
        what="""A name that is absolute, climbs with `..`, is longer than 300 characters, or is no
        text, is no name of a data set's file. Nothing is ever unpacked here, and such files are
        left out.""",
        remedy="Pack the folder again from the inside, with relative names.",
    ),
    SetKind(
        id="link",
        title="Links",
        weight="fault",
        what="""A link points to a file elsewhere. In an archive none is followed, in a folder only
        those that end inside it.""",
        remedy="Put the files themselves where the links are.",
    ),
    SetKind(
        id="nested_archive",
        title="Archives within the archive",
        weight="fault",
        what="Archives inside are not opened: what they hold is not part of the set.",
        remedy="Unpack them, and pack one ZIP of all files.",
    ),
    SetKind(
        id="too_large",
        title="Files that are larger than a picture may be",
        weight="fault",
        what="A file of more than 64 MiB, packed or unpacked, is not read as a picture.",
        remedy="Save it smaller, or in a format that packs.",
    ),
    SetKind(
        id="packed_otherwise",
        title="Files packed in a way that is not read here",
        weight="fault",
        what="""Members of a ZIP are read where they are stored or deflated; other methods, and
        members with a password, are left out.""",
        remedy="Pack them again without a password, with the usual method.",
    ),
    SetKind(
        id="same_name",
        title="Two files of one name",
        weight="fault",
        what="The archive has several files of one name. The first is read, the others are not.",
        remedy="Give each file a name of its own.",
    ),
    SetKind(
        id="volume",
        title="Volumes of three dimensions",
        weight="fault",
        what="""NIfTI, DICOM, NRRD and MHA files are volumes. The networks here see pictures, so
        that these files are named and left out.""",
        remedy="Save the slices as PNG or TIFF, a picture and a mask for each.",
    ),
    SetKind(
        id="more_channels",
        title="Pictures in several files, one a channel",
        weight="fault",
        what="""nnU-Net stores further channels as `_0001`, `_0002`, ... beside `_0000`. Only the
        first file is read as the picture.""",
        remedy="Merge the channels of a picture into one PNG, TIFF or .npy.",
    ),
    SetKind(
        id="unread_table",
        title="Tables that cannot be used",
        weight="fault",
        what="""A Parquet file is read where it has a column of pictures: binary, or a struct with
        `bytes`, as Hugging Face's `datasets` writes it.""",
        remedy="Cast the column to `datasets.Image()`, write it again, and do not pack it.",
    ),
)
_PAIRS = (
    SetKind(
        id="mask_without_picture",
        title="Masks without a picture",
        weight="fault",
        what="These masks have a name that no picture has. They are not used.",
        remedy="Rename them, or choose another rule by which names belong together.",
    ),
    SetKind(
        id="two_masks",
        title="Two masks for one picture",
        weight="fault",
        what="""Several masks have the name of one picture, and nothing says which is right: the
        picture is taken without a mask.""",
        remedy="Choose one by hand, or take the other away.",
    ),
    SetKind(
        id="picture_without_mask",
        title="Pictures without a mask",
        weight="note",
        what="They are shown and computed, and have no scores.",
        remedy="Where they should have a mask: look at the names, or choose another rule.",
    ),
    SetKind(
        id="two_pictures",
        title="Two pictures of one name",
        weight="note",
        what="""Several pictures differ only in the ending of their name. Each is taken, with the
        same mask.""",
        remedy="Take the copies away.",
    ),
)
_FILES = (
    SetKind(
        id="unreadable_picture",
        title="Pictures that cannot be read",
        weight="fault",
        what="They are rows with a reason in place of numbers; the others are computed.",
        remedy="Save or download them again.",
    ),
    SetKind(
        id="unreadable_mask",
        title="Masks that cannot be read",
        weight="fault",
        what="Their pictures have no scores.",
        remedy="Save or download them again, as PNG.",
    ),
    SetKind(
        id="other_size",
        title="Masks of another size than their picture",
        weight="fault",
        what="""They are not resized here, which would change what they say: their pictures have no
        scores.""",
        remedy="Take the mask of this very picture; resize labels to the nearest pixel.",
    ),
    SetKind(
        id="ghosts",
        title="Values between the classes, from JPEG or a resize",
        weight="fault",
        what="""At the edges there are values that no class has: the mask was saved as JPEG, or
        resized with interpolation. Read as ids they are classes that are not there.""",
        remedy="Write the masks again as PNG, and resize them to the nearest pixel.",
    ),
    SetKind(
        id="no_label_map",
        title="Masks that are no label map",
        weight="fault",
        what="""The file holds something else than the class of each pixel: scores, a photo, a heat
        map, opacity.""",
        remedy='Look at one of them under "Only a mask", which says what was written.',
    ),
    SetKind(
        id="unknown_values",
        title="Values or colors that the set's table does not have",
        weight="fault",
        what="""The masks are read by a table from values (or colors) to classes, and it lacks some
        that occur. Such a mask is not scored.""",
        remedy="Give the table or the palette that the masks were written with.",
    ),
)
_SET = (
    SetKind(
        id="two_values",
        title="Two values, read as the classes 0 and 1",
        weight="note",
        what="""The masks are drawn for the eye (0 and 255, or the like). As ids 255 would be the
        ignored one, so that no foreground would ever be scored.""",
        remedy="Nothing, if there are two classes; else give the right table.",
    ),
    SetKind(
        id="spread_values",
        title="Ids spread over the grays, read back",
        weight="note",
        what="The ids were multiplied so that one sees them. They are divided again.",
        remedy="Nothing, if the classes are right; a class missing in all masks would shift them.",
    ),
    SetKind(
        id="mixed_numbering",
        title="Some masks say 255 where others say 1",
        weight="fault",
        what="""Most masks hold 0 and 1, these hold 0 and 255: their foreground is read as the
        ignored value, and is not scored.""",
        remedy="Write them like the others.",
    ),
    SetKind(
        id="colored",
        title="Masks in color, read by a palette",
        weight="note",
        what="Each color is looked up in a palette; its place there is the id.",
        remedy="Nothing, if the palette is right.",
    ),
    SetKind(
        id="label_ids",
        title="These seem to be Cityscapes' label ids",
        weight="fault",
        what="""Cityscapes numbers its classes twice: road is 7 among the label ids, and 0 among
        the train ids that networks learn.""",
        remedy="Read them by Cityscapes' table.",
    ),
    SetKind(
        id="off_by_one",
        title="Ids that count from 1",
        weight="fault",
        what="""The largest id is the number of classes, one more than the largest id of the
        network: each class is compared with its neighbor.""",
        remedy="Read 0 as no class, and every other value as one less.",
    ),
    SetKind(
        id="beyond_classes",
        title="Ids that the network does not have",
        weight="fault",
        what="Pixels of these ids can never be right.",
        remedy="Give the table from values to classes, or open the network that has them.",
    ),
    SetKind(
        id="unlabeled",
        title="Much is unlabeled",
        weight="note",
        what="Pixels of the ignored value do not count, so that scores speak of the rest only.",
        remedy="Where they should have a class: look at the table, and at the ignored value.",
    ),
    SetKind(
        id="absent_class",
        title="Classes that never occur",
        weight="note",
        what="""A class that is in no mask has no IoU, or one of 0 where the network finds it. Often
        the numbering is another one.""",
        remedy="Look whether the ids are those that the network learnt.",
    ),
    SetKind(
        id="stopped",
        title="Not all files were looked at",
        weight="note",
        what="The look was stopped before its end; what is said holds for the files before.",
        remedy="Look again, to the end.",
    ),
)

KINDS = {kind.id: kind for kind in (*_REFUSED, *_PAIRS, *_FILES, *_SET)}
