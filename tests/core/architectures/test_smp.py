"""Networks of segmentation-models-pytorch: rebuilt from a file, they answer as what was saved."""

from __future__ import annotations

from dataclasses import replace

import pytest
import segmentation_models_pytorch as smp
import torch

from core.architectures import build_network
from core.checkpoint import Checkpoint, read_checkpoint
from core.errors import ArchitectureError
from tests.support.networks import seeded

CASES = [  # decoder, encoder, other arguments
    ("Unet", "resnet18", {}),
    ("Unet", "efficientnet-b0", {"in_channels": 5, "classes": 1}),
    ("Unet", "vgg11_bn", {}),
    ("Unet", "mit_b0", {}),
    ("Unet", "densenet121", {}),
    ("Unet", "tu-resnet18", {}),
    ("Unet", "resnet18", {"decoder_use_norm": False}),
    (
        "Unet",
        "resnet18",
        {"decoder_attention_type": "scse", "encoder_depth": 3, "decoder_channels": (64, 32, 16)},
    ),
    ("UnetPlusPlus", "resnet18", {}),
    ("MAnet", "resnet18", {"decoder_pab_channels": 32}),
    ("Linknet", "resnet18", {}),
    ("Linknet", "resnet34", {"encoder_depth": 4}),
    ("FPN", "resnet18", {}),
    ("FPN", "mobilenet_v2", {"decoder_merge_policy": "cat", "encoder_depth": 4}),
    ("PSPNet", "resnet18", {}),
    ("PSPNet", "mobilenet_v2", {"encoder_depth": 4, "psp_out_channels": 64}),
    ("PAN", "resnet18", {}),
    ("DeepLabV3", "resnet18", {}),
    ("DeepLabV3", "mobilenet_v2", {"decoder_aspp_separable": True, "decoder_channels": 64}),
    ("DeepLabV3Plus", "resnet18", {}),
    ("DeepLabV3Plus", "timm-efficientnet-b0", {"decoder_aspp_separable": False}),
    ("UPerNet", "resnet18", {}),
    ("UPerNet", "tu-convnext_tiny", {"encoder_depth": 4, "decoder_channels": 64}),
    ("Segformer", "mit_b0", {}),
    ("Segformer", "resnet18", {"encoder_depth": 4}),
    ("DPT", "tu-vit_tiny_patch16_224", {"decoder_fusion_channels": 64}),
]
SIZES = {"PAN": (256, 256), "DPT": (224, 224)}  # smaller ones the originals refuse


def network(decoder, encoder, **options):
    torch.manual_seed(0)
    made = getattr(smp, decoder)(encoder, encoder_weights=None, **({"classes": 4} | options))
    return seeded(made)


def picture(decoder, channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, channels, *SIZES.get(decoder, (64, 96)), generator=generator)


def answer(model, x):
    with torch.inference_mode():
        return model(x)


def checkpoint_of(model, **facts):
    plain = Checkpoint("w.pth", "d", "zip pickle", 1, model.state_dict(), (), "", {}, ())
    return replace(plain, **facts)


@pytest.mark.parametrize(("decoder", "encoder", "options"), CASES)
def test_the_logits_equal_those_of_the_network_that_was_saved(decoder, encoder, options, tmp_path):
    model = network(decoder, encoder, **options)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "w.pth")
    x = picture(decoder, options.get("in_channels", 3))

    built = build_network(read_checkpoint(tmp_path / "w.pth", name="w.pth", digest="d"))

    wanted = answer(model, x)
    assert (built.num_classes, built.in_channels) == (wanted.shape[1], x.shape[1])
    assert built.architecture.endswith(f"of SMP, {encoder}")
    assert not built.account.missing + built.account.unexpected
    scale = max(1.0, float(wanted.abs().max()))  # random weights answer with hundreds
    assert float((answer(built.module, x) - wanted).abs().max()) < 1e-4 * scale / 10


@pytest.mark.parametrize(
    ("encoder", "told", "others"),
    [
        ("timm-mobilenetv3_small_minimal_100", "tu-tf_mobilenetv3_small_minimal_100", []),
        ("timm-mobilenetv3_small_075", "tu-tf_mobilenetv3_small_075", ["tu-mobilenetv3_small_075"]),
        ("timm-regnetx_002", "tu-regnetx_002", []),
    ],
)
def test_the_librarys_older_names_of_timms_encoders_are_known(encoder, told, others):
    model = network("Unet", encoder)
    built = build_network(checkpoint_of(model))

    assert built.architecture == f"U-Net of SMP, {told}"
    assert [c.options for c in built.choices if c.name == "encoder"] == [(told, *others)] * bool(
        others
    )
    x = picture("Unet")
    wanted = answer(model, x)
    scale = max(1.0, float(wanted.abs().max()))
    assert float((answer(built.module, x) - wanted).abs().max()) < 1e-5 * scale


def test_an_encoder_that_is_not_known_is_not_called_a_changed_network():
    model = network("Unet", "resnet18")
    state = {k: v for k, v in model.state_dict().items() if "layer3.1" not in k}

    with pytest.raises(ArchitectureError) as caught:
        build_network(replace(checkpoint_of(model), tensors=state))
    assert "may be one that is not known here" in caught.value.remedy


def test_every_decoder_of_the_installed_library_is_built():
    known = {decoder for decoder, _, _ in CASES}

    assert known == {name.__name__ for name in smp.MODEL_ARCHITECTURES_MAPPING.values()}


def test_the_network_that_a_whole_module_names_is_taken(tmp_path):
    model = network("Unet", "tu-resnet18")
    torch.save(model, tmp_path / "best_model.pth")

    checkpoint = read_checkpoint(tmp_path / "best_model.pth", name="x", digest="d")

    assert checkpoint.attributes["name"] == "u-tu-resnet18"
    assert build_network(checkpoint).architecture == "U-Net of SMP, tu-resnet18"


def test_what_keys_cannot_tell_comes_from_the_configuration_or_from_the_user():
    model = network("DeepLabV3Plus", "resnet18", encoder_output_stride=8)
    config = {"encoder_name": "resnet18", "encoder_output_stride": 8}

    plain = build_network(checkpoint_of(model))
    told = build_network(checkpoint_of(model, metadata={"config.json": config}))
    chosen = build_network(checkpoint_of(model), {"output stride": "8"})

    stride = [built.choices[0] for built in (plain, told, chosen)]
    assert [(choice.taken, choice.source) for choice in stride] == [
        ("16", "default"),
        ("8", "from the file"),
        ("8", "chosen"),
    ]
    x = picture("DeepLabV3Plus")
    assert torch.allclose(answer(told.module, x), answer(model, x), atol=1e-4)
    assert not torch.allclose(answer(plain.module, x), answer(model, x), atol=1e-4)


def test_atrous_rates_are_read_from_a_whole_module(tmp_path):
    model = network("DeepLabV3", "resnet18", decoder_atrous_rates=(6, 12, 18))
    torch.save(model, tmp_path / "w.pth")

    built = build_network(read_checkpoint(tmp_path / "w.pth", name="w", digest="d"))

    assert {choice.name: choice.taken for choice in built.choices}["atrous rates"] == "6, 12, 18"
    x = picture("DeepLabV3")
    assert torch.allclose(answer(built.module, x), answer(model, x), atol=1e-4)


def test_the_numbered_decoder_of_old_releases_is_read():
    model = network("DeepLabV3", "resnet18")
    names = (("decoder.aspp.", "decoder.0."), ("decoder.conv.", "decoder.1."))
    state = model.state_dict()
    for new, old in (*names, ("decoder.bn.", "decoder.2.")):
        state = {key.replace(new, old): value for key, value in state.items()}

    built = build_network(checkpoint_of(model, tensors=state))

    x = picture("DeepLabV3")
    assert torch.allclose(answer(built.module, x), answer(model, x), atol=1e-4)


def test_a_classification_head_beside_is_told_and_not_run():
    model = network("Unet", "resnet18", aux_params={"classes": 3})

    built = build_network(checkpoint_of(model))

    assert all(key.startswith("classification_head.") for key in built.account.unexpected)
    assert built.notes == ("The file also has a classification head, which is not run.",)


def test_an_encoder_that_nobody_knows_is_told_with_what_to_do():
    model = network("Unet", "resnet18")
    state = {
        key.replace("encoder.layer", "encoder.stage"): v for key, v in model.state_dict().items()
    }
    state = {key.replace("conv", "filter"): v for key, v in state.items() if "encoder" in key} | {
        key: v for key, v in state.items() if "encoder" not in key
    }

    with pytest.raises(ArchitectureError, match="no encoder of it has these") as caught:
        build_network(checkpoint_of(model, tensors=state))
    assert "torch.export.save" in caught.value.code


@pytest.mark.parametrize("name", ["tu-../../x", "os.system", "resnet9999", 3, None, ["resnet18"]])
def test_a_name_from_the_file_is_only_used_where_the_library_knows_it(name):
    model = network("Unet", "resnet18")
    checkpoint = checkpoint_of(model, metadata={"config.json": {"encoder_name": name}})

    assert build_network(checkpoint).architecture == "U-Net of SMP, resnet18"


def test_a_missing_tensor_is_refused_by_name():
    state = dict(network("FPN", "resnet18").state_dict())
    del state["decoder.p4.skip_conv.weight"]

    with pytest.raises(ArchitectureError, match=r"missing: decoder\.p4\.skip_conv\.weight"):
        build_network(checkpoint_of(network("FPN", "resnet18"), tensors=state))


def test_the_order_of_the_tensors_in_a_file_does_not_matter():
    """safetensors sorts them: a depthwise convolution then stands before the stem."""
    model = network("PSPNet", "tu-tf_mobilenetv3_small_minimal_100")
    tensors = dict(sorted(model.state_dict().items()))

    assert build_network(checkpoint_of(model, tensors=tensors)).in_channels == 3
