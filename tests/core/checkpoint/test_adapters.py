"""An adapter beside its base is put into it; folders of training libraries open as a ZIP."""

from __future__ import annotations

import io
import json

import pytest
import torch
from safetensors.torch import save

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError
from tests.conftest import zipped
from tests.support.networks import make

LAYER = "down1.maxpool_conv.1.double_conv.0"
HEAD = "outc.conv"
RANK, ALPHA = 2, 6


@pytest.fixture(scope="module")
def base():
    return {
        key: tensor.contiguous() for key, tensor in make("U-Net by milesial").state_dict().items()
    }


def adapter(base):
    """Of one convolution, and a head that was trained whole (modules_to_save)."""
    weight = base[f"{LAYER}.weight"]
    generator = torch.Generator().manual_seed(1)
    down = torch.randn(RANK, *weight.shape[1:], generator=generator)
    up = torch.randn(weight.shape[0], RANK, 1, 1, generator=generator)
    start = "base_model.model."
    return {
        f"{start}{LAYER}.lora_A.weight": down,
        f"{start}{LAYER}.lora_B.weight": up,
        f"{start}{HEAD}.weight": base[f"{HEAD}.weight"] + 1,
    }


def read(files, folder):
    path = folder / "folder.zip"
    path.write_bytes(zipped(files))
    return read_checkpoint(path, name="folder.zip", digest="d")


def both(base, config, folder):
    files = {
        "base/model.safetensors": save(base),
        "lora/adapter_model.safetensors": save(adapter(base)),
        "lora/adapter_config.json": json.dumps(config).encode(),
    }
    return read(files, folder)


PLAIN = {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA}


@pytest.mark.parametrize(("more", "scale"), [({}, 3.0), ({"use_rslora": True}, ALPHA / 2**0.5)])
def test_the_product_is_added_as_the_config_says(more, scale, base, tmp_path):
    checkpoint = both(base, PLAIN | more, tmp_path)
    added = adapter(base)
    down, up = (added[f"base_model.model.{LAYER}.lora_{part}.weight"] for part in "AB")
    x = torch.randn(1, down.shape[1], 9, 9)
    behind = torch.nn.functional.conv2d(torch.nn.functional.conv2d(x, down, padding=1), up)
    wanted = torch.nn.functional.conv2d(x, base[f"{LAYER}.weight"], padding=1) + scale * behind
    found = torch.nn.functional.conv2d(x, checkpoint.tensors[f"{LAYER}.weight"], padding=1)

    assert torch.allclose(found, wanted, atol=1e-4)
    assert torch.equal(checkpoint.tensors[f"{HEAD}.weight"], base[f"{HEAD}.weight"] + 1)
    assert not [key for key in checkpoint.tensors if "lora" in key]
    assert f"{LAYER}.weight" in checkpoint.computed
    assert any("LoRA of rank 2, alpha 6" in note for note in checkpoint.notes)
    assert build_network(checkpoint).architecture == "U-Net, bilinear"


def test_matrices_are_multiplied_too():
    from core.checkpoint.stored.adapters import with_adapter

    down, up, weight = torch.randn(2, 5), torch.randn(3, 2), torch.randn(3, 5)
    tensors = {"q.weight": weight, "q.lora_A.weight": down, "q.lora_B.weight": up}
    found, how = with_adapter(tensors, {"adapter_config.json": {"lora_alpha": 4}})

    assert torch.allclose(found["q.weight"], weight + 2 * up @ down)
    assert list(found) == list(how) == ["q.weight"]


@pytest.mark.parametrize("config", [{"peft_type": "LORA"}, PLAIN | {"use_dora": True}])
def test_without_alpha_or_with_a_rule_that_is_not_known_nothing_is_guessed(config, base, tmp_path):
    checkpoint = both(base, config, tmp_path)

    assert not checkpoint.computed
    with pytest.raises(ArchitectureError, match="not merged"):
        build_network(checkpoint)


def test_a_deepspeed_folder_of_stage_1_has_whole_weights(base, tmp_path):
    states = {
        "module": {f"module.{key}": tensor for key, tensor in base.items()},
        "ds_config": {"zero_optimization": {"stage": 1}},
        "ds_version": "0.16.0",
        "global_steps": 9,
    }
    files = {"latest": b"step9"}
    for name, content in (
        ("mp_rank_00_model_states.pt", states),
        ("bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt", {"optimizer_state_dict": {}}),
    ):
        file = io.BytesIO()
        torch.save(content, file)
        files[f"step9/{name}"] = file.getvalue()
    checkpoint = read(files, tmp_path)

    assert build_network(checkpoint).architecture == "U-Net, bilinear"
    assert checkpoint.prefix == "module."


def test_a_folder_of_accelerate_has_its_weights_among_states(base, tmp_path):
    state = io.BytesIO()
    torch.save({"state": {0: {"exp_avg": torch.ones(9)}}, "param_groups": []}, state)
    files = {"ckpt/model.safetensors": save(base), "ckpt/optimizer.bin": state.getvalue()}

    assert build_network(read(files, tmp_path)).architecture == "U-Net, bilinear"
