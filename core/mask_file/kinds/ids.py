"""Files that hold class ids as numbers."""

from core.mask_file.kinds.kind import Kind

COLORED = """import numpy as np
from PIL import Image

palette = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115]], np.uint8)
Image.fromarray(palette[labels]).save("mask.png")  # a color for every id"""
IDS_AND_COLORS = """import numpy as np
from PIL import Image

mask = Image.fromarray(labels.astype(np.uint8)).convert("P")  # ids stay as they are
mask.putpalette(palette.tobytes())  # and every viewer draws them in color
mask.save("mask.png")"""
RIGHT_CLASSES = """Whether these are the right classes: the file says which ids were written, not
whether the network should have found others."""

KINDS = (
    Kind(
        id="ids_as_gray",
        title="Class ids drawn as nearly black grays",
        weight="fault",
        what="""
        The file holds the class ids themselves. As gray levels 0, 1, 2 of 255 they look black.
        Nothing is lost: whoever reads the numbers reads the mask. Most "black masks" are this one.
        """,
        found_by="""
        The values are few, small whole numbers, they form regions, and nothing lies between them.
        """,
        only_checkpoint=RIGHT_CLASSES,
        fix="Draw the ids with a palette; keep this file for what reads ids.",
        code=COLORED,
    ),
    Kind(
        id="gray_palette",
        title="A palette without colors",
        weight="fault",
        what="""
        The file is a PNG of mode P, which can carry a color for every id; its palette holds grays
        by index, so that ids look black. `Image.fromarray(ids).convert("P")` makes such a palette.
        """,
        found_by="The palette's color of index k is gray k, and only small indices occur.",
        only_checkpoint=RIGHT_CLASSES,
        fix="Give the file a palette of colors; the ids stay as they are.",
        code=IDS_AND_COLORS,
    ),
    Kind(
        id="one_based",
        title="Ids that count from 1",
        weight="fault",
        what="""
        The smallest id is 1 and no id is missing up to the largest. Data sets count like this
        (ADE20K, Oxford pets), while networks count from 0: losses and scores are then off by one.
        """,
        found_by="The values are 1, 2, ... without a gap and without 0.",
        only_checkpoint="""
        Whether class 0 exists and merely is not in this picture: how many classes the network has.
        """,
        fix="Subtract 1 where the data set counts from 1, and let 0 become the ignored id.",
        code="""ids = np.array(Image.open("mask.png")).astype(np.int64)
labels = np.where(ids == 0, 255, ids - 1)  # 255: ignored by the loss""",
    ),
    Kind(
        id="ignore_255",
        title="Class ids, and 255 for pixels that do not count",
        weight="fault",
        what="""
        Small ids look black while the ignored pixels, 255, look white: a black picture with white
        lines or spots. Ground truths of Pascal VOC and Cityscapes are stored like this.
        """,
        found_by="The values are small ids and 255, with nothing between.",
        only_checkpoint=RIGHT_CLASSES,
        fix="Draw it with a palette, and tell the loss that 255 does not count.",
        code="""loss = torch.nn.CrossEntropyLoss(ignore_index=255)
colored = palette[np.where(ids == 255, 0, ids)]
colored[ids == 255] = (224, 224, 192)""",
    ),
    Kind(
        id="two_values",
        title="A mask of two values",
        weight="fine",
        what="""
        Two values, often 0 and 255: background and foreground, for the eye. As a ground truth it
        needs one more step: 255 is no class, and losses often ignore it.
        """,
        found_by="Exactly two values occur.",
        only_checkpoint="""
        Whether there were more than two classes before: `(labels * 255).clip(0, 255)` and
        `save_image` of ids make 255 of every class but 0.
        """,
        fix="Where ids are needed, compare: foreground is 1.",
        code='labels = (np.array(Image.open("mask.png")) > 127).astype(np.int64)',
    ),
    Kind(
        id="wrapped",
        title="Ids multiplied beyond 255, which wrapped around",
        weight="fault",
        what="""
        8 bits end at 255. 255 times the ids 1, 2, 3 gives 255, 254, 253, which look alike: all
        classes have become one white. `labels.astype(np.uint8) * 255` is right for two classes
        and wrong for more.
        """,
        found_by="""
        The values are 0, 255, 254, ... without a gap, or other multiples modulo 256.
        """,
        only_checkpoint=RIGHT_CLASSES,
        fix="Look the colors up in a palette.",
        code=COLORED,
    ),
    Kind(
        id="stretched",
        title="Ids spread over the grays",
        weight="fine",
        what="""
        The ids were multiplied so that one sees them: by 255 / (classes - 1), by a step of its own,
        or by min-max (`save_image(..., normalize=True)`, `plt.imsave(cmap="gray")`). Good for the
        eye; as a ground truth it holds ids that do not exist, and the factor changes where a class
        is missing in a picture.
        """,
        found_by="The values are equally spaced from 0, to within rounding.",
        only_checkpoint="""
        Which classes they are where one was missing when the range was stretched to the largest.
        """,
        fix="Where ids are needed, divide; write ids and colors into separate files.",
        code="""gray = np.array(Image.open("mask.png").convert("L"))
labels = np.rint(gray / step).astype(np.int64)""",
    ),
    Kind(
        id="inverted",
        title="Ids counted down from 255",
        weight="fault",
        what="The values are 255, 254, 253, ...: 255 minus the ids, all nearly white.",
        found_by="The values are 255 downwards without a gap, and 0 is not among them.",
        only_checkpoint=RIGHT_CLASSES,
        fix="Leave the inversion out (`255 - mask`, `ImageOps.invert`, `cv2.bitwise_not`).",
        code='labels = 255 - np.array(Image.open("mask.png"))',
    ),
    Kind(
        id="cityscapes_label_ids",
        title="Cityscapes label ids, not train ids",
        weight="fault",
        what="""
        Cityscapes has two numberings: 34 label ids (road is 7, car 26) in `*_labelIds.png`, and 19
        train ids (road is 0, car 13) that networks are trained with. One read as the other gives
        wrong classes everywhere, or an index out of range.
        """,
        found_by="""
        The values lie in 0 to 33, nearly all are label ids of evaluated classes, and ids that every
        numbering from 0 would have are missing.
        """,
        only_checkpoint="Whether the network has 19 classes or 34.",
        fix="Map label ids to train ids before training and scoring.",
        code="""# cityscapesScripts helpers/labels.py
evaluated = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
table = np.full(256, 255, np.uint8)
table[evaluated] = np.arange(19)
labels = table[ids]""",
    ),
    Kind(
        id="instance_ids",
        title="Instances, numbered within their class",
        weight="fault",
        what="""
        Cityscapes' `*_instanceIds.png` hold class * 1000 + number of the object, in 16 bits.
        Viewers draw them nearly black, and a loader of 8 bits cuts the class off.
        """,
        found_by="Values over 1000, whose thousands are few and whose rest counts from 0.",
        fix="Divide by 1000 for the class.",
        code="labels = np.where(ids >= 1000, ids // 1000, ids)",
    ),
    Kind(
        id="unknown_values",
        title="Gray values that fit no known numbering",
        weight="unknown",
        what="The file is a clean label map; what its values mean is not written in it.",
        found_by="Regions of few values with nothing between, which no rule here gives.",
        only_checkpoint="Which class each value stands for: how many classes the network has.",
        fix="Say by a table which value is which class.",
        code="""values = np.unique(ids)  # in the order of the values, unless you know better
labels = np.searchsorted(values, ids)""",
    ),
)
