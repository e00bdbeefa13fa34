"""The image encoder against transformers', from the same file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("PIL")

import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

from engines.diffusion.sd15.clip import ClipPixels, ClipSizes, ClipVision
from tests.engines.diffusion.sd15.conftest import Folders
from tests.engines.diffusion.sd15.weights import image_encoder, stirred

PIXELS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def own(folder: Path, theirs: CLIPVisionModelWithProjection) -> ClipVision:
    vision = ClipVision(ClipSizes.from_config(theirs.config.to_dict()))
    vision.load_state_dict(load_file(folder / "model.safetensors"))
    vision.eval()
    return vision


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_it_sees_what_transformers_sees(tmp_path: Path, activation: str) -> None:
    theirs = stirred(image_encoder(hidden_act=activation)).eval()
    theirs.save_pretrained(tmp_path)
    vision = own(tmp_path, theirs)
    with torch.no_grad():
        wanted = theirs(PIXELS, output_hidden_states=True)
        torch.testing.assert_close(vision.hidden(PIXELS), wanted.hidden_states[-2], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(vision.embedding(PIXELS)[:, 0], wanted.image_embeds, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [32, 64, 100])
def test_pictures_are_made_ready_as_clip_s_own_processor_does(size: int) -> None:
    rows, columns = np.mgrid[0:size, 0:size] / size
    smooth = np.stack([rows, columns, np.sin(9 * rows) ** 2], axis=2)
    picture = np.round(255 * smooth).astype(np.uint8)
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    wanted = torch.as_tensor(np.asarray(processor(Image.fromarray(picture), return_tensors="np")["pixel_values"]))
    given = torch.from_numpy(picture.transpose(2, 0, 1) / np.float32(127.5) - 1)[None].float()
    found = ClipPixels(size, 32)(given)
    # The processor rounds to grey levels on the way: half a level is 0.008 in CLIP's units.
    torch.testing.assert_close(found, wanted.float(), atol=0.02, rtol=0)


def test_an_unknown_activation_is_refused(weights_of: Folders) -> None:
    with pytest.raises(ValueError, match="expected one of"):
        ClipSizes.from_config({**image_encoder().config.to_dict(), "hidden_act": "relu"})
