"""Weights of Stable Diffusion 1.5 inpainting, IP-Adapter, a few-step LoRA and TAESD as they lie on people's disks, in
miniature: built from configurations by the libraries that wrote the real ones, with random numbers in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

for needed in ("torch", "diffusers", "transformers", "onnx"):
    pytest.importorskip(needed)

import torch  # noqa: E402
from diffusers import (  # noqa: E402
    AutoencoderKL,
    AutoencoderTiny,
    PNDMScheduler,
    StableDiffusionInpaintPipeline,
    UNet2DConditionModel,
)
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import (  # noqa: E402
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

CONTEXT = 32  # channels of the text, 768 of the real one
WIDTH = 64  # of the resampler, 768
INNER = 128  # of its attention: two heads of 64
HIDDEN = 24  # of the image encoder, 1280
EMBEDDING = 20  # of the picture as a whole, 1024
FACE = 16  # of ArcFace, 512
RANK = 2
WORDS = {"!": 0, '"': 1, "<|startoftext|>": 2, "<|endoftext|>": 3}

Tensors = dict[str, torch.Tensor]


def unet(**changes: Any) -> UNet2DConditionModel:
    sizes: dict[str, Any] = {
        "sample_size": 8,
        "in_channels": 9,
        "out_channels": 4,
        "block_out_channels": (32, 64),
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": CONTEXT,
        "attention_head_dim": 4,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**(sizes | changes))


def vae(**changes: Any) -> AutoencoderKL:
    sizes: dict[str, Any] = {
        "block_out_channels": (8, 8, 8, 8),
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "layers_per_block": 1,
        "latent_channels": 4,
        "norm_num_groups": 4,
        "scaling_factor": 0.18215,
    }
    return AutoencoderKL(**(sizes | changes))


def tiny(**changes: Any) -> AutoencoderTiny:
    sizes: dict[str, Any] = {
        "encoder_block_out_channels": (8,) * 4,
        "decoder_block_out_channels": (8,) * 4,
        "num_encoder_blocks": (1,) * 4,
        "num_decoder_blocks": (1,) * 4,
    }
    return AutoencoderTiny(**(sizes | changes))


def text_encoder(hidden: int = CONTEXT) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(WORDS), hidden_size=hidden, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2
        )
    )


def image_encoder(**changes: Any) -> CLIPVisionModelWithProjection:
    sizes: dict[str, Any] = {
        "hidden_size": HIDDEN,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 8,
        "projection_dim": EMBEDDING,
        "hidden_act": "gelu",
    }
    return CLIPVisionModelWithProjection(CLIPVisionConfig(**(sizes | changes)))


def save_stable_diffusion(folder: Path, network: UNet2DConditionModel | None = None) -> Path:
    """A diffusers folder: model_index.json, unet, vae, text_encoder, tokenizer, scheduler."""
    words = folder.parent / "words"
    words.mkdir(parents=True)
    (words / "vocab.json").write_text(json.dumps(WORDS), encoding="utf-8")
    (words / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    network = network or unet()
    stir(network)
    pipeline = StableDiffusionInpaintPipeline(
        vae=stirred(vae()),
        text_encoder=stirred(text_encoder()),
        tokenizer=CLIPTokenizer(str(words / "vocab.json"), str(words / "merges.txt"), model_max_length=77),
        unet=network,
        scheduler=PNDMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True, steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    # As it was when Stable Diffusion was published: the libraries of today write other names.
    for name in ("vocab.json", "merges.txt"):
        (words / name).rename(folder / "tokenizer" / name)
    words.rmdir()
    (folder / "tokenizer" / "tokenizer.json").unlink()
    rename(folder / "text_encoder" / "model.safetensors", lambda name: f"text_model.{name}")
    rename(folder / "vae" / "diffusion_pytorch_model.safetensors", old_name)
    (folder / "README.md").write_text("---\nlicense: creativeml-openrail-m\n---\n# Random numbers\n", encoding="utf-8")
    return folder


def old_name(name: str) -> str:
    """Of the autoencoder's attention, before diffusers 0.15."""
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        name = name.replace(f"attentions.0.{new}", f"attentions.0.{old}")
    return name


def rename(path: Path, change: Callable[[str], str]) -> None:
    """The names of a file's tensors."""
    tensors = {change(name): tensor for name, tensor in load_file(path).items()}
    save_file(tensors, path, {"format": "pt"})


def stirred(module: Any) -> Any:
    stir(module)
    return module


def stir(module: torch.nn.Module) -> None:
    """Fresh networks have zeros and ones in them, which would hide what is left out or mixed up."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))


def cross_layers(network: UNet2DConditionModel) -> list[int]:
    """Channels of the cross-attentions, in the order of their numbers."""
    return [
        network.get_submodule(name.removesuffix(".processor")).to_q.out_features
        for name in network.attn_processors
        if "attn2" in name
    ]


def resampler(queries: int = 3, depth: int = 4) -> Tensors:
    """The plus adapter's, without its learned queries."""
    found: Tensors = {}
    for name, rows, columns in (("proj_in", WIDTH, HIDDEN), ("proj_out", CONTEXT, WIDTH)):
        found |= {f"{name}.weight": matrix(rows, columns), f"{name}.bias": 0.1 * torch.randn(rows)}
    found |= norm("norm_out", CONTEXT)
    for layer in range(depth):
        attention, mlp = f"layers.{layer}.0", f"layers.{layer}.1"
        found |= norm(f"{attention}.norm1", WIDTH) | norm(f"{attention}.norm2", WIDTH) | norm(f"{mlp}.0", WIDTH)
        found |= {
            f"{attention}.to_q.weight": matrix(INNER, WIDTH),
            f"{attention}.to_kv.weight": matrix(2 * INNER, WIDTH),
            f"{attention}.to_out.weight": matrix(WIDTH, INNER),
            f"{mlp}.1.weight": matrix(4 * WIDTH, WIDTH),
            f"{mlp}.3.weight": matrix(WIDTH, 4 * WIDTH),
        }
    return found


def adapter(kind: str, network: UNet2DConditionModel | None = None) -> Tensors:
    """The tensors of an IP-Adapter's file. kind: plain, plus or faceid-plus."""
    if kind == "plain":
        project = {"proj.weight": matrix(4 * CONTEXT, EMBEDDING), "proj.bias": torch.zeros(4 * CONTEXT)}
        project |= norm("norm", CONTEXT)
    elif kind == "plus":
        project = {"latents": torch.randn(1, 3, WIDTH), **resampler()}
    else:
        project = {f"perceiver_resampler.{name}": tensor for name, tensor in resampler().items()}
        project |= {"proj.0.weight": matrix(2 * FACE, FACE), "proj.0.bias": torch.zeros(2 * FACE)}
        project |= {"proj.2.weight": matrix(4 * WIDTH, 2 * FACE), "proj.2.bias": torch.zeros(4 * WIDTH)}
        project |= norm("norm", WIDTH)
    found = {f"image_proj.{name}": tensor for name, tensor in project.items()}
    network = network or unet()
    for place, channels in enumerate(cross_layers(network)):
        for what in ("k", "v"):
            found[f"ip_adapter.{2 * place + 1}.to_{what}_ip.weight"] = matrix(channels, CONTEXT)
    if kind == "faceid-plus":
        found |= face_lora(network)
    return found


def face_lora(network: UNet2DConditionModel) -> Tensors:
    """The LoRA that comes inside a FaceID file: of every attention, crossed or not, by its number."""
    found: Tensors = {}
    for place, name in enumerate(network.attn_processors):
        attention = network.get_submodule(name.removesuffix(".processor"))
        for part, layer in (
            ("q", attention.to_q),
            ("k", attention.to_k),
            ("v", attention.to_v),
            ("out", attention.to_out[0]),
        ):
            key = f"ip_adapter.{place}.to_{part}_lora"
            found[f"{key}.down.weight"] = matrix(RANK, layer.in_features)
            found[f"{key}.up.weight"] = matrix(layer.out_features, RANK)
    return found


def lora(network: UNet2DConditionModel | None = None) -> Tensors:
    """A few-step LoRA in the form that most files have: names with underscores, alpha beside them."""
    found: Tensors = {}
    for name, layer in (network or unet()).named_modules():
        wanted = isinstance(layer, torch.nn.Conv2d | torch.nn.Linear)
        if not wanted or not any(part in name for part in ("attn", "resnets", "ff.net")):
            continue
        key = "lora_unet_" + name.replace(".", "_")
        rows, columns = layer.weight.shape[:2]
        kernel = layer.weight.shape[2:]
        found[f"{key}.lora_down.weight"] = matrix(RANK, columns * kernel.numel()).reshape(RANK, columns, *kernel)
        found[f"{key}.lora_up.weight"] = matrix(rows, RANK).reshape(rows, RANK, *(1 for _ in kernel))
        found[f"{key}.alpha"] = torch.tensor(1.0)
    return found


def save_all(folder: Path, kind: str = "plus") -> Path:
    """A whole folder of weights: Stable Diffusion, an IP-Adapter with its image encoder, a LoRA, TAESD."""
    torch.manual_seed(3)
    save_stable_diffusion(folder / "stable-diffusion-inpainting")
    models = folder / "IP-Adapter" / "models"
    stirred(image_encoder()).save_pretrained(models / "image_encoder")
    save_file(adapter(kind), models / f"ip-adapter-{kind}_sd15.safetensors")
    (folder / "IP-Adapter" / "README.md").write_text("---\nlicense: apache-2.0\n---\n", encoding="utf-8")
    (folder / "lora").mkdir()
    save_file(lora(), folder / "lora" / "pytorch_lora_weights.safetensors")
    stirred(tiny()).save_pretrained(folder / "taesd")
    return folder


def matrix(rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns) / columns**0.5


def norm(name: str, channels: int) -> Tensors:
    return {f"{name}.weight": 1 + 0.1 * torch.randn(channels), f"{name}.bias": 0.1 * torch.randn(channels)}
