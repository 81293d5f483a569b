"""Files whose numbers lost something when their type was changed."""

from core.mask_file.kinds.kind import Kind

DECIDE = """labels = logits.argmax(dim=1)[0]  # decide first: [1 C h w] to [h w]
mask = palette[labels.cpu().numpy()]  # then draw
Image.fromarray(mask).save("mask.png")"""
NUMBERS_LOST = """What the network said: the digits behind the point were cut off when the file was
written."""

KINDS = (
    Kind(
        id="probabilities_cast",
        title="Probabilities cast to whole numbers",
        weight="fault",
        what="""
        A cast cuts off what is behind the point: every probability below 1 becomes 0. What is left
        is black with a few pixels of 1, where the network was as sure as a float can say.
        """,
        found_by="Only 0 and 1 occur, and the ones are scattered or few and form no regions.",
        only_checkpoint=NUMBERS_LOST,
        fix="Decide first, then scale.",
        code="mask = (probs > 0.5).astype(np.uint8) * 255  # or probs.argmax(0) and a palette",
    ),
    Kind(
        id="logits_cast",
        title="Logits cast to 8 bits, the negative ones wrapped around",
        weight="fault",
        what="""
        Logits are signed. In 8 bits -1 becomes 255 and -2 becomes 254, so that dark and bright
        patches meet without anything between. A normalized picture that is cast looks the same.
        """,
        found_by="""
        Many values near 0 and near 255, few in the middle; neighbors far apart are near each other
        when one counts modulo 256.
        """,
        only_checkpoint=NUMBERS_LOST,
        fix="Take the argmax (or a sigmoid and a threshold) before anything is cast.",
        code=DECIDE,
    ),
    Kind(
        id="scores_rounded",
        title="Scores rounded to whole numbers, not ids",
        weight="fault",
        what="""
        The values are small and whole like ids, yet they climb one by one like the contour lines of
        a map: logits or other scores were cast, and negative ones clipped to 0.
        """,
        found_by="Nearly every edge between two regions is a step of just 1.",
        only_checkpoint=NUMBERS_LOST,
        fix="Take the argmax before anything is cast.",
        code=DECIDE,
    ),
    Kind(
        id="soft_mask",
        title="Probabilities as grays, not decided",
        weight="fault",
        what="""
        Black and white with a smooth ramp between: a probability times 255. It is no label map yet:
        every value between is a class of its own for whoever reads it as ids.
        """,
        found_by="Most pixels are nearly 0 or nearly 255, and the rest changes smoothly.",
        only_checkpoint="Which threshold fits: where in the probabilities the classes part.",
        fix="Compare with a threshold before it is written.",
        code="mask = (probs > 0.5).astype(np.uint8) * 255",
    ),
    Kind(
        id="raw_bytes",
        title="Numbers of another type read as bytes",
        weight="fault",
        what="""
        `Image.fromarray(ids, mode="L")` of 64-bit ids, or `frombytes` of them, takes memory as it
        lies: one id, then seven zeros. The picture shows thin stripes of the first rows only, and
        looks black.
        """,
        found_by="Values other than 0 stand only at every fourth or eighth byte.",
        only_checkpoint="The rest of the mask: only its first rows are in the file.",
        fix="Change the type before the picture is made.",
        code="Image.fromarray(labels.astype(np.uint8))",
    ),
    Kind(
        id="argmax_wrong_axis",
        title="The argmax over the wrong axis",
        weight="fault",
        what="""
        The file has as many rows (or columns) as there are classes, and its values are row or
        column numbers: the argmax ran over the height or width instead of the classes.
        """,
        found_by="One side is very short, and the values are many and large.",
        only_checkpoint="The mask itself: it is not in this file.",
        fix="Take the argmax over the axis of the classes.",
        code="labels = logits.argmax(dim=1)  # [N C h w]; of [C h w] dim=0, of [h w C] dim=-1",
    ),
    Kind(
        id="deep_ids",
        title="Ids in 16 or 32 bits",
        weight="fault",
        what="""
        Id 20 of 65535 is black on every screen, and some viewers stretch what they find so that the
        same file looks different everywhere.
        """,
        found_by="The file has more than 8 bits, and its whole numbers are small ids.",
        only_checkpoint="Whether these are the right classes.",
        fix="Save 8 bits with a palette where there are at most 256 classes.",
        code="""mask = Image.fromarray(labels.astype(np.uint8)).convert("P")
mask.putpalette(palette.tobytes())
mask.save("mask.png")""",
    ),
    Kind(
        id="float_ids",
        title="Ids stored as numbers with a point",
        weight="fault",
        what="""
        Whole numbers in a file of floats: ids that went through `.float()`. Viewers expect 0 to 1
        there, or refuse it.
        """,
        found_by="The file holds floats, and all of them are whole numbers.",
        only_checkpoint="Whether these are the right classes.",
        fix="Cast ids to 8 bits.",
        code="Image.fromarray(labels.astype(np.uint8))",
    ),
    Kind(
        id="float_probabilities",
        title="Probabilities, not decided",
        weight="fault",
        what="One map of floats from 0 to 1: a probability for every pixel and no class yet.",
        found_by="The file holds floats between 0 and 1 that are not whole.",
        only_checkpoint="Which threshold fits; 0.5 is drawn here.",
        fix="Compare with a threshold.",
        code="labels = (probs > 0.5).astype(np.uint8)",
    ),
    Kind(
        id="float_scores",
        title="Logits of one class, not decided",
        weight="fault",
        what="One map of floats beyond 0 to 1: logits before the sigmoid, and no class yet.",
        found_by="The file holds one float a pixel, some below 0 or over 1.",
        only_checkpoint="Whether a sigmoid belongs behind it; a logit over 0 is drawn here.",
        fix="A logit over 0 is a probability over 0.5.",
        code="labels = (logits > 0).astype(np.uint8)",
    ),
    Kind(
        id="score_stack",
        title="Logits or probabilities of all classes, not decided",
        weight="fault",
        what="""
        A map of floats for every class: what the network returns, before the argmax. It is whole:
        the ids follow from it.
        """,
        found_by="Floats of the shape C x h x w or h x w x C.",
        only_checkpoint="Whether the network saw the picture as in its training.",
        fix="Take the argmax over the classes.",
        code=DECIDE,
    ),
)
