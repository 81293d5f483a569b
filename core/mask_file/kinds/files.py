"""Files that hold nothing to be told, or no mask."""

from core.mask_file.kinds.kind import Kind

LOOK = """print(logits.shape, logits.dtype, logits.min(), logits.max())  # numbers there?
labels = logits.argmax(dim=1)[0]
print(labels.unique(return_counts=True))  # more than one class?
Image.fromarray(palette[labels.cpu().numpy()]).save("mask.png")"""

KINDS = (
    Kind(
        id="all_zero",
        title="Every pixel is 0",
        weight="unknown",
        what="""
        A file of zeros is what is left of many mistakes: a network that finds only background, one
        that was fed wrongly, an argmax over an axis of length 1, probabilities cast to whole
        numbers.
        """,
        found_by="All numbers of the file are 0.",
        only_checkpoint="""
        Whether the network found only background, or the numbers were lost while they were written:
        with the checkpoint and the picture the dashboard runs every stage.
        """,
        fix="Upload checkpoint and picture on the dashboard; or print what is there before.",
        code=LOOK,
    ),
    Kind(
        id="one_value",
        title="Every pixel has the same value",
        weight="unknown",
        what="One value everywhere: one class won in every pixel, or the numbers were lost.",
        found_by="Exactly one value, or one color, occurs.",
        only_checkpoint="Whether the network found only this class.",
        fix="Upload checkpoint and picture on the dashboard; or print what is there before.",
        code=LOOK,
    ),
    Kind(
        id="label_array",
        title="A label map as an array",
        weight="fine",
        what="Class ids in an array file: exact, and no viewer draws it.",
        found_by="Whole numbers of the shape h x w.",
        only_checkpoint="Whether these are the right classes.",
        fix="Draw it with a palette.",
        code='Image.fromarray(palette[np.load("mask.npy")]).save("mask.png")',
    ),
    Kind(
        id="photo",
        title="This is a photo, not a mask",
        weight="other",
        what="Thousands of values without regions: a photograph, a rendering, an overlay.",
        found_by="Hardly any pixel has the value of all its neighbors.",
        fix="Upload the file that your script wrote for the mask.",
    ),
    Kind(
        id="smooth",
        title="Smooth grays: scores, a depth map, or a photo out of focus",
        weight="unknown",
        what="""
        Gray values that change gradually: a logit or a probability that was stretched to 0 to 255
        (`save_image(..., normalize=True)`, `cv2.normalize`), a depth map, or a blurred photo.
        """,
        found_by="Many values, few regions, and neighbors that differ by little.",
        only_checkpoint="Whether these are its scores, and where the classes part.",
        fix="Where it should be a mask: take the argmax or a threshold before it is written.",
        code="mask = palette[logits.argmax(1)[0].cpu().numpy()]",
    ),
    Kind(
        id="undecided",
        title="Neither a label map nor a photo that is known here",
        weight="unknown",
        what="The file has too many values for a label map, and too many regions for a photo.",
        found_by="No rule of this door fits.",
        only_checkpoint="What the network says of the picture.",
        fix="Upload checkpoint and picture on the dashboard.",
        code=LOOK,
    ),
)
