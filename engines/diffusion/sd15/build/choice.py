"""Chooses of what was found the parts that fit one another, and refuses families that do not. Reads no weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engines.diffusion.architecture import LATENT_CHANNELS, UNET_CHANNELS
from engines.diffusion.sampler import BETA_FIRST, BETA_LAST, TIMESTEPS
from engines.diffusion.sd15.errors import WeightsMissing, WeightsRefused
from engines.diffusion.sd15.model import FACEID_PLUS, LIVE, PLAIN
from engines.diffusion.sd15.build.sources import FETCH, Found, Part, adapter_kind, read_json

FOREIGN = {1024: "Stable Diffusion 2", 1280: "SDXL's refiner", 2048: "SDXL"}  # by the channels of their text
SCALING = 0.18215  # of Stable Diffusion 1's latents
INPAINTING = (
    "take stable-diffusion-v1-5/stable-diffusion-inpainting, or another inpainting model of Stable Diffusion 1.5"
)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The parts of one pack. tiny and lora: of live packs; words: the tokenizer's vocabulary; schedule: the scheduler's
    configuration, None where there is none."""

    unet: Part
    vae: Part
    text_encoder: Part
    image_encoder: Part
    adapter: Part
    words: Path
    tiny: Part | None
    lora: Part | None

    @property
    def kind(self) -> str:
        """Of the adapter."""
        return str(adapter_kind(self.adapter.file))

    @property
    def parts(self) -> tuple[Part, ...]:
        every = (self.unet, self.vae, self.text_encoder, self.image_encoder, self.adapter, self.tiny, self.lora)
        return tuple(part for part in every if part is not None)

    @property
    def numbers(self) -> int:
        """Weights of all parts."""
        return sum(part.file.numbers for part in self.parts)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user said: mode; adapter and lora: a kind or a file's name, empty where there is only one anyway;
    few_step: whether a live pack needs a LoRA."""

    mode: str
    adapter: str = ""
    lora: str = ""
    few_step: bool = True


def choose(found: Found, wish: Wish) -> Choice:
    """
    Raises:
        WeightsMissing: with a list of all that is missing.
        WeightsRefused: a part is of another family, does not fit the others, or there are several.
    """
    for check, kind in ((check_unet, "unet"), (check_vae, "vae"), (check_tiny, "tiny")):
        for part in found.of(kind):
            check(part)
    for path in found.schedules:
        check_schedule(path)
    _expect_all(found, wish)
    unet = only(found.of("unet"))
    text_encoder = only(found.of("text_encoder"))
    context = int(unet.config["cross_attention_dim"])
    if text_encoder.config["hidden_size"] != context:
        refuse(
            text_encoder, f"{context} channels, as the UNet reads", str(text_encoder.config["hidden_size"]), INPAINTING
        )
    adapter = only([part for part in found.of("adapter") if fits(part, context, wish)] or _misfit(found, context, wish))
    live = wish.mode == LIVE
    return Choice(
        unet,
        only(found.of("vae")),
        text_encoder,
        only([part for part in found.of("image_encoder") if sees(part, adapter)] or _blind(found, adapter)),
        adapter,
        found.words[0],
        only(found.of("tiny")) if live else None,
        only(_named(found.of("lora"), wish.lora)) if live and wish.few_step else None,
    )


def check_unet(part: Part) -> None:
    """
    Raises:
        WeightsRefused: it is not an inpainting UNet of Stable Diffusion 1.
    """
    config = part.config
    context = config.get("cross_attention_dim")
    if config.get("addition_embed_type") or context in FOREIGN:
        name = FOREIGN.get(context, "SDXL") if isinstance(context, int) else "another family"
        refuse(part, "a UNet of Stable Diffusion 1.5", f"one of {name}: text of {context} channels", INPAINTING)
    if config.get("in_channels") != UNET_CHANNELS or config.get("out_channels") != LATENT_CHANNELS:
        channels = f"{config.get('in_channels')} channels in and {config.get('out_channels')} out"
        refuse(part, f"an inpainting UNet: {UNET_CHANNELS} channels in, {LATENT_CHANNELS} out", channels, INPAINTING)
    if not isinstance(context, int) or config.get("encoder_hid_dim") or config.get("class_embed_type"):
        refuse(part, "a UNet that reads text alone", "one with other conditions", INPAINTING)


def check_vae(part: Part) -> None:
    """
    Raises:
        WeightsRefused: its latents are not Stable Diffusion 1's.
    """
    channels, scaling = part.config.get("latent_channels"), part.config.get("scaling_factor", SCALING)
    levels = len(part.config.get("block_out_channels", ()))
    if channels != LATENT_CHANNELS or abs(scaling - SCALING) > 1e-6 or levels != 4:
        found = f"{channels} channels, scaled by {scaling}, {levels} levels"
        refuse(part, f"latents of {LATENT_CHANNELS} channels, scaled by {SCALING}, 4 levels", found, INPAINTING)


def check_tiny(part: Part) -> None:
    """
    Raises:
        WeightsRefused: it is no tiny autoencoder for Stable Diffusion 1's latents.
    """
    channels, scaling = part.config.get("latent_channels", LATENT_CHANNELS), part.config.get("scaling_factor", 1.0)
    levels = len(part.config.get("decoder_block_out_channels", ()))
    if channels != LATENT_CHANNELS or scaling != 1 or levels != 4:
        found = f"{channels} channels, scaled by {scaling}, {levels} levels"
        refuse(part, f"latents of {LATENT_CHANNELS} channels, scaled by 1, 4 levels", found, "take madebyollin/taesd")


def check_schedule(path: Path) -> None:
    """
    Raises:
        WeightsRefused: the network was trained to predict something else, or with other noise.
    """
    config = read_json(path)
    wanted = {
        "prediction_type": "epsilon", "beta_schedule": "scaled_linear", "beta_start": BETA_FIRST,
        "beta_end": BETA_LAST, "num_train_timesteps": TIMESTEPS,
    }  # fmt: skip
    found = {name: config.get(name, value) for name, value in wanted.items()}
    if found != wanted:
        odd = {name: value for name, value in found.items() if value != wanted[name]}
        raise WeightsRefused(path, str({name: wanted[name] for name in odd}), str(odd), INPAINTING)


def fits(part: Part, context: int, wish: Wish) -> bool:
    """Whether an adapter is of a known kind, the one that was wished for, and for text of so many channels."""
    kind = adapter_kind(part.file)
    widths = {shape[1] for name, shape in part.file.shapes.items() if name.endswith("to_k_ip.weight")}
    # The FaceID form needs what only its user has, so that it is taken when it is asked for and not before.
    asked = wish.adapter in (kind, part.path.name) if wish.adapter else kind != FACEID_PLUS
    return kind is not None and asked and widths == {context}


def sees(part: Part, adapter: Part) -> bool:
    """Whether an image encoder gives what the adapter takes."""
    kind, shapes = adapter_kind(adapter.file), adapter.file.shapes
    if kind == PLAIN:
        return bool(part.config.get("projection_dim") == shapes["image_proj.proj.weight"][1])
    prefix = "image_proj.perceiver_resampler." if kind == FACEID_PLUS else "image_proj."
    return bool(part.config.get("hidden_size") == shapes[f"{prefix}proj_in.weight"][1])


def only(parts: list[Part]) -> Part:
    """
    Raises:
        WeightsRefused: there are several.
    """
    if len(parts) > 1:
        names = ", ".join(str(part.path) for part in parts)
        fix = "name the one with --adapter or --lora, or give --weights that hold one of a kind"
        refuse(parts[0], f"one {parts[0].kind}", f"{len(parts)}: {names}", fix)
    return parts[0]


def refuse(part: Part, expected: str, found: str, fix: str) -> NoReturn:
    raise WeightsRefused(part.path, expected, found, fix)


def _expect_all(found: Found, wish: Wish) -> None:
    wanted: dict[str, tuple[bool, str]] = {
        "the inpainting UNet (unet/)": (bool(found.of("unet")), "stable-diffusion-v1-5/stable-diffusion-inpainting"),
        "the autoencoder (vae/)": (bool(found.of("vae")), "the same repository"),
        "the text encoder (text_encoder/)": (bool(found.of("text_encoder")), "the same repository"),
        "the tokenizer's vocab.json": (bool(found.words), "the same repository"),
        "an IP-Adapter": (bool(found.of("adapter")), "h94/IP-Adapter, models/ip-adapter-plus_sd15.safetensors"),
        "its image encoder": (bool(found.of("image_encoder")), "h94/IP-Adapter, models/image_encoder"),
    }
    if wish.mode == LIVE:
        wanted["the tiny autoencoder"] = (bool(found.of("tiny")), "madebyollin/taesd")
        if wish.few_step:
            where = "latent-consistency/lcm-lora-sdv1-5; or --no-lora for a UNet that was distilled already"
            wanted["a few-step LoRA"] = (bool(found.of("lora")), where)
    missing = [f"  {name}: {where}" for name, (there, where) in wanted.items() if not there]
    if missing:
        lines = [f"expected all parts of a {wish.mode} pack, these are missing and where they are:", *missing]
        lines += [f"  (passed over: {path}, a pickle; only safetensors are read)" for path in found.pickles]
        raise WeightsMissing("\n".join([*lines, f"  {FETCH}"]))


def _misfit(found: Found, context: int, wish: Wish) -> NoReturn:

    def why(part: Part) -> str:
        widths = sorted({shape[1] for name, shape in part.file.shapes.items() if name.endswith("to_k_ip.weight")})
        return f"{adapter_kind(part.file) or 'another form'} for text of {widths} channels"

    wanted = f"an IP-Adapter{f' {wish.adapter!r}' if wish.adapter else ''} for text of {context} channels"
    _none(found.of("adapter"), wanted, why, "take h94/IP-Adapter, models/ip-adapter-plus_sd15.safetensors")


def _blind(found: Found, adapter: Part) -> NoReturn:
    def why(part: Part) -> str:
        return f"{part.config.get('hidden_size')} channels, {part.config.get('projection_dim')} of the whole"

    wanted = f"an image encoder for {adapter.path.name}"
    _none(found.of("image_encoder"), wanted, why, "take h94/IP-Adapter, models/image_encoder")


def _none(parts: list[Part], wanted: str, why: Callable[[Part], str], fix: str) -> NoReturn:
    """Says of each part why it cannot be taken."""
    refuse(parts[0], wanted, "; ".join(f"{part.path.name}: {why(part)}" for part in parts), fix)


def _named(parts: list[Part], name: str) -> list[Part]:
    named = [part for part in parts if not name or part.path.name == name]
    if not named:
        refuse(parts[0], f"a LoRA {name}", ", ".join(part.path.name for part in parts), "name one of them with --lora")
    return named
