"""Causes in the display: how labels become the colors of a mask, and the file that holds them."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="D1",
        title="Class ids saved as gray levels",
        stage="mask",
        what="""
        Ids 0 to 20 saved as gray levels are 0 to 20 of 255, which looks black. This is the most
        frequent cause of a black mask.
        """,
        found_by="""
        Your own output has exactly our ids as its values; or the palette is `gray`.
        """,
        fix="Map the ids to colors.",
        code='Image.fromarray(palette[labels]).save("mask.png")',
    ),
    Cause(
        id="D2",
        title="Probabilities cast to whole numbers",
        stage="saving",
        what="""
        A cast to whole numbers turns every probability below 1 into 0.
        """,
        found_by="""
        Your own output equals the cast of our probabilities.
        """,
        fix="Decide first, then scale.",
        code="Image.fromarray((probs > 0.5).astype(np.uint8) * 255)",
    ),
    Cause(
        id="D3",
        title="Ids multiplied by 255 wrap around",
        stage="saving",
        what="""
        255 times an id does not fit in 8 bits: 2 becomes 254, 3 becomes 253.
        """,
        found_by="""
        Your own output has these values where our label map has the ids.
        """,
        fix="Look the colors up in a palette.",
        code="Image.fromarray(palette[labels])",
    ),
    Cause(
        id="D4",
        title="A palette that does not fit the classes",
        stage="mask",
        what="""
        The palette is too short, or has black or the same color for different classes.
        """,
        found_by="""
        The colors are compared by id, and the evidence says how many pixels it concerns.
        """,
        fix="Give each id a color of its own.",
        code="palette = np.array(colors, np.uint8)\nmask = palette[labels]",
    ),
    Cause(
        id="D5",
        title="Palette indices read as brightness",
        stage="saving",
        what="""
        A mask with a palette is converted to grayscale, so its ids become brightnesses.
        """,
        found_by="""
        The values are the brightnesses of the colors of a known palette.
        """,
        fix="Keep the indices.",
        code='ids = np.array(Image.open("mask.png"))  # mode P',
    ),
    Cause(
        id="D6",
        title="A mask saved as JPEG",
        stage="saving",
        what="""
        JPEG compression adds values at every edge that are no class.
        """,
        found_by="""
        The file is a JPEG, and it has values near those of the classes.
        """,
        fix="Save masks as PNG.",
        code='Image.fromarray(mask).save("mask.png")',
    ),
    Cause(
        id="D7",
        title="Labels of 16 bits shown as 8",
        stage="saving",
        what="""
        Ids in a file of 16 bits look black: 20 of 65535.
        """,
        found_by="""
        The evidence is the number of bits in the file, and its largest value.
        """,
        fix="Save 8 bits with a palette.",
        code="Image.fromarray(labels.astype(np.uint8))",
    ),
    Cause(
        id="D8",
        title="Your script writes another mask",
        stage="saving",
        what="""
        This checkpoint and these settings give another mask of the picture than the file that your
        script wrote. So the fault lies in the script, between loading the weights and saving the
        mask, or the settings here are not those of the script.
        """,
        found_by="""
        Your own output is compared with our label map, then with what each common mistake would
        have written, and nothing explains it.
        """,
        fix="Compare the script with `inference.py` of the page Export, step by step.",
        code="print(model.load_state_dict(state, strict=True), model.training, x.mean(), x.std())",
    ),
    Cause(
        id="R9",
        title="The label map is resized with interpolation",
        stage="mask",
        what="""
        Between the ids 1 and 5 a bilinear resize invents 2, 3 and 4: every edge gets a seam of
        classes that the network never named. It is the default of `cv2.resize`, and bicubic is
        that of Pillow.
        """,
        found_by="""
        Your own output is our label map at another size, resized like this.
        """,
        fix="Enlarge the logits before the decision, or resize ids to the nearest pixel.",
        code="mask = Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST)",
    ),
    Cause(
        id="D9",
        title="The palette is written in BGR",
        stage="mask",
        what="""
        `cv2.imwrite` takes blue, green, red. A palette in RGB comes out with red and blue swapped.
        """,
        found_by="""
        Your own output has the colors of a known palette in the other order.
        """,
        fix="Reverse the channels before they are written.",
        code='cv2.imwrite("mask.png", palette[labels][..., ::-1])',
    ),
)
