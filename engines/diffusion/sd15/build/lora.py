"""Low-rank changes of weights (LoRA, arXiv 2106.09685), added to a UNet's own for good: W + s · α / r · up · down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from engines.diffusion.sd15.errors import WeightsRefused

OTHER_FAMILY = "take a LoRA for the UNet of Stable Diffusion 1.5, such as latent-consistency/lcm-lora-sdv1-5"
# The forms that files have: kohya's, PEFT's, and diffusers' two older ones.
FORMS = (
    (re.compile(r"lora_unet_(?P<target>\w+)\.(?P<role>lora_down\.weight|lora_up\.weight|alpha)"), "_"),
    (
        re.compile(r"(?:base_model\.model\.)?(?:unet\.)?(?P<target>[\w.]+)\.(?P<role>lora_A\.weight|lora_B\.weight)"),
        ".",
    ),
    (re.compile(r"(?:unet\.)?(?P<target>[\w.]+)\.processor\.(?P<role>to_\w+_lora\.(?:down|up)\.weight)"), "."),
    (re.compile(r"(?:unet\.)?(?P<target>[\w.]+)\.(?P<role>lora\.(?:down|up)\.weight|alpha)"), "."),
)
ROLES = {
    "lora_down.weight": "down", "lora_A.weight": "down", "lora.down.weight": "down", "down.weight": "down",
    "lora_up.weight": "up", "lora_B.weight": "up", "lora.up.weight": "up", "up.weight": "up", "alpha": "alpha",
}  # fmt: skip
OF_ATTENTION = re.compile(r"to_(?P<part>q|k|v|out)_lora\.(?P<role>(?:down|up)\.weight)")


@dataclass(slots=True)
class Change:
    """Of one layer. down (r, in, …), up (out, r, …); alpha: None for r."""

    down: Tensor | None = None
    up: Tensor | None = None
    alpha: float | None = None

    def of(self, weight: Tensor) -> Tensor:
        """
        Raises:
            ValueError: it is not for a weight of this shape.
        """
        if self.down is None or self.up is None:
            raise ValueError("expected both halves, found one")
        down, up = self.down.float().flatten(1), self.up.float().flatten(1)
        rank = down.shape[0]
        if up.shape != (weight.shape[0], rank) or down.shape[1] != weight[0].numel():
            raise ValueError(f"expected it for {tuple(weight.shape)}, found {tuple(up.shape)} · {tuple(down.shape)}")
        return ((rank if self.alpha is None else self.alpha) / rank) * (up @ down).reshape(weight.shape)


def fuse(unet: UNet2DConditionModel, tensors: Mapping[str, Tensor], path: Path, scale: float = 1.0) -> int:
    """Add a LoRA's changes to the UNet, in place. Returns how many layers it changed. path: for messages.

    Raises:
        WeightsRefused: it changes what the UNet does not have, or is of a form that is not known here.
    """
    layers = {name: layer for name, layer in unet.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
    by_form = {".": layers, "_": {name.replace(".", "_"): layer for name, layer in layers.items()}}
    changes: dict[tuple[str, str], Change] = {}
    for name, tensor in tensors.items():
        target, role, form = _place(name, path)
        _take(changes.setdefault((target, form), Change()), role, tensor)
    for (target, form), change in changes.items():
        layer = by_form[form].get(target)
        if layer is None:
            raise WeightsRefused(path, "changes of layers that the UNet has", f"one of {target!r}", OTHER_FAMILY)
        _add(layer, change, scale, target, path)
    return len(changes)


def fuse_numbered(unet: UNet2DConditionModel, tensors: Mapping[str, Tensor], path: Path) -> int:
    """The same for the LoRA inside a FaceID adapter, whose attentions are numbered: "12.to_q_lora.down.weight".

    Raises:
        WeightsRefused: as of fuse.
    """
    names = [name.removesuffix(".processor") for name in unet.attn_processors]
    changes: dict[str, Change] = {}
    for name, tensor in tensors.items():
        number, _, rest = name.partition(".")
        found = OF_ATTENTION.fullmatch(rest)
        if found is None:
            continue
        if not number.isdecimal() or int(number) >= len(names):
            raise WeightsRefused(path, f"attentions numbered 0 to {len(names) - 1}", number, OTHER_FAMILY)
        target = f"{names[int(number)]}.{_part(found['part'])}"
        _take(changes.setdefault(target, Change()), found["role"], tensor)
    for target, change in changes.items():
        _add(unet.get_submodule(target), change, 1.0, target, path)
    return len(changes)


def _place(name: str, path: Path) -> tuple[str, str, str]:
    """Target, role and form of a tensor."""
    for form, separator in FORMS:
        if found := form.fullmatch(name):
            target, role = found["target"], found["role"]
            if of_attention := OF_ATTENTION.fullmatch(role):
                return f"{target}.{_part(of_attention['part'])}", of_attention["role"], separator
            return target, role, separator
    raise WeightsRefused(path, "a LoRA of a UNet alone, with lora_down and lora_up", f"a tensor {name!r}", OTHER_FAMILY)


def _part(short: str) -> str:
    return "to_out.0" if short == "out" else f"to_{short}"


def _take(change: Change, role: str, tensor: Tensor) -> None:
    kind = ROLES[role]
    if kind == "alpha":
        change.alpha = float(tensor)
    elif kind == "down":
        change.down = tensor
    else:
        change.up = tensor


def _add(layer: nn.Module, change: Change, scale: float, target: str, path: Path) -> None:
    weight = layer.get_parameter("weight")
    try:
        difference = change.of(weight)
    except ValueError as error:
        raise WeightsRefused(path, f"a change of {target}", str(error), OTHER_FAMILY) from error
    with torch.no_grad():
        weight += scale * difference.to(weight.dtype)


def names_of_text_encoders(tensors: Mapping[str, object]) -> Iterator[str]:
    """Tensors that would change a text encoder: the prompt is empty, and nothing here reads them."""
    return (name for name in tensors if name.startswith(("lora_te", "text_encoder.")))
