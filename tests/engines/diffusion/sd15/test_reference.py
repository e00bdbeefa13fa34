"""The network against diffusers' own loading of the same files: IP-Adapter's attention, and whole pictures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionInpaintPipeline
from transformers import CLIPVisionModelWithProjection

from engines.diffusion.sd15.attention import Prompts
from engines.diffusion.sd15.frame_step import Latents, PaperStep, drawn_cells, hide
from engines.diffusion.sd15.model import frame_step_specs, latents_specs
from engines.diffusion.sd15.network import Network
from tests.engines.diffusion.sd15.conftest import Folders
from tests.engines.diffusion.sd15.networks import SIZE, drawn, network_of

# diffusers' schedulers convert tensors in a way that numpy is going to end.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 4
GUIDANCE = 7.5


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@cache
def pipeline(folder: Path, kind: str) -> Any:
    """diffusers' own, with the adapter as diffusers loads it."""
    found = StableDiffusionInpaintPipeline.from_pretrained(
        folder / "stable-diffusion-inpainting", safety_checker=None, local_files_only=True
    )
    found.set_progress_bar_config(disable=True)
    found.scheduler = DPMSolverMultistepScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    models = folder / "IP-Adapter" / "models"
    found.load_ip_adapter(str(models), subfolder="", weight_name=f"ip-adapter-{kind}_sd15.safetensors")
    return found


def views(network: Network, folder: Path, kind: str, structure: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What transformers' image encoder says of nothing, and of the structure frames."""
    encoder = CLIPVisionModelWithProjection.from_pretrained(folder / "IP-Adapter" / "models" / "image_encoder")
    pixels = network.viewer.pixels(structure)
    if kind == "plain":
        embedding = encoder(pixels).image_embeds[:, None]
        return torch.zeros_like(embedding), embedding
    seen, nothing = (
        encoder(each, output_hidden_states=True).hidden_states[-2] for each in (pixels, torch.zeros_like(pixels))
    )
    return nothing, seen


@pytest.mark.parametrize("kind", ["plain", "plus"])
@pytest.mark.parametrize("scale", [0.0, 0.6, 1.0])
def test_the_unet_reads_pictures_as_diffusers_ip_adapter_does(weights_of: Folders, kind: str, scale: float) -> None:
    folder = weights_of(kind)
    network, _ = network_of(folder, "paper", kind)
    theirs = pipeline(folder, kind)
    theirs.set_ip_adapter_scale(scale)
    draw = torch.Generator().manual_seed(2)
    nine, structure = torch.randn(2, 9, 8, 8, generator=draw), torch.rand(2, 3, SIZE, SIZE, generator=draw) * 2 - 1
    _, seen = views(network, folder, kind, structure)
    text = theirs.encode_prompt("", "cpu", 1, False)[0].expand(2, -1, -1)
    embeds = [seen if kind == "plain" else seen[:, None]]
    wanted = theirs.unet(nine, torch.tensor(321), text, added_cond_kwargs={"image_embeds": embeds}).sample

    projection = network.viewer.projection
    tokens = projection.view(seen)
    lips = network.image_keys(projection.image_tokens(tokens))
    identity = torch.randn(lips.shape, generator=draw)
    prompts = Prompts(network.text, lips, identity, torch.tensor([[scale, 0.0]]).expand(2, -1))
    found = network.unet(nine, torch.tensor(321), prompts, return_dict=False)[0]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["plain", "plus"])
def test_paper_mode_draws_what_diffusers_inpainting_draws(weights_of: Folders, kind: str) -> None:
    folder = weights_of(kind)
    network, model = network_of(folder, "paper", kind, steps=STEPS, identity_scale=0.0)
    theirs = pipeline(folder, kind)
    theirs.set_ip_adapter_scale(1.0)
    feeds = drawn(frame_step_specs(model, 1)[0])
    feeds |= {"lam": torch.ones(1, 1), "scale": torch.tensor([[1.0, 0.0]])}
    nothing, seen = views(network, folder, kind, feeds["structure"])
    both = torch.cat([nothing, seen])
    wanted = theirs(
        prompt="",
        image=(feeds["structure"] + 1) / 2,  # its latents are not used at full strength
        mask_image=torch.nn.functional.interpolate(feeds["mask"], scale_factor=8),
        masked_image_latents=feeds["masked"],
        height=SIZE,
        width=SIZE,
        strength=1.0,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        latents=feeds["noise"],
        ip_adapter_image_embeds=[both[:, None] if kind == "plus" else both],
        output_type="pt",
    ).images
    found = PaperStep(network, model)(*feeds.values())
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-3)


def test_the_crop_is_hidden_and_encoded_as_diffusers_does_but_for_the_sampling(weights_of: Folders) -> None:
    network, model = network_of(weights_of("plus"), "live", "plus")
    theirs = pipeline(weights_of("plus"), "plus")
    feeds = drawn(latents_specs(model)[0])
    feeds["mask"] = torch.zeros_like(feeds["mask"])
    feeds["mask"][:, :, 24:48, 16:40] = 0.5
    masked, cells = Latents(network)(*feeds.values())
    hole = feeds["mask"] > 0
    wanted = theirs.vae.encode(feeds["crop"] * (1 - hole.float())).latent_dist.mode() * theirs.vae.config.scaling_factor
    torch.testing.assert_close(masked, wanted, rtol=1e-4, atol=1e-4)
    assert torch.equal(masked, Latents(network)(*feeds.values())[0])
    wanted_cells = torch.zeros(1, 1, 8, 8)
    wanted_cells[:, :, 3:6, 2:5] = 1
    assert torch.equal(cells, wanted_cells)


def test_a_cell_of_which_any_pixel_is_drawn_is_drawn_whole() -> None:
    mask = torch.zeros(1, 1, 16, 16)
    mask[0, 0, 7, 7] = 0.01
    cells = drawn_cells(mask)
    assert cells.tolist() == [[[[1, 0], [0, 0]]]]
    hidden = hide(torch.ones(1, 3, 16, 16), cells)
    assert (hidden[:, :, :8, :8] == 0).all()  # mid-grey, as it was trained: not black
    assert hidden.sum() == 3 * (256 - 64)
