"""Parts in the forms that people have them in, each read as the libraries read it; settings that cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

from engines.diffusion.sd15.build.pack_builder import Settings, card, list_sources
from engines.diffusion.sd15.model import Sd15Model
from engines.diffusion.sd15.build.read import empty_prompt, pretrained, read_text
from tests.engines.diffusion.sd15.conftest import Folders
from tests.engines.diffusion.sd15.networks import choice_of, face, network_of
from tests.engines.diffusion.sd15.weights import WORDS, unet

DIFFUSION = Path("stable-diffusion-inpainting")


def test_the_empty_prompt_is_what_clip_s_tokenizer_makes_of_it(weights_of: Folders, tmp_path: Path) -> None:
    folder = weights_of("plus") / DIFFUSION / "tokenizer"
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    wanted = tokenizer("", padding="max_length").input_ids
    assert empty_prompt(folder / "vocab.json") == wanted == [WORDS["<|startoftext|>"]] + 76 * [WORDS["<|endoftext|>"]]
    tokenizer.save_pretrained(tmp_path)  # the libraries of today write one file of another form
    assert empty_prompt(tmp_path / "tokenizer.json") == wanted
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0}))
    with pytest.raises(ValueError, match=r"CLIP's vocabulary, with <\|startoftext\|> and"):
        empty_prompt(tmp_path / "vocab.json")


def test_the_text_is_what_the_text_encoder_says_of_it(weights_of: Folders) -> None:
    choice = choice_of(weights_of("plus"), "live", "plus")
    encoder = CLIPTextModel.from_pretrained(weights_of("plus") / DIFFUSION / "text_encoder")
    with torch.no_grad():
        wanted = encoder(torch.tensor([empty_prompt(choice.words)])).last_hidden_state
    torch.testing.assert_close(read_text(choice), wanted)


def test_half_precision_files_are_read_where_there_are_no_others(weights_of: Folders, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights_of("plus"), tmp_path / "weights"))
    for part, stem in (
        ("unet", "diffusion_pytorch_model"),
        ("vae", "diffusion_pytorch_model"),
        ("text_encoder", "model"),
    ):
        own = folder / DIFFUSION / part
        (own / f"{stem}.safetensors").rename(own / f"{stem}.fp16.safetensors")
    choice = choice_of(folder, "live", "plus")
    assert ".fp16." in choice.unet.path.name
    found = pretrained(UNet2DConditionModel, choice.unet).state_dict()
    for name, tensor in load_file(choice.unet.path).items():
        torch.testing.assert_close(found[name], tensor.float())
    assert read_text(choice).dtype == torch.float32


def test_the_faceid_queries_and_tokens_are_those_of_diffusers(weights_of: Folders) -> None:
    folder = weights_of("faceid-plus")
    network, _ = network_of(folder, "live", "faceid-plus")
    tensors = load_file(folder / "IP-Adapter" / "models" / "ip-adapter-faceid-plus_sd15.safetensors")
    own = {
        name.removeprefix("image_proj."): tensor for name, tensor in tensors.items() if name.startswith("image_proj.")
    }
    theirs = unet()._convert_ip_adapter_image_proj_to_diffusers(own, low_cpu_mem_usage=False)
    hidden = torch.randn(1, 1, 17, 24, generator=torch.Generator().manual_seed(3))
    theirs.clip_embeds, theirs.shortcut = hidden, False
    projection = network.viewer.projection
    with torch.no_grad():
        torch.testing.assert_close(
            projection.image_tokens(projection.view(hidden[0])),
            theirs(face())[:1].reshape(1, 4, -1),
            rtol=1e-4,
            atol=1e-4,
        )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mode": "dream"}, "expected one of"),
        ({"mode": "paper", "strength": 0.5}, "paper begins from noise alone"),
        ({"guidance": 3.0}, "live is not guided"),
        ({"strength": 1.0}, "above 0 and below 1"),
        ({"steps": 0}, "expected one or more"),
        ({"steps": 4, "strength": 0.05}, r"strength of 0\.08 or more for 4 steps"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_once(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(**settings)


def test_modes_have_settings_of_their_own() -> None:
    live, paper = Settings("live").values("plus"), Settings("paper").values("plus")
    assert (live["resolution"], live["steps"], live["strength"], live["guidance"]) == (256, 2, 0.5, 1.0)
    assert (paper["resolution"], paper["steps"], paper["strength"], paper["guidance"]) == (512, 20, 1.0, 7.5)
    assert Settings("live").values("faceid-plus")["identity_scale"] == 0
    assert Settings("live", 384, identity_scale=0.1).values("plus")["identity_scale"] == 0.1


def test_a_model_survives_its_manifest_and_its_card_names_the_sources(weights_of: Folders) -> None:
    _, model = network_of(weights_of("plain"), "paper", "plain")
    assert Sd15Model.from_json(json.loads(json.dumps(model.to_json()))) == model
    said: list[str] = []
    sources = list_sources(choice_of(weights_of("plain"), "paper", "plain"), said.append)
    text = card(model, sources)
    assert all(source.sha256 in text and source.licence in text for source in sources)
    assert len(said) == len(sources) == 5
