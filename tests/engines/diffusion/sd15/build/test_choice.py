"""What a folder of weights must hold, and whatever else it may hold: families, mixtures, pickles, halves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from safetensors.torch import save_file

from engines.diffusion.sd15.build.pack_builder import BuildOrder, Settings, build_pack
from engines.diffusion.sd15.build.choice import Wish, choose
from engines.diffusion.sd15.errors import NoRoom, WeightsMissing, WeightsRefused
from engines.diffusion.sd15.build.room import GIB, Room, expect_room, room_at
from engines.diffusion.sd15.build.sources import find
from tests.engines.diffusion.sd15.conftest import Folders
from tests.engines.diffusion.sd15.networks import choice_of
from tests.engines.diffusion.sd15.weights import adapter, image_encoder, lora, unet

LIVE = Wish("live")
DIFFUSION, MODELS = Path("stable-diffusion-inpainting"), Path("IP-Adapter") / "models"


@pytest.fixture
def folder(weights_of: Folders, tmp_path: Path) -> Path:
    """A copy that may be spoilt."""
    return Path(shutil.copytree(weights_of("plus"), tmp_path / "weights"))


def configure(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(folder: Path, match: str, wish: Wish = LIVE) -> None:
    with pytest.raises(WeightsRefused, match=match):
        choose(find([str(folder)]), wish)


def test_all_parts_are_found_by_what_they_say_of_themselves(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    folder.rename(tmp_path / "x" / "whatever")
    choice = choose(find([str(tmp_path)]), LIVE)
    assert [part.kind for part in choice.parts] == [
        "unet", "vae", "text_encoder", "image_encoder", "adapter", "tiny", "lora"
    ]  # fmt: skip
    assert choice.kind == "plus"
    assert choice.unet.licence == "creativeml-openrail-m"
    assert choice.adapter.licence == "apache-2.0"
    assert choice.lora is not None
    assert "look it up" in choice.lora.licence


def test_parts_may_lie_in_several_places(folder: Path) -> None:
    places = [str(folder / name) for name in (DIFFUSION, "IP-Adapter", "taesd")]
    places.append(str(folder / "lora" / "pytorch_lora_weights.safetensors"))
    assert len(choose(find(places), LIVE).parts) == 7
    assert len(choose(find([*places, str(folder)]), LIVE).parts) == 7  # what lies in two of them counts once


def test_paper_packs_need_neither_lora_nor_tiny_autoencoder(folder: Path) -> None:
    for name in ("lora", "taesd"):
        shutil.rmtree(folder / name)
    choice = choose(find([str(folder)]), Wish("paper"))
    assert (choice.tiny, choice.lora) == (None, None)


def test_models_of_the_hub_s_cache_are_found_by_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    kept = tmp_path / "hub" / "models--madebyollin--taesd"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    (kept / "snapshots").mkdir()
    (folder / "taesd").rename(kept / "snapshots" / "abc")
    assert choose(find([str(folder), "madebyollin/taesd"]), LIVE).tiny is not None
    with pytest.raises(WeightsMissing, match=r"h94/IP-Adapter: no such folder, and no model .* `hf download h94/IP-A"):
        find(["h94/IP-Adapter"])
    with pytest.raises(
        WeightsMissing, match=r"/nowhere: no such folder or file; python -m scripts\.tools\.fetch_weights"
    ):
        find(["/nowhere"])


def test_everything_that_is_missing_is_said_at_once(folder: Path) -> None:
    for part in (DIFFUSION / "unet", MODELS, Path("taesd")):
        shutil.rmtree(folder / part)
    (folder / "adapter.bin").write_bytes(b"pickle")
    with pytest.raises(WeightsMissing) as refusal:
        choose(find([str(folder)]), LIVE)
    said = str(refusal.value)
    for name in ("inpainting UNet", "an IP-Adapter", "its image encoder", "tiny autoencoder", "adapter.bin, a pickle"):
        assert name in said
    assert "text encoder" not in said
    assert "LoRA" not in said


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"in_channels": 4}, r"inpainting UNet: 9 channels in, 4 out, found 4 channels in"),
        ({"cross_attention_dim": 1024}, r"Stable Diffusion 1\.5, found one of Stable Diffusion 2: text of 1024"),
        ({"cross_attention_dim": 2048, "addition_embed_type": "text_time"}, "found one of SDXL: text of 2048"),
        ({"encoder_hid_dim": 64}, "reads text alone"),
    ],
)
def test_unets_of_other_families_are_refused(folder: Path, changes: dict[str, Any], found: str) -> None:
    configure(folder / DIFFUSION / "unet" / "config.json", **changes)
    refused(folder, rf"unet.*: expected .*{found}.*; take stable-diffusion-v1-5")


@pytest.mark.parametrize(
    ("where", "changes", "found"),
    [
        (DIFFUSION / "vae" / "config.json", {"scaling_factor": 0.13025}, r"scaled by 0\.13025"),
        (DIFFUSION / "vae" / "config.json", {"latent_channels": 16}, "found 16 channels"),
        (Path("taesd") / "config.json", {"latent_channels": 16}, "found 16 channels.*madebyollin/taesd"),
        (DIFFUSION / "scheduler" / "scheduler_config.json", {"prediction_type": "v_prediction"}, "v_prediction"),
        (DIFFUSION / "scheduler" / "scheduler_config.json", {"beta_schedule": "linear"}, "'linear'"),
        (DIFFUSION / "text_encoder" / "config.json", {"hidden_size": 1024}, "32 channels, as the UNet reads, found 10"),
        (MODELS / "image_encoder" / "config.json", {"hidden_size": 1664}, "an image encoder for ip-adapter-plus.*1664"),
    ],
)
def test_parts_of_other_families_are_refused(folder: Path, where: Path, changes: dict[str, Any], found: str) -> None:
    configure(folder / where, **changes)
    refused(folder, found)


def test_an_adapter_for_another_width_of_text_is_refused(folder: Path) -> None:
    wide = {name: tensor.repeat(1, 2) if "_ip." in name else tensor for name, tensor in adapter("plus").items()}
    save_file(wide, folder / MODELS / "ip-adapter-plus_sd15.safetensors")
    refused(folder, r"an IP-Adapter for text of 32 channels, found .*: plus for text of \[64\] channels; take h94")


def test_of_several_adapters_one_must_be_named(folder: Path) -> None:
    save_file(adapter("plain"), folder / MODELS / "other.safetensors")
    refused(folder, "expected one adapter, found 2: .*; name the one with --adapter")
    assert choose(find([str(folder)]), Wish("live", adapter="plain")).kind == "plain"
    assert choose(find([str(folder)]), Wish("live", adapter="other.safetensors")).kind == "plain"
    refused(folder, "an IP-Adapter 'faceid-plus' for text", Wish("live", adapter="faceid-plus"))


def test_of_several_loras_one_must_be_named(folder: Path) -> None:
    save_file(lora(), folder / "lora" / "other.safetensors")
    refused(folder, "expected one lora, found 2")
    choice = choose(find([str(folder)]), Wish("live", lora="other.safetensors"))
    assert choice.lora is not None
    assert choice.lora.path.name == "other.safetensors"
    refused(folder, "expected a LoRA third", Wish("live", lora="third"))


def test_image_encoders_for_other_adapters_do_not_matter(folder: Path) -> None:
    image_encoder(hidden_size=48, projection_dim=64).save_pretrained(folder / "sdxl_models" / "image_encoder")
    assert choose(find([str(folder)]), LIVE).image_encoder.config["hidden_size"] == 24


def spoil_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def spoil_start(path: Path) -> None:
    path.write_bytes(b"\xff" * 64 + path.read_bytes())


@pytest.mark.parametrize(("spoil", "found"), [(spoil_end, "cut short"), (spoil_start, "of something else")])
def test_damaged_files_are_refused_before_anything_is_read(
    folder: Path, spoil: Callable[[Path], None], found: str
) -> None:
    spoil(folder / DIFFUSION / "unet" / "diffusion_pytorch_model.safetensors")
    refused(folder, rf"unet.*{found}; fetch it again")


def test_pickles_are_refused_with_the_way_to_convert_them(folder: Path) -> None:
    unet_file = folder / DIFFUSION / "unet" / "diffusion_pytorch_model.safetensors"
    unet_file.rename(unet_file.with_suffix(".bin"))
    refused(folder, r"model\.bin: expected .*safetensors, found a pickle; .*weights_only=True")
    with pytest.raises(WeightsRefused, match="a pickled checkpoint"):
        build_pack(
            BuildOrder((str(folder),), folder.parent / "out", face=torch_pickle(folder), adapter="plus"),
            lambda line: None,
        )


def torch_pickle(folder: Path) -> Path:
    """Beside it the UNet is whole again."""
    unet_file = folder / DIFFUSION / "unet" / "diffusion_pytorch_model.bin"
    unet_file.rename(unet_file.with_suffix(".safetensors"))
    torch.save({"face": torch.ones(4)}, folder.parent / "face.pt")
    return folder.parent / "face.pt"


def test_weights_that_are_not_their_configuration_s_are_refused(folder: Path) -> None:
    configure(folder / DIFFUSION / "unet" / "config.json", block_out_channels=[32, 32])
    with pytest.raises(WeightsRefused, match=r"expected .*weights of its config\.json"):
        build_pack(BuildOrder((str(folder),), folder.parent / "out", Settings("live", 64)), lambda line: None)
    assert not (folder.parent / "out").exists()


def test_an_adapter_for_other_layers_is_refused(folder: Path) -> None:
    other = unet(block_out_channels=(32, 32), norm_num_groups=8)
    save_file(adapter("plus", other), folder / MODELS / "ip-adapter-plus_sd15.safetensors")
    with pytest.raises(WeightsRefused, match="keys and values of 4 layers like the UNet's, found others"):
        build_pack(BuildOrder((str(folder),), folder.parent / "out", Settings("live", 64)), lambda line: None)


def test_the_faceid_adapter_wants_its_licence_accepted_and_a_person(weights_of: Folders, tmp_path: Path) -> None:
    folder, out = weights_of("faceid-plus"), tmp_path / "out"
    refused(folder, "an IP-Adapter for text")
    order = BuildOrder((str(folder),), out, Settings("live", 64), adapter="faceid-plus")
    with pytest.raises(WeightsRefused, match=r"exclusively for research.*; accept it with --accept-faceid-licence"):
        build_pack(order, lambda line: None)
    accepted = BuildOrder((str(folder),), out, Settings("live", 64), adapter="faceid-plus", accepted=True)
    with pytest.raises(WeightsRefused, match="a face embedding of 16 numbers, found none; give it with --face-emb"):
        build_pack(accepted, lambda line: None)
    save_file({"face": 3 * torch.ones(16)}, tmp_path / "face.safetensors")
    with pytest.raises(WeightsRefused, match=r"of length 1, found 1 tensors, of length 12\.00; save InsightFace's"):
        build_pack(
            BuildOrder(
                (str(folder),), out, Settings("live", 64), adapter="faceid-plus", accepted=True,
                face=tmp_path / "face.safetensors",
            ),
            lambda line: None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("room", "what"),
    [(Room(100 * GIB, GIB), "GiB free for the pack, found 1.0"), (Room(GIB, 100 * GIB), "of free memory, found 1.0")],
)
def test_too_little_room_is_said_before_anything_begins(tmp_path: Path, room: Room, what: str) -> None:
    with pytest.raises(NoRoom, match=what):
        expect_room(1_500_000_000, room, tmp_path)
    expect_room(1_500_000_000, Room(None, 100 * GIB), tmp_path)


def test_this_machine_s_room_is_found(tmp_path: Path) -> None:
    room = room_at(tmp_path / "not" / "yet")
    assert room.disk > 0
    assert room.memory is None or room.memory > 0


def test_how_many_weights_there_are_is_known_from_headers(weights_of: Folders) -> None:
    choice = choice_of(weights_of("plus"), "live", "plus")
    assert choice.unet.file.numbers == sum(parameter.numel() for parameter in unet().parameters())
    assert choice.numbers > choice.unet.file.numbers
