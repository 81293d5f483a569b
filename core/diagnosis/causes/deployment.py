"""Causes between a checkpoint and what was deployed of it; `core/deployed/` finds them."""

from core.diagnosis.causes.cause import Cause

CAUSES = (
    Cause(
        id="E1",
        title="The normalization is inside the graph and outside of it",
        stage="tensor",
        what="""
        Mean and std (or the division by 255) were exported as layers of the graph, and the script
        that feeds it applies them as well. The network sees pixels that are normalized twice.
        """,
        found_by="""
        Fed with pixels that are not normalized, the graph gives the logits of the checkpoint; fed
        as the checkpoint is, it does not.
        """,
        fix="Normalize in one place: feed the graph what it normalizes itself.",
        code="x = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255  # no mean, no std",
    ),
    Cause(
        id="E2",
        title="Rows, columns and channels are read in another order",
        stage="tensor",
        what="""
        The graph takes the numbers as [h w c] where planes [c h w] are given, or the other way
        round: by a reshape where a transpose was meant.
        """,
        found_by="""
        Fed with the same numbers in the other order of the axes, the graph gives the logits of the
        checkpoint.
        """,
        fix="Exchange the axes with a transpose; a reshape leaves the numbers where they are.",
        code="x = x.transpose(0, 2, 3, 1)  # [1 c h w] to [1 h w c]; not x.reshape(...)",
    ),
    Cause(
        id="E3",
        title="Red and blue are exchanged on the way to the graph",
        stage="tensor",
        what="""
        The graph expects the channels in the other order than the checkpoint: it was exported
        behind a layer that exchanges them, or is fed by OpenCV.
        """,
        found_by="Fed with red and blue exchanged, the graph gives the logits of the checkpoint.",
        fix="Feed the channels in the order that the graph expects.",
        code="image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)",
    ),
    Cause(
        id="E4",
        title="Numbers are too large for float16",
        stage="logits",
        what="""
        The graph computes in float16, which ends at 65,504. Beyond that a layer gives infinity, the
        next ones NaN, and argmax of NaN is one class.
        """,
        found_by="""
        A layer of the graph has infinite or undefined numbers where the same layer of the
        checkpoint has none.
        """,
        fix="Keep this layer and those around it in float32, or the whole graph.",
        code='convert_float_to_float16(model, node_block_list=["/layer/Conv"])',
    ),
    Cause(
        id="E5",
        title="BatchNorm was exported in training mode",
        stage="logits",
        what="""
        The network was exported while it was training: BatchNorm normalizes by the picture's own
        statistics, and the stored ones are not used.
        """,
        found_by="""
        The graph says so of its BatchNorm nodes, or the checkpoint with batch statistics gives the
        logits of the graph.
        """,
        fix="Export in eval mode.",
        code='torch.onnx.export(model.eval(), x, "model.onnx")',
    ),
    Cause(
        id="E6",
        title="Another resize than in the network",
        stage="logits",
        what="""
        The graph enlarges with another mode, with `align_corners` or to a size that was fixed at
        export.
        """,
        found_by="""
        Both programs agree up to a resize, and from there on they differ; the attributes of the
        node are named.
        """,
        fix="Export with an opset of 11 or later, and check mode and align_corners of the resize.",
        code='F.interpolate(x, size=size, mode="bilinear", align_corners=False)',
    ),
    Cause(
        id="E7",
        title="A quantization scale does not fit its tensor",
        stage="logits",
        what="""
        A tensor is rounded to 8 bits with a scale that was calibrated on too little or on other
        data: it is cut off, or its steps are larger than its numbers.
        """,
        found_by="""
        The tensor is compared with itself after it was quantized and taken back: more than a third
        of its spread is lost.
        """,
        fix="Calibrate with pictures like those of the deployment, normalized as in training.",
        code="quantize_static(model, out, calibration_data_reader=reader)  # real pictures",
    ),
    Cause(
        id="E8",
        title="A size was fixed at export",
        stage="tensor",
        what="""
        The graph takes one height and width, or enlarges to one; every other picture is distorted,
        cut off or refused.
        """,
        found_by="""
        The input of the graph has a fixed size that is not the one that the settings feed, or its
        output keeps its size whatever the input has.
        """,
        fix="Export with dynamic height and width, or resize to this size in training too.",
        code='torch.onnx.export(model, x, path, dynamic_axes={"x": {2: "height", 3: "width"}})',
    ),
    Cause(
        id="E9",
        title="Other weights than those of the checkpoint",
        stage="checkpoint",
        what="""
        What was deployed comes from another epoch, another run, or from weights that were never
        loaded before the export.
        """,
        found_by="""
        Tensors of the same name hold other numbers; or the first layer with weights gives something
        else on the same input.
        """,
        fix="Export again from this checkpoint.",
        code='model.load_state_dict(torch.load("best.pth"), strict=True)\nmodel.eval()',
    ),
    Cause(
        id="G1",
        title="The argmax is inside the graph",
        stage="labels",
        what="""
        The graph returns class ids. A second argmax over them, over an axis that has length 1 or
        holds rows, gives 0 or nonsense.
        """,
        found_by="The output of the graph has whole numbers: the classes of the checkpoint.",
        fix="Take the output as the label map.",
        code='labels = session.run(None, {"x": x})[0][0].astype(np.uint8)  # no argmax',
    ),
    Cause(
        id="G2",
        title="Softmax or sigmoid is inside the graph",
        stage="labels",
        what="""
        The graph returns probabilities. A second softmax makes all classes nearly equal, and after
        a second sigmoid nothing is below 0.5.
        """,
        found_by="The output of the graph is softmax or sigmoid of the checkpoint's logits.",
        fix="Do not apply it again.",
        code="mask = output[0, 0] > 0.5  # already a probability",
    ),
    Cause(
        id="G3",
        title="Another output of the graph is the mask",
        stage="labels",
        what="""
        The graph has several outputs, as the head and the auxiliary head, and the first is not the
        one that is meant.
        """,
        found_by="Not the first, but another output of the graph has the logits of the checkpoint.",
        fix="Ask for the output by its name.",
        code='logits = session.run(["out"], {"x": x})[0]',
    ),
)
