"""Causes in the decision: from logits to labels."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="R1",
        title="Argmax or softmax over a single channel",
        stage="labels",
        what="""
        Argmax over one channel is 0 and softmax over one channel is 1, whatever the network
        returns.
        """,
        found_by="""
        The network has one output channel and the settings have this rule: the result is certain
        without a forward.
        """,
        fix="Apply a sigmoid and a threshold.",
        code="mask = model(x).sigmoid()[0, 0] > 0.5",
        mended_by_settings=True,
    ),
    Cause(
        id="R3",
        title="A threshold on logits without a sigmoid",
        stage="labels",
        what="""
        Logits are compared with a threshold that is meant for probabilities.
        """,
        found_by="""
        The numbers lie far outside 0 to 1, there is no activation, and the threshold is between 0
        and 1.
        """,
        fix="Apply the sigmoid, or compare with 0.",
        code="mask = model(x).sigmoid() > 0.5",
        mended_by_settings=True,
    ),
    Cause(
        id="R4",
        title="A threshold that nothing reaches",
        stage="labels",
        what="""
        No pixel, or every pixel, is above the threshold.
        """,
        found_by="""
        The mask has one class at this threshold, and two or more at another.
        """,
        fix="Use the threshold of the training.",
        code="mask = probs > 0.3",
        mended_by_settings=True,
    ),
    Cause(
        id="R5",
        title="The activation is applied twice",
        stage="labels",
        what="""
        The network ends in a sigmoid and the script applies another one, so nothing is below 0.5.
        """,
        found_by="""
        Every output of the network lies between 0 and 1 already, or its family is known to end in
        a sigmoid or softmax. Your own output shows it too, where its values are sigmoids of
        probabilities.
        """,
        fix="Apply the activation once.",
        code="probs = model(x)",
        mended_by_settings=True,
    ),
    Cause(
        id="R6",
        title="Argmax over the wrong axis",
        stage="labels",
        what="""
        The maximum is taken over rows or columns instead of classes, usually because the batch
        dimension is missing.
        """,
        found_by="""
        Your own output has the shape and the values of an argmax over rows or columns.
        """,
        fix="Name the dimension of the classes.",
        code="labels = logits.argmax(dim=1)[0]",
    ),
    Cause(
        id="R7",
        title="The other channel is shown",
        stage="labels",
        what="""
        The network has two channels, and the script shows the one of the background.
        """,
        found_by="""
        Your own output is bright where our label map is background.
        """,
        fix="Take channel 1.",
        code="mask = probs[:, 1] > 0.5",
    ),
    Cause(
        id="R8",
        title="The wrong output, or one that was not enlarged",
        stage="labels",
        what="""
        The script reads the aux head, or never enlarges the logits to the size of the picture.
        """,
        found_by="""
        The settings choose the aux head, and the evidence says how many pixels change with the
        other one; or your own output has the size and the content of the logits before they are
        enlarged.
        """,
        fix="Read `out`, and enlarge the logits before the decision.",
        code='logits = F.interpolate(model(x)["out"], size=size, mode="bilinear")',
        mended_by_settings=True,
    ),
)
