"""Files whose channels, tiles or opacity are not those of a mask."""

from core.mask_file.kinds.kind import Kind

KINDS = (
    Kind(
        id="transparent",
        title="Opacity 0: the mask is there and cannot be seen",
        weight="fault",
        what="""
        A fourth channel of 0 (or 1 of 255) makes a pixel transparent, whatever its color is. It
        comes about by `np.zeros((h, w, 4))` whose last channel is never set, or by a palette of
        RGBA in 0 to 1.
        """,
        found_by="The opacity of every pixel, or of every colored pixel, is nearly 0.",
        fix="Leave the fourth channel out, or set it to 255.",
        code='Image.fromarray(rgba[..., :3]).save("mask.png")',
    ),
    Kind(
        id="ids_in_alpha",
        title="The ids lie in the opacity",
        weight="fault",
        what="The color is the same everywhere; what differs is the fourth channel.",
        found_by="One color, and an opacity of several values that form regions.",
        fix="Write the ids as one channel, or with a palette.",
        code="Image.fromarray(labels.astype(np.uint8))",
    ),
    Kind(
        id="one_hot",
        title="A one-hot map: each class has a channel of its own",
        weight="fault",
        what="""
        In every pixel exactly one channel is on. As 0 and 1 it looks black, as 0 and 255 it is pure
        red, green and blue; with more than four classes it cannot be a picture at all.
        """,
        found_by="Exactly one channel differs from 0 in every pixel, and it has the same value.",
        only_checkpoint="Whether these are the right classes.",
        fix="Take the argmax over the channels.",
        code='labels = np.array(Image.open("mask.png")).argmax(axis=-1)',
    ),
    Kind(
        id="stack_of_channels",
        title="The channels of all classes, beside or under each other",
        weight="fault",
        what="""
        One map for each class in one long picture: `reshape(-1, w)` or `save_image` of a one-hot
        batch, which makes a grid of it.
        """,
        found_by="Cut into equal tiles, exactly one tile is on at every pixel.",
        only_checkpoint="Whether these are the right classes.",
        fix="Take the argmax over the classes before anything is written.",
        code="labels = onehot.argmax(axis=0)  # [C h w] to [h w]",
    ),
    Kind(
        id="ids_in_one_channel",
        title="Ids in one of three channels",
        weight="fault",
        what="""
        Two channels are 0 and one has small ids: nearly black. CARLA writes its labels into red;
        COCO's panoptic files begin there too.
        """,
        found_by="Two of three channels are 0 everywhere, the third has small whole numbers.",
        only_checkpoint="Whether these are the right classes.",
        fix="Take that channel.",
        code='labels = np.array(Image.open("mask.png"))[..., 0]  # red',
    ),
)
