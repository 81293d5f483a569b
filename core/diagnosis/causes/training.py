"""Causes in the training: what the network learned, and the ground truth that it learned from."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="T1",
        title="The network says background",
        stage="checkpoint",
        what="""
        The network itself predicts background: it was trained for too few steps, or on too little
        foreground.
        """,
        found_by="""
        No change of the settings brings out a class although the ground truth has some, or the
        bias of the background is larger than the picture can make up for. Without a ground truth
        an empty scene looks the same; then this is only possible.
        """,
        fix="Train longer, with a loss that weighs the classes, on crops that show the foreground.",
        code="loss = nn.CrossEntropyLoss(weight=1 / frequency)",
    ),
    Cause(
        id="T2",
        title="The ground truth holds other values than class ids",
        stage="truth",
        what="""
        The ground truth has 0 and 255, or gray levels, instead of 0, 1, 2. As 255 is usually
        ignored, the foreground is never learned.
        """,
        found_by="""
        Some values are neither class ids nor a known ignore id; or a large area is 255 where the
        mask has a class.
        """,
        fix="Map the values to ids, and train again.",
        code="ids = np.searchsorted(np.unique(mask), mask)",
    ),
    Cause(
        id="T3",
        title="The ids of the ground truth are shifted or permuted",
        stage="truth",
        what="""
        All ids are shifted by one (`reduce_zero_label`), or permuted.
        """,
        found_by="""
        The regions of the ground truth agree with those of the mask, and the ids agree only after
        they are renamed.
        """,
        fix="Map the ids.",
        code="ids = ids - 1",
    ),
    Cause(
        id="T4",
        title="The ground truth was resized with interpolation",
        stage="truth",
        what="""
        The mask was resized with bilinear interpolation, which creates ids between those of
        neighbors.
        """,
        found_by="""
        Many pixels at edges lie strictly between the values around them.
        """,
        fix="Resize masks with nearest neighbor interpolation.",
        code="mask = mask.resize(size, Image.Resampling.NEAREST)",
    ),
)
