"""Causes in the weights: missing, untrained, broken, or for other classes or pictures."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="W1",
        title="Names do not match, so weights are not loaded",
        stage="checkpoint",
        what="""
        `load_state_dict(strict=False)` loads nothing where no name matches, and raises no error.
        Lightning's `load_from_checkpoint` changes no model in place either: it returns the loaded
        one, and the one that it was called on stays untrained.
        """,
        found_by="""
        Every key begins with the same prefix, and your own output is not the mask that these
        weights give of the picture.
        """,
        fix="Remove the prefix, and load with `strict=True`.",
        code='state = {k.removeprefix("module."): v for k, v in state.items()}',
    ),
    Cause(
        id="W3",
        title="A part that was never trained",
        stage="checkpoint",
        what="""
        A layer, usually the head, has the values of its initialization: it was never trained, or
        was created anew after loading.
        """,
        found_by="""
        The weights fill exactly the range of PyTorch's initialization, or the counters of
        BatchNorm (`num_batches_tracked`) are zero. Of an encoder nearly every convolution has the
        distribution of its initialization, while the rest has not.
        """,
        fix="Train the head, or load the file that contains the trained one.",
        code="model.load_state_dict(state, strict=True)",
        makes_masks_meaningless=True,
    ),
    Cause(
        id="W4",
        title="The number of classes differs",
        stage="checkpoint",
        what="""
        The head, the class names or the ground truth belong to different sets of classes.
        """,
        found_by="""
        The number of output channels differs from the number of class names, or the ground truth
        has ids that the network cannot give.
        """,
        fix="Open the checkpoint that belongs to these classes.",
        code="model = deeplabv3_resnet50(num_classes=21)",
    ),
    Cause(
        id="W5",
        title="The aux head belongs to other classes",
        stage="checkpoint",
        what="""
        The main head was replaced for new classes, and the aux head was not.
        """,
        found_by="""
        The two heads in the file have different numbers of classes. This is a note, unless the aux
        head is the one that is read.
        """,
        fix="Read the main head, and remove the aux head from the file.",
        code='state = {k: v for k, v in state.items() if not k.startswith("aux_classifier.")}',
    ),
    Cause(
        id="W6",
        title="Weights that are not numbers",
        stage="checkpoint",
        what="""
        Some weights are NaN or infinite.
        """,
        found_by="""
        Every tensor of the file is checked, and the evidence names those that are not finite.
        """,
        fix="Use an older checkpoint: these numbers cannot be restored.",
        code="assert all(t.isfinite().all() for t in state.values())",
        makes_masks_meaningless=True,
        ends_search=True,
    ),
    Cause(
        id="W7",
        title="A checkpoint for other pictures",
        stage="checkpoint",
        what="""
        The weights are right, but for other pictures: a network that was trained on streets is
        given a desk.
        """,
        found_by="""
        The input fits by its colors, but the inputs of the deeper layers are far from the running
        statistics of BatchNorm, the confidence is low almost everywhere, and a small change of
        brightness changes much of the mask. This is not tested on dark or flat pictures, on which
        good networks fail too.
        """,
        fix="Open a checkpoint that was trained on pictures like this one.",
        code='model = load("trained_on_these.pth")',
    ),
    Cause(
        id="W8",
        title="Weights that do not look trained",
        stage="checkpoint",
        what="""
        All weights are like random numbers, or one number all over: the training diverged, the file
        was converted wrongly, or it was saved before the weights were loaded or gathered.
        """,
        found_by="""
        Of random numbers the largest singular value of a weight is known (Marchenko and Pastur);
        training exceeds it in a quarter of the layers or more, also after 40 steps. Here nearly no
        layer does. Weights of one number all over are counted apart.
        """,
        fix="Open an earlier checkpoint, or convert the original file again.",
        code='model.load_state_dict(torch.load("earlier.pth"), strict=True)',
        makes_masks_meaningless=True,
    ),
    Cause(
        id="W9",
        title="Other weights of the same file give a mask",
        stage="checkpoint",
        what="""
        A training file often holds several sets of weights: the network and its moving average
        (EMA, SWA), a student and its teacher. The one that was loaded shows nothing, and another
        one of the same file does.
        """,
        found_by="""
        The mask of the weights that are open has one class, or they were never trained; the other
        weights of the file, fed the same, give a mask that agrees with that of the mirrored
        picture (or with the ground truth).
        """,
        fix="Load the other weights of the file.",
        code='state = torch.load("checkpoint.pth")["ema"]',
        makes_masks_meaningless=True,
        exchanges_weights=True,
    ),
)
