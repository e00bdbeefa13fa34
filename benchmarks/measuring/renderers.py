"""Renderers of a clip: the Structurist alone, or the diffusion engine's own code with all or some of its options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring.ground_truth import Clip
from engines.backends.api import Graph
from engines.backends.batch_planner import linear_cost
from engines.diffusion.conditioning import SHARED, encode_crops
from engines.diffusion.frame_refiner import REUSE_BELOW, FrameRefiner, MethodOptions, run_network
from engines.diffusion.noise_sensor import Prior
from engines.diffusion.temporal_filter import Kernel

Pictures = NDArray[np.uint8]
Renderer = Callable[[Clip], Pictures]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A pack's graphs for one frame at a time: the one in 8 bits is what a CPU is served with."""

    frame_step: Graph
    single: Graph
    encode: Graph


def structurist(clip: Clip) -> Pictures:
    return clip.structure


def renderers(network: Network | None) -> dict[str, Renderer]:
    """All, by name; without a network only those that need none. Ablations run the network for every frame."""
    found: dict[str, Renderer] = {"warp": structurist}
    if network is not None:
        found |= {
            "diffusion": lambda clip: refined_clip(clip, network, MethodOptions(reuse_below=REUSE_BELOW)),
            "network in single precision": lambda clip: refined_clip(
                clip, _single(network), MethodOptions(reuse_below=REUSE_BELOW)
            ),
            "network for every frame": lambda clip: refined_clip(clip, network, MethodOptions()),
            "no structure controller": lambda clip: refined_clip(
                clip, network, MethodOptions(structure_controller=False)
            ),
            "no noise sensor": lambda clip: refined_clip(clip, network, MethodOptions(noise_sensor=None)),
            "no structurist": lambda clip: refined_clip(clip, network, MethodOptions(), clip.foreign),
            "noise sensor, centred 5": lambda clip: refined_clip(clip, network, _centred(Kernel.CENTRED_5)),
            "network for 1 frame in 2": lambda clip: refined_clip(clip, network, MethodOptions(), every=2),
            "network for 1 frame in 6": lambda clip: refined_clip(clip, network, MethodOptions(), every=6),
        }
    return found


def _single(network: Network) -> Network:
    return replace(network, frame_step=network.single)


def _centred(kernel: Kernel) -> MethodOptions:
    return MethodOptions(noise_sensor=Prior(kernel))


def refined_clip(
    clip: Clip, network: Network, options: MethodOptions, structure: Pictures | None = None, every: int = 1
) -> Pictures:
    """The clip as the diffusion engine shows it inside the crop.

    structure: other structure frames than the clip's; every: the network is asked for one frame in so many.
    """
    frames = clip.structure if structure is None else structure
    weight = clip.weight
    crops = [clip.reference, *clip.structure[::SHARED]]
    conditioning = encode_crops(network.encode, crops, weight)
    shapes = {spec.name: spec.shape for spec in network.frame_step.inputs}
    refiner = FrameRefiner(options, frames.shape[1], shapes["noise"][1:])
    residuals = []
    for t, (frame, motion) in enumerate(zip(frames, clip.motions, strict=True)):
        masked = conditioning.masked[1 + t // SHARED]
        given = {"anchor": conditioning.anchor, "mask": conditioning.mask, "masked": masked}
        if t % every:
            residual = refiner.decay(motion)
        elif not refiner.needs_network(frame):
            residual = refiner.reuse(motion)
        else:
            inputs = refiner.prepare(frame, motion, given)
            residual = refiner.apply(inputs, run_network(linear_cost({1: network.frame_step}), [inputs])[0])
        if residual is not None:
            residuals.append(residual)
    # A kernel that looks ahead owes its last frames; nothing moves there, so the last one stands for them.
    residuals += [residuals[-1]] * options.lookahead
    drawn = np.rint((frames + np.stack(residuals)).clip(0, 255))
    return np.asarray(drawn, np.uint8)
