"""Reads the chosen parts into one network: LoRA fused, text and unguided rows precomputed. Knows no ONNX."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextModel

from engines.diffusion.sd15.build import lora
from engines.diffusion.sd15.build.choice import Choice
from engines.diffusion.sd15.clip import ClipSizes
from engines.diffusion.sd15.errors import WeightsRefused
from engines.diffusion.sd15.model import FACEID_PLUS, PLAIN, Config, Sd15Model
from engines.diffusion.sd15.network import TEXT_TOKENS, Layers, Network, cross_attentions, prompt_width
from engines.diffusion.sd15.projection import PLAIN_TOKENS, FaceQueries
from engines.diffusion.sd15.build.sources import Part, read_json
from engines.diffusion.sd15.build.tensor_file import read_header

FETCH_AGAIN = "fetch the folder again: its files belong together"
UNIT = 0.01  # how far from 1 an embedding's length may be
FIRST, LAST = "<|startoftext|>", "<|endoftext|>"  # of CLIP's vocabulary; the last one pads

Tensors = dict[str, Tensor]
Say = Callable[[str], None]


def read_network(
    choice: Choice, settings: Mapping[str, Any], face: Tensor | None, say: Say
) -> tuple[Network, Sd15Model]:
    """The network of a choice, in float32, and its model.

    settings: the model's fields that the user chooses; face (1, size): ArcFace's embedding of the person, for the
    FaceID adapter.

    Raises:
        WeightsRefused: a part's weights are not what its configuration says, or do not fit the others.
    """
    say(f"reading {choice.unet.path}")
    unet: UNet2DConditionModel = pretrained(UNet2DConditionModel, choice.unet)
    layers = cross_attentions(unet)
    adapter = load_tensors(choice.adapter)
    projection, no_face = read_projection(choice, adapter, face)
    model = Sd15Model(**settings, **_sizes(choice, projection, layers))
    for path, changed in _fuse(unet, choice, adapter):
        say(f"fused {path}: {changed} layers")
    state = {"text": text_keys(unet, layers, read_text(choice))}
    state |= {f"unet.{name}": tensor for name, tensor in unet.state_dict().items() if not _of_text(name)}
    state["image_keys.weight"] = image_keys(layers, adapter, choice.adapter.path, model)
    state |= {f"viewer.projection.{name}": tensor for name, tensor in projection.items()}
    for kind, part in (("vae", choice.vae), ("tiny", choice.tiny)):
        if part is not None:
            say(f"reading {part.path}")
            state |= {
                f"{kind}.{name}": tensor for name, tensor in pretrained(_CLASSES[kind], part).state_dict().items()
            }
    say(f"reading {choice.image_encoder.path}")
    state |= {f"viewer.image_encoder.{name}": tensor for name, tensor in load_tensors(choice.image_encoder).items()}
    return _filled(model, state, no_face, choice), model


def quieten_libraries() -> None:
    """Have the libraries log errors alone: their progress bars and notices say nothing about the pack."""
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()


_CLASSES = {"vae": AutoencoderKL, "tiny": AutoencoderTiny}


def pretrained(kind: Any, part: Part) -> Any:
    """A model of diffusers or transformers, in float32, every weight of which was in its file.

    Raises:
        WeightsRefused: one was not, or has another shape.
    """
    variant = "fp16" if ".fp16." in part.path.name else None
    try:
        module, report = kind.from_pretrained(
            part.path.parent,
            use_safetensors=True,
            local_files_only=True,
            low_cpu_mem_usage=False,
            variant=variant,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsRefused(part.path, "the weights of its config.json", str(error)[:300], FETCH_AGAIN) from error
    odd = [str(name) for what in ("missing_keys", "mismatched_keys") for name in report[what]]
    if odd:
        raise WeightsRefused(part.path, "all weights of its config.json", f"none that fit for {odd[:3]}", FETCH_AGAIN)
    return module.float().eval().requires_grad_(False)


def load_tensors(part: Part) -> Tensors:
    """Of a file, in float32; integer position tables are left out."""
    return {name: tensor.float() for name, tensor in load_file(part.path).items() if tensor.is_floating_point()}


def read_projection(choice: Choice, adapter: Tensors, face: Tensor | None) -> tuple[Tensors, Tensor | None]:
    """The projection's weights by its own names; for the FaceID form the queries of a zero embedding besides.

    Raises:
        WeightsRefused: the embedding is not what the adapter takes.
    """
    own = _under(adapter, "image_proj.")
    if choice.kind != FACEID_PLUS:
        return own, None
    inside = "perceiver_resampler."
    resampler, path = _under(own, inside), choice.adapter.path
    hidden, size = own["proj.0.weight"].shape
    width = resampler["proj_in.weight"].shape[0]
    if face is None or face.shape != (1, size):
        found = "none" if face is None else str(tuple(face.shape))
        raise WeightsRefused(path, f"a face embedding of {size} numbers", found, "give it with --face-embedding FILE")
    queries = FaceQueries(size, hidden, own["proj.2.weight"].shape[0] // width, width)
    queries.load_state_dict({name: tensor for name, tensor in own.items() if not name.startswith(inside)})
    with torch.no_grad():
        return resampler | {"latents": queries(face)}, queries(torch.zeros_like(face))


def load_face(path: Path) -> Tensor:
    """ArcFace's embedding of a person, (1, size): the one tensor of a file, of length 1.

    Raises:
        WeightsRefused: it holds something else.
    """
    tensors = list(load_file(read_header(path).path).values())
    face = tensors[0].float().reshape(1, -1) if len(tensors) == 1 else torch.zeros(1, 0)
    length = float(face.norm())
    if abs(length - 1) > UNIT:
        found = f"{len(tensors)} tensors, of length {length:.2f}"
        raise WeightsRefused(path, "one tensor, an embedding of length 1", found, "save InsightFace's normed_embedding")
    return face


def read_text(choice: Choice) -> Tensor:
    """What the text encoder says of the empty prompt: (1, TEXT_TOKENS, context)."""
    encoder = pretrained(CLIPTextModel, choice.text_encoder)
    with torch.no_grad():
        text: Tensor = encoder(torch.tensor([empty_prompt(choice.words)]))[0]
    return text


def empty_prompt(words: Path) -> list[int]:
    """Numbers of the empty prompt's TEXT_TOKENS tokens. words: vocab.json or tokenizer.json.

    Raises:
        WeightsRefused: it is no vocabulary of CLIP's.
    """
    value = read_json(words)
    known = value | {each["content"]: each["id"] for each in value.get("added_tokens", ()) if isinstance(each, dict)}
    if FIRST not in known or LAST not in known:
        raise WeightsRefused(words, f"CLIP's vocabulary, with {FIRST} and {LAST}", "another", FETCH_AGAIN)
    return [int(known[FIRST]), *[int(known[LAST])] * (TEXT_TOKENS - 1)]


def text_keys(unet: UNet2DConditionModel, layers: Layers, text: Tensor) -> Tensor:
    """Keys and values of a text (1, n, context) in every layer: (1, n, width)."""
    found = []
    with torch.no_grad():
        for name, _ in layers:
            attention = unet.get_submodule(name)
            found += [attention.to_k(text), attention.to_v(text)]
    return torch.cat(found, dim=2)


def image_keys(layers: Layers, adapter: Tensors, path: Path, model: Sd15Model) -> Tensor:
    """The adapter's keys and values for all layers as one matrix: (width, context).

    Raises:
        WeightsRefused: the adapter is for a UNet with other layers.
    """
    own = _under(adapter, "ip_adapter.")
    context = int(model.configs["unet"]["cross_attention_dim"])
    wanted = {
        f"{2 * layer + 1}.to_{what}_ip.weight": (channels, context)
        for layer, (_, channels) in enumerate(layers)
        for what in ("k", "v")
    }
    found = {name: tuple(tensor.shape) for name, tensor in own.items() if "_ip." in name}
    if found != wanted:
        odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        expected = f"keys and values of {len(layers)} layers like the UNet's"
        fix = "take the IP-Adapter for Stable Diffusion 1.5"
        raise WeightsRefused(path, expected, f"others: {odd[:3]} and {len(odd[3:])} more", fix)
    return torch.cat([own[name] for name in wanted])


def _fuse(unet: UNet2DConditionModel, choice: Choice, adapter: Tensors) -> list[tuple[Path, int]]:
    done = []
    if choice.lora is not None:
        done.append((choice.lora.path, lora.fuse(unet, load_tensors(choice.lora), choice.lora.path)))
    if choice.kind == FACEID_PLUS:
        own, path = _under(adapter, "ip_adapter."), choice.adapter.path
        done.append((path, lora.fuse_numbered(unet, own, path)))
    return done


def _sizes(choice: Choice, projection: Tensors, layers: Layers) -> dict[str, Any]:
    context = int(choice.unet.config["cross_attention_dim"])
    clip = ClipSizes.from_config(choice.image_encoder.config)
    if choice.kind == PLAIN:
        tokens, prompts = (PLAIN_TOKENS, context), PLAIN_TOKENS
        sizes = {"channels": clip.projection_dim, "context": context}
    else:
        width, channels = projection["proj_in.weight"].shape
        tokens, prompts = (clip.tokens, width), projection["latents"].shape[1]
        sizes = {
            "channels": channels,
            "width": width,
            "inner": projection["layers.0.0.to_q.weight"].shape[0],
            "depth": len({name.split(".")[1] for name in projection if name.startswith("layers.")}),
            "queries": prompts,
            "context": context,
        }
    configs: dict[str, Config] = {
        "unet": choice.unet.config,
        "vae": choice.vae.config,
        "image_encoder": choice.image_encoder.config,
        "projection": sizes,
    }
    if choice.tiny is not None:
        configs["tiny"] = choice.tiny.config
    return {
        "adapter": choice.kind,
        "tokens": tokens,
        "prompt": (prompts, prompt_width(layers)),
        "configs": json.loads(json.dumps(configs)),
    }


def _filled(model: Sd15Model, state: Tensors, no_face: Tensor | None, choice: Choice) -> Network:
    network = Network(model)
    if model.guidance > 1:
        state["unguided"] = torch.zeros(1, *model.prompt)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items() if name in wanted}
    if wanted != found:
        odd = sorted(name for name in wanted if wanted[name] != found.get(name))
        raise WeightsRefused(choice.image_encoder.path, "weights of that shape", f"none for {odd[:3]}", FETCH_AGAIN)
    network.load_state_dict({name: tensor.float() for name, tensor in state.items() if name in wanted}, assign=True)
    network.requires_grad_(False).eval()
    if model.guidance > 1:
        network.unguided.copy_(unguided_keys(network, model, no_face))
    return network


def unguided_keys(network: Network, model: Sd15Model, no_face: Tensor | None) -> Tensor:
    """Keys and values (1, m, width) of rows that are not guided: no picture. no_face: queries of a zero embedding.

    As published: the plain form projects an embedding of zeros, the others see pixels of zeros.
    """
    projection, sizes = network.viewer.projection, ClipSizes.from_config(model.configs["image_encoder"])
    with torch.no_grad():
        if model.adapter == PLAIN:
            tokens = projection.view(torch.zeros(1, 1, sizes.projection_dim))
            return network.image_keys(projection.image_tokens(tokens))
        tokens = network.viewer.of_pixels(torch.zeros(1, 3, sizes.image_size, sizes.image_size))
        if no_face is None:
            return network.image_keys(projection.image_tokens(tokens))
        own_latents = projection.latents.clone()
        projection.latents.copy_(no_face)
        found = network.image_keys(projection.image_tokens(tokens))
        projection.latents.copy_(own_latents)
        return found


def _of_text(name: str) -> bool:
    return name.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))


def _under(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
