"""Causes in the statistics of BatchNorm, the mode of the network, and the precision of numbers."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="B1",
        title="BatchNorm statistics that cannot be used",
        stage="checkpoint",
        what="""
        The running statistics of BatchNorm cannot be used (the batches had one picture, some
        layers were frozen and others updated, the momentum lagged behind the weights, or none was
        ever updated), so the network works in training mode only.
        """,
        found_by="""
        Mean 0 and variance 1 in every layer are certain without a forward. Otherwise the picture's
        own statistics give a much better mask by the ground truth (or by the mask of the mirrored
        picture) than the stored ones, and no known normalization does. Layer by layer, what is
        stored is compared with what is seen while all layers use the picture's own statistics:
        behind the first layer a wrong normalization no longer counts, so a difference there lies in
        the file. It is certain where ground truth and layers say the same.
        """,
        fix="Estimate the statistics again on some pictures.",
        code="model.train()\n[model(x) for x in batches]\nmodel.eval()",
        mended_by_settings=True,
        blocks_order_and_size=True,
        may_be_harmless=True,
    ),
    Cause(
        id="B2",
        title="Inference in training mode",
        stage="logits",
        what="""
        The network runs in training mode, so the class of a pixel depends on whatever else is in
        the picture, and dropout is active.
        """,
        found_by="""
        The mode is `train`, and the evidence says how many pixels change in `eval`. Your own
        output shows it too, where that equals the mask of a forward in training mode.
        """,
        fix="Switch to evaluation mode.",
        code="model.eval()",
        mended_by_settings=True,
        may_be_harmless=True,
    ),
    Cause(
        id="N1",
        title="Training ended in NaN",
        stage="checkpoint",
        what="""
        The loss became NaN during training, and from then on every weight.
        """,
        found_by="""
        At least half of the tensors are not finite.
        """,
        fix="Use an earlier checkpoint, and train in float32 or with clipped gradients.",
        code="torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        makes_masks_meaningless=True,
        ends_search=True,
    ),
    Cause(
        id="N2",
        title="Half precision overflows",
        stage="logits",
        what="""
        The largest number of float16 is 65504. A larger activation becomes infinity, then NaN, and
        the argmax of NaN is one class.
        """,
        found_by="""
        The logits are finite in float32 and not in float16.
        """,
        fix="Run in float32 or bfloat16.",
        code="model.float()(x.float())",
        mended_by_settings=True,
    ),
)
