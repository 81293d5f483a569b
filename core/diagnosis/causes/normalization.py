"""Causes in the normalization: scale, mean, std and channel order."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="P1",
        title="Normalization is missing",
        stage="tensor",
        what="""
        The network was trained on normalized pixels and is fed pixels of 0 to 1 or 0 to 255.
        """,
        found_by="""
        The means and variances behind the first convolutions are compared with the running
        statistics of BatchNorm by their KL divergence; another convention must fit at least three
        times better. Without BatchNorm near the input, the conventions are compared by how well
        the mask agrees with that of the mirrored picture.
        """,
        fix="Normalize as in training.",
        code="x = (image / 255 - mean) / std",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="P2",
        title="Normalization is applied twice",
        stage="tensor",
        what="""
        Mean and std, or the division by 255, are applied twice: in the script and in a transform,
        or in the script and inside the network.
        """,
        found_by="""
        The convention of the training is recovered as for P1, and the settings are this convention
        applied twice, or make the tensor 255 times too small.
        """,
        fix="Normalize once.",
        code="x = normalize(x)  # and nowhere else",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="P3",
        title="Normalization that the training did not have",
        stage="tensor",
        what="""
        Mean and std are applied that the training did not use: those of ImageNet for a network
        that was trained on pixels of 0 to 1, or another set of numbers.
        """,
        found_by="""
        The convention of the training is recovered as for P1, and it has other numbers than the
        settings.
        """,
        fix="Feed pixels as in training.",
        code="x = image / 255",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="P4",
        title="The scale of 255 is missing",
        stage="tensor",
        what="""
        Mean and std of pixels from 0 to 1 are applied to pixels from 0 to 255. `ToTensor` does not
        scale float arrays, and `ToTensorV2` of albumentations never scales.
        """,
        found_by="""
        The convention of the training is recovered as for P1, and the tensor is 255 times too
        large.
        """,
        fix="Divide by 255.",
        code="x = torch.from_numpy(image).float() / 255",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="P5",
        title="The scale depends on the picture",
        stage="tensor",
        what="""
        The divisor is the picture's own maximum, so a dark picture is fed as a bright one.
        """,
        found_by="""
        The scale is `max`, the maximum is not 255, and the running statistics of BatchNorm fit
        another input.
        """,
        fix="Divide by a constant.",
        code="x = image / 255",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="P6",
        title="Red and blue are swapped",
        stage="tensor",
        what="""
        `cv2.imread` returns the channels in the order BGR, and the network was trained on RGB; or
        the other way round.
        """,
        found_by="""
        With the channels swapped the mask agrees better with that of the mirrored picture (or with
        the ground truth), and the network is more confident; without a ground truth only on a
        picture that is like the training. A first convolution that began from a published one says
        how that one is fed. On many photographs the order changes almost nothing; then this is a
        note.
        """,
        fix="Give the channels in the order of the training.",
        code="image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="P7",
        title="An unusual convention that this checkpoint needs",
        stage="tensor",
        what="""
        The checkpoint follows a convention that is rare and right: a second division by 255, the
        z-score of the picture, or pixels of 0 to 255 with the mean subtracted.
        """,
        found_by="""
        The convention of the training is recovered as for P1, and the one that fits is rare.
        """,
        fix="Follow the convention of the checkpoint.",
        code="x = (image - mean) / std / 255",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
)
