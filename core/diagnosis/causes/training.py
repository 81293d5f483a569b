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
        The ground truth has 0 and 255, or gray levels, instead of 0, 1, 2. Where the training
        ignores 255, as is usual, it never learns the foreground.
        """,
        found_by="""
        Some values are neither class ids nor a known ignore id; or a large area is 255 where the
        mask has a class. Two values of a network with two classes are read as these; this is a
        note where the mask has the foreground.
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
    Cause(
        id="T5",
        title="A class that never wins",
        stage="truth",
        what="""
        The network gives all classes but one, which the ground truth has: the training ignored it
        (the background through `ignore_index=0` or `reduce_zero_label`), or its labels lacked it.
        Where the background was ignored, the foreground is everywhere.
        """,
        found_by="""
        The ground truth has the class, the mask has it nowhere, and the other classes are right.
        """,
        fix="Let the class count in the loss, and train again.",
        code="loss = nn.CrossEntropyLoss(ignore_index=255)",
    ),
    Cause(
        id="T6",
        title="The ground truth is turned or moved against its picture",
        stage="truth",
        what="""
        Picture and ground truth were turned, mirrored or cropped differently: an EXIF tag that only
        one of them has, an augmentation or a crop of the one without the other, or rows and columns
        exchanged.
        """,
        found_by="""
        The mask agrees with the ground truth once that is turned or moved, and not before.
        """,
        fix="Turn both in the same way.",
        code="ids = np.ascontiguousarray(ids[:, ::-1])",
    ),
    Cause(
        id="T7",
        title="Targets of the training divided by 255",
        stage="checkpoint",
        what="""
        The targets were 0 and 1, and were divided by 255 once more (`ToTensor()` does that): the
        network learned probabilities of at most 1 / 255, which no usual threshold lets through.
        """,
        found_by="""
        The largest probabilities are about 1 / 255, and half of that as the threshold gives a mask.
        """,
        fix="Train with targets of 0 and 1.",
        code="target = (mask > 0).float()",
        mended_by_settings=True,
    ),
    Cause(
        id="T8",
        title="Predicted and true balance of the classes differ",
        stage="checkpoint",
        what="""
        One class takes far more, or far less, of all masks than of the ground truths, and lies
        rightly otherwise: the loss weighed it too much or too little, or what was sampled in the
        training held another share of it than your pictures.
        """,
        found_by="""
        Of a set of eight or more pictures: the shares differ by a factor of two and by 5 % of all
        pixels, and the class that is too large holds the true region, or the one that is too small
        lies inside of it. No other settings explain it.
        """,
        fix="Weigh the class otherwise in the loss and in what is sampled, and train again.",
        code="shares = labels.bincount() / labels.numel()\nprint(shares, loss.weight)",
    ),
)
