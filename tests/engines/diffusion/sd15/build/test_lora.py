"""LoRA of every form that files have, fused by its definition, and refused where it is for another network."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

import torch

from engines.diffusion.sd15.errors import WeightsRefused
from engines.diffusion.sd15.build.lora import fuse, fuse_numbered
from tests.engines.diffusion.sd15.weights import Tensors, face_lora, lora, matrix, unet

PATH = Path("some.safetensors")
LINEAR = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
OUT = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
CONVOLUTION = "mid_block.resnets.0.conv1"


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return unet()


def weight(network: torch.nn.Module, name: str) -> torch.Tensor:
    return network.get_submodule(name).weight


def halves(layer: torch.Tensor, rank: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """down, up."""
    rows, columns = layer.shape[:2]
    kernel = layer.shape[2:]
    down = matrix(rank, columns * kernel.numel()).reshape(rank, columns, *kernel)
    return down, matrix(rows, rank).reshape(rows, rank, *(1 for _ in kernel))


@pytest.mark.parametrize("target", [LINEAR, OUT, CONVOLUTION])
@pytest.mark.parametrize(
    ("down_name", "up_name"),
    [
        ("lora_unet_{under}.lora_down.weight", "lora_unet_{under}.lora_up.weight"),
        ("unet.{name}.lora_A.weight", "unet.{name}.lora_B.weight"),
        ("base_model.model.unet.{name}.lora_A.weight", "base_model.model.unet.{name}.lora_B.weight"),
        ("unet.{name}.lora.down.weight", "unet.{name}.lora.up.weight"),
    ],
)
def test_every_form_is_fused_by_the_definition(
    network: torch.nn.Module, target: str, down_name: str, up_name: str
) -> None:
    before = weight(network, target).clone()
    down, up = halves(before)
    words = {"name": target, "under": target.replace(".", "_")}
    assert fuse(network, {down_name.format(**words): down, up_name.format(**words): up}, PATH) == 1
    # Of a convolution: the two convolutions one after the other, which is what the LoRA was trained as.
    wanted = before + torch.einsum("or,ri...->oi...", up.flatten(1), down)
    torch.testing.assert_close(weight(network, target), wanted)


def test_attention_processors_of_old_files_are_fused_too(network: torch.nn.Module) -> None:
    before = weight(network, OUT).clone()
    down, up = halves(before)
    key = OUT.removesuffix(".to_out.0") + ".processor.to_out_lora"
    fuse(network, {f"unet.{key}.down.weight": down, f"unet.{key}.up.weight": up}, PATH)
    torch.testing.assert_close(weight(network, OUT), before + up @ down)


def test_alpha_is_a_share_of_the_rank(network: torch.nn.Module) -> None:
    before = weight(network, LINEAR).clone()
    down, up = halves(before, rank=4)
    key = "lora_unet_" + LINEAR.replace(".", "_")
    named = {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.alpha": torch.tensor(1.0)}
    fuse(network, named, PATH)
    torch.testing.assert_close(weight(network, LINEAR), before + 0.25 * (up @ down))


def test_a_fused_network_computes_what_the_two_beside_each_other_do(network: torch.nn.Module) -> None:
    layer = network.get_submodule(CONVOLUTION)
    x = torch.randn(1, layer.in_channels, 5, 5)
    down, up = halves(layer.weight)
    beside = layer(x) + torch.nn.functional.conv2d(torch.nn.functional.conv2d(x, down, padding=1), up)
    key = "lora_unet_" + CONVOLUTION.replace(".", "_")
    fuse(network, {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}, PATH)
    torch.testing.assert_close(layer(x), beside, rtol=1e-4, atol=1e-5)


def test_a_whole_file_changes_every_layer_that_it_names(network: torch.nn.Module) -> None:
    tensors = lora(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert fuse(network, tensors, PATH) == sum(name.endswith(".alpha") for name in tensors)
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert len(changed) == sum(name.endswith(".alpha") for name in tensors)


def test_the_lora_inside_a_faceid_file_is_numbered_by_attention(network: torch.nn.Module) -> None:
    own = {name.removeprefix("ip_adapter."): tensor for name, tensor in face_lora(network).items()}
    before = weight(network, OUT).clone()
    assert fuse_numbered(network, own, PATH) == 4 * len(network.attn_processors)
    number = list(network.attn_processors).index(OUT.removesuffix(".to_out.0") + ".processor")
    up, down = own[f"{number}.to_out_lora.up.weight"], own[f"{number}.to_out_lora.down.weight"]
    torch.testing.assert_close(weight(network, OUT), before + up @ down)


@pytest.mark.parametrize(
    ("tensors", "found"),
    [
        ({"lora_unet_input_blocks_9_1.lora_down.weight": matrix(2, 8)}, "input_blocks_9_1"),
        ({"lora_te_text_model.lora_down.weight": matrix(2, 8)}, "lora_te_text_model"),
        ({f"unet.{LINEAR}.lora_A.weight": matrix(2, 32)}, "expected both halves, found one"),
        (
            {f"unet.{LINEAR}.lora_A.weight": matrix(2, 99), f"unet.{LINEAR}.lora_B.weight": matrix(32, 2)},
            r"found \(32, 2\) · \(2, 99\)",
        ),
    ],
)
def test_a_lora_for_another_network_is_refused(network: torch.nn.Module, tensors: Tensors, found: str) -> None:
    with pytest.raises(WeightsRefused, match=rf"some\.safetensors: expected .*{found}.*; take a LoRA for"):
        fuse(network, tensors, PATH)


def test_a_number_beyond_the_last_attention_is_refused(network: torch.nn.Module) -> None:
    with pytest.raises(WeightsRefused, match="numbered 0 to 7, found 99"):
        fuse_numbered(network, {"99.to_q_lora.down.weight": matrix(2, 8)}, PATH)
