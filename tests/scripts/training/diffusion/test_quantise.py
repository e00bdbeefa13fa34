"""Which layers of the frame step are in 8 bits, and which stay in floats however often a step uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="packs are made with onnx: pip install -e .[train]")
pytest.importorskip("torch", reason="mouths are read with torch: pip install -e .[train]")

from engines.diffusion.pack import ENCODE, FRAME_STEP_INT8, SHIPPED  # noqa: E402
from scripts.training.diffusion.quantise import KEPT, quantise  # noqa: E402
from tests.engines.diffusion.miniature import write_miniature  # noqa: E402


def convolutions(path: Path) -> tuple[set[str], set[str]]:
    """Names of those whose weights are in 8 bits, and of those whose weights are not."""
    graph = onnx.load(path).graph
    makers = {output: node.op_type for node in graph.node for output in node.output}
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for node in graph.node:
        if node.op_type == "Conv":
            found[makers.get(node.input[1]) == "DequantizeLinear"].add(node.name)
    return found[True], found[False]


def test_the_pack_that_ships_keeps_what_is_seen_most_in_floats() -> None:
    eight, floats = convolutions(SHIPPED / FRAME_STEP_INT8)
    assert floats == set(KEPT)
    assert len(eight) > 50


def test_every_step_of_sampling_keeps_the_same_layers(tmp_path: Path) -> None:
    eight, floats = convolutions(write_miniature(tmp_path) / FRAME_STEP_INT8)
    assert floats == {*KEPT, "/unet/conv_in_1/Conv", "/unet/conv_out_1/Conv"}
    assert not any(name.startswith("/unet/conv_") for name in eight)


def test_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected the convolutions \['/decoder/.*in the graph, found"):
        quantise(SHIPPED / ENCODE, [])
