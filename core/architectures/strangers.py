"""Weights that no family here builds, by the names of their tensors: what they are, and a way in.

A table. A row fits where each of its patterns is found in some name, and none of `without` in any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

SAVE = 'torch.save(model.state_dict(), "weights.pth")'
EXPORT = (
    "Export the network with its graph where it was trained, and upload that .pt2 file: it runs "
    "here whatever the architecture is."
)
OBJECTS = (
    "It answers with one mask for each object, not with a class for each pixel: look at its answer "
    "with the library that trained it."
)
PROMPTED = (
    "It answers to a prompt (points, a box, a text), not with a class for each pixel: look at its "
    "answer with the library that trained it."
)
DISTANCES = (
    "It gives a distance for each pixel, and no classes: upload the checkpoint of a segmentation "
    "network."
)
QUERIES = (
    "Its outputs are masks of queries. Wrap it so that forward returns the score of each class at "
    "each pixel, [1, classes, h, w], as post_process_semantic_segmentation of transformers does, "
    "and export the wrapper."
)
MERGE = f"Put it into its base, then save: model = model.merge_and_unload(); {SAVE}"
HEADLESS = f"Save the whole network, with encoder, decoder and head: {SAVE}"
FLOAT = (
    "Upload the float checkpoint, from before the quantization: a quantized network may have fewer "
    "layers, since BatchNorm is folded away, and then it fits none that is known here."
)
SHARD = (
    "Collect the shards where it was trained: torch.distributed.checkpoint.state_dict."
    "get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))."
)
HEADS = (
    r"decode|head|classifier|segment|aspp|(^|\.)(up|outc?|final|logits?|last|cls(?!_token)|aux|score|mask(?!_token)|fpn"
    r"|neck)[\d._]|conv_seg|(^|\.)fc\."
)


@dataclass(frozen=True)
class Stranger:
    """One kind of weights."""

    name: str  # with its article
    marks: tuple[str, ...]  # patterns of names
    way_in: str = EXPORT
    exports: bool = False  # whether the lines that write a .pt2 help
    without: str = ""  # a pattern that no name may have
    always: bool = False  # also where a family knows the names, but its network does not fit
    only: bool = False  # the pattern has to be in every name


def _network(name: str, *marks: str) -> Stranger:
    return Stranger(name, marks, exports=True)


LORA = r"(^|\.)(lora_\w+|hada_\w+|lokr_\w+|ia3_\w+|dora_\w+|adapter_[a-z]\w*)(\.|$)"
STRANGERS = (
    Stranger(
        "a depth network (DPT)",
        (r"^head\.head\.2\.weight$", r"^neck\.fusion_stage\."),
        DISTANCES,
        always=True,
    ),
    Stranger(
        "an adapter (LoRA) without its base",
        (rf"{LORA}|(^|\.)alpha$",),  # alpha: of kohya-ss, beside each pair
        MERGE,
        only=True,
        always=True,
    ),
    Stranger("a network with an adapter (LoRA) that is not merged", (LORA,), MERGE, always=True),
    Stranger(
        "one process's shard of a network (FSDP)", (r"(^|\.)_?flat_param",), SHARD, always=True
    ),
    Stranger(
        "a quantized network (int8)",
        (r"(^|\.)zero_point$",),
        FLOAT,
        without=r"running_mean$",
        always=True,
    ),
    Stranger(
        "a network whose weights bitsandbytes, GPTQ or AWQ packed",
        (r"(^|\.)(SCB|qweight|qzeros|absmax|quant_map)$",),
        FLOAT,
        always=True,
    ),
    Stranger(
        "an instance YOLO network of Ultralytics (-seg)",
        (r"(^|\.)\d+\.proto\.cv1\.conv\.", r"(^|\.)\d+\.cv4\.\d+\.\d+\."),
        OBJECTS,
    ),
    Stranger(
        "a YOLO network of Ultralytics",
        (r"(^|\.)\d+\.(cv[123]\.conv|m\.\d+\.cv1\.conv|dfl\.conv|cv[23]\.\d+\.\d+\.)",),
        OBJECTS,
    ),
    Stranger(
        "Segment Anything (SAM)",
        (
            r"(^|\.)(image_encoder|vision_encoder)\.",
            r"(^|\.)(prompt_encoder|(sam_)?mask_decoder|memory_attention)\.",
        ),
        PROMPTED,
    ),
    Stranger(
        "the image encoder of Segment Anything (SAM)",
        (r"(^|\.)image_encoder\.(neck|trunk|blocks)\.",),
        PROMPTED,
    ),
    Stranger(
        "a network that is prompted with a text (CLIP)",
        (r"(^|\.)(text_model|text_encoder|token_embedding)\.",),
        PROMPTED,
    ),
    Stranger(
        "an instance network (Mask R-CNN)",
        (r"(^|\.)roi_heads?\.|(^|\.)(mask_head|proposal_generator|rpn_head|rpn)\.",),
        OBJECTS,
    ),
    Stranger(
        "a Mask2Former, MaskFormer or OneFormer",
        (r"pixel_level_module\.|transformer_module\.|sem_seg_head\.pixel_decoder\.",),
        QUERIES,
        exports=True,
    ),
    Stranger(
        "a DeepLab of Detectron2", (r"(^|\.)sem_seg_head\.decoder\.res\d\.",), EXPORT, exports=True
    ),
    Stranger(
        "a semantic FPN of Detectron2",
        (r"(^|\.)sem_seg_head\.p\d\.\d\.", r"(^|\.)sem_seg_head\.predictor\.(weight|bias)$"),
        EXPORT,
        exports=True,
    ),
    Stranger(
        "a detection network (DETR, RetinaNet, SSD)",
        (r"(^|\.)(bbox_embed|class_labels_classifier|bbox_head|regression_head|bbox_predictor)\.",),
        OBJECTS,
    ),
    Stranger(
        "a decoder or a head without its encoder",
        (
            r"^((aux\w*_)?(decode|decoder|segmentation|seg|pred)?_?(heads?|decoder|classifier)"
            r"|outc|out_?conv|conv_?(out|last)|final\w*)(\.|$)",
        ),
        HEADLESS,
        only=True,
    ),
    Stranger(
        "the encoder of a U-Net without its decoder",
        (r"^inc\.(double_)?conv\.", r"^down\d"),
        HEADLESS,
        without=r"^(up\d|outc?)\.",
    ),
    _network("a TransUNet", r"^transformer\.embeddings\.", r"^segmentation_head\.0\."),
    _network("a Swin-Unet", r"(^|\.)layers_up\.\d", r"(^|\.)concat_back_dim\.|(^|\.)output\."),
    _network("a Segmenter", r"^decoder\.(cls_emb|head)", r"^encoder\.blocks\.\d+\.attn\."),
    _network("a DPT or MiDaS of isl-org", r"^scratch\.refinenet\d\.", r"^pretrained\."),
    _network("a nnU-Net of version 1", r"^conv_blocks_context\.", r"^seg_outputs\."),
    _network("a PSPNet of hszhao (semseg)", r"^ppm\.features\.\d", r"^cls\.\d"),
    _network("a PSPNet of Lextym", r"^feats\.", r"^psp\.stages\.\d"),
    _network("a DeepLab of kazuto1011", r"(^|\.)aspp\.c\d\.", r"(^|\.)reduce\.conv\."),
    _network("a BiSeNet of ycszen or ooooverflow", r"^(context|saptial|spatial)_path\."),
    _network("a U-Net of LeeJunHyun", r"^Conv1\.conv\.0\.", r"^Up_conv5\."),
    _network("a U-Net of mateuszbuda", r"^encoder1\.enc1conv1\.", r"^upconv4\."),
    _network("a U-Net of jvanvugt", r"^down_path\.0\.block\.", r"^up_path\.0\."),
    _network("a U-Net of usuyama", r"^dconv_down1\.", r"^conv_last\."),
    _network("a U-Net++ (NestedUNet)", r"^conv0_0\.", r"^conv0_4\.", r"^final"),
    _network("a SegNet", r"^conv11\.", r"^conv11d\."),
    Stranger(
        "an HRNet for poses: heatmaps of joints",
        (r"^stage4\.0\.fuse_layers\.", r"^final_layer\.(weight|bias)$"),
        "Upload the checkpoint of a segmentation network: its last layers are called last_layer.",
    ),
    _network("a U2-Net or an IS-Net", r"(^|\.)stage1\.rebnconvin\.conv_s1\."),
    _network("a BiRefNet", r"(^|\.)squeeze_module\.", r"(^|\.)decoder\.decoder_block4\."),
    _network("a U-Net of MONAI", r"(^|\.)(submodule\.\d+\.|conv\.unit\d\.|unit\d\.conv\.)"),
    _network("a SwinUNETR of MONAI", r"(^|\.)swinViT\."),
    _network("a SegResNet of MONAI", r"(^|\.)convInit\.conv\."),
    _network("a BasicUNet of MONAI", r"(^|\.)conv_0\.conv_0\.conv\."),
    _network("a DynUNet of MONAI", r"(^|\.)input_block\.conv1\.conv\."),
    _network("a UNETR of MONAI", r"(^|\.)vit\.patch_embedding\.", r"(^|\.)decoder5\."),
    _network("a nnU-Net", r"(^|\.)decoder\.seg_layers\.", r"(^|\.)encoder\.stages\."),
    _network("a DeepLabV3+ by VainF", r"^classifier\.(aspp\.convs|classifier\.0\.convs)\."),
    _network("a DeepLabV3+ by jfzhang95", r"^(aspp\.aspp1\.atrous_conv|decoder\.last_conv\.)"),
    _network("a DeepLabV3+ by bubbliiiing", r"^(aspp\.branch1|cat_conv\.0)\."),
    _network("a U-Net by milesial", r"^(inc\.double_conv|outc\.conv)\."),
    _network("a SegFormer of transformers", r"^(segformer\.encoder|decode_head\.linear_c)\."),
    _network("a network of mmsegmentation", r"^decode_head\.(\d\.)?conv_seg\."),
    _network("a network of segmentation-models-pytorch", r"^segmentation_head\.0\."),
    Stranger(
        "a masked autoencoder (MAE), which was trained without labels",
        (r"(^|\.)decoder_pred\.",),
        "Train a segmentation network on its encoder, and upload that network's checkpoint.",
    ),
    Stranger(
        "a language model",
        (r"(^|\.)(word_embeddings|wte|embed_tokens|tok_embeddings)\.weight$",),
        "Choose the checkpoint of a segmentation network.",
    ),
    Stranger(
        "a diffusion network, which makes pictures",
        (r"(^|\.)(down_blocks\.\d+\.resnets|input_blocks\.\d+)\.", r"(^|\.)time_embed(ding)?\."),
        "Choose the checkpoint of a segmentation network.",
    ),
    Stranger("a depth network (GLPN)", (r"^glpn\.",), DISTANCES),
    Stranger(
        "an encoder (ResNet) without a segmentation head",
        (r"(^|\.)layer[34]\.0\.conv1\.weight$",),
        HEADLESS,
        without=HEADS,
    ),
    Stranger(
        "an encoder (vision transformer) without a segmentation head",
        (r"(^|\.)(blocks|layers?|block\d)\.\d+\.(attn|attention)\.|\.blocks\.\d+\.attn\.",),
        HEADLESS,
        without=HEADS,
    ),
    Stranger(
        "an encoder (MobileNet, EfficientNet, ConvNeXt) without a segmentation head",
        (
            r"(^|\.)(features\.\d+|_?blocks\.\d+(\.\d+)?|stages[._]\d+\.blocks\.\d+)"
            r"\.(\d+\.|block\.|_?(conv|depthwise)|conv_)",
        ),
        HEADLESS,
        without=HEADS,
    ),
)


def stranger(names: Iterable[str], *, always: bool = False) -> Stranger | None:
    """The first row that fits these tensors' names; None where none does.

    Args:
        names: of all tensors.
        always: only the rows that also count where a family knows the names.
    """
    known = list(names)
    rows = (row for row in STRANGERS if row.always or not always)
    return next((row for row in rows if _fits(row, known)), None)


def _fits(row: Stranger, names: list[str]) -> bool:
    every = all if row.only else any
    if not names or not all(every(re.search(mark, name) for name in names) for mark in row.marks):
        return False
    return not row.without or not any(re.search(row.without, name) for name in names)
