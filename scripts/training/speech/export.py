"""Writes the trained lip network as ONNX, one chunk a run with its state carried outside, and checks parity.

Usage: python -m scripts.training.speech.export CHECKPOINT... [--out lips.onnx]

The graph is built by hand: it is some thirty nodes, and no exporter stands between the weights and the file.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.features import FEATURES, MELS
from scripts.training.speech.network import (
    BAND_REACH,
    BAND_STRIDE,
    DEEP_REACH,
    DELAYS,
    HEARD,
    HOPS,
    MEMORY,
    PAST,
    SEEN,
    TIME_REACH,
    TIME_STRIDE,
    LipNetwork,
)

OPSET, IR_VERSION = 17, 8  # old enough for every ONNX Runtime that the product allows
TOLERANCE = 1e-4  # of parity with torch
CHUNK = HOPS * FEATURES
FRAMES = PAST + HOPS  # that a chunk hears
STATES = ("hidden0", "cell0", "hidden1", "cell1")  # rows of the memory

Weights = dict[str, NDArray[np.float32]]


def build(network: LipNetwork) -> onnx.ModelProto:
    """The graph: chunk, past, delay, memory in; coefficients, visemes, past and memory out."""
    nodes = [
        helper.make_node("Concat", ["past", "chunk"], ["heard"], axis=1),
        _slice("heard", "past_out", CHUNK, FRAMES * FEATURES),
        _slice("heard", "lately", (FRAMES - HEARD) * FEATURES, FRAMES * FEATURES),
        helper.make_node("Concat", ["lately", "delay"], ["input"], axis=1),
        *_dense("input", "patterns", "Relu"),
        *_edges(),
        helper.make_node("Concat", ["patterns", "edges"], ["found.all"], axis=1),
        *_dense("found.all", "narrow", "Relu"),
        helper.make_node("Split", ["memory"], list(STATES), axis=0),
        *_recurrent("narrow", 0),
        *_recurrent("remembered0", 1),
        helper.make_node("Concat", [f"{name}.after" for name in STATES], ["memory_out"], axis=0),
        *_dense("remembered1", "shape", "Relu"),
        *_dense("shape", "coefficients", "Sigmoid"),
        *_dense("shape", "visemes", "Softmax"),
    ]
    graph = helper.make_graph(
        nodes,
        "lips",
        [
            _value("chunk", 1, CHUNK),
            _value("past", 1, PAST * FEATURES),
            _value("delay", 1, DELAYS),
            _value("memory", len(STATES), 1, MEMORY),
        ],
        [
            _value("coefficients", 1, len(COEFFICIENTS)),
            _value("visemes", 1, len(VISEMES)),
            _value("past_out", 1, PAST * FEATURES),
            _value("memory_out", len(STATES), 1, MEMORY),
        ],
        [numpy_helper.from_array(value, name) for name, value in _constants(network, nodes).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _constants(network: LipNetwork, nodes: Sequence[onnx.NodeProto]) -> dict[str, NDArray[np.generic]]:
    """What nodes name and none of them makes: weights, shapes, and numbers by themselves ("5")."""
    weights = {name: w.detach().cpu().numpy().astype(np.float32) for name, w in network.state_dict().items()}
    for layer in (0, 1):
        weights |= _lstm_weights(weights, layer)
    shapes = {"frames": np.array([1, 1, FRAMES, FEATURES]), "row": np.array([1, -1])}
    used = sorted({name for node in nodes for name in node.input})
    numbers = {name: np.array([int(name)]) for name in used if name.isdecimal()}
    return {name: array for name, array in (weights | shapes | numbers).items() if name in used}


def _value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _slice(source: str, name: str, first: int, end: int, axis: int = 1) -> onnx.NodeProto:
    return helper.make_node("Slice", [source, str(first), str(end), str(axis)], [name])


def _dense(source: str, name: str, activation: str) -> list[onnx.NodeProto]:
    inputs = [source, f"{name}.weight", f"{name}.bias"]
    return [
        helper.make_node("Gemm", inputs, [f"{name}.sum"], transB=1),
        helper.make_node(activation, [f"{name}.sum"], [name]),
    ]


def _edges() -> list[onnx.NodeProto]:
    """Convolutions over all that is heard, and what the step makes of the last of them."""
    return [
        helper.make_node("Reshape", ["heard", "frames"], ["spectrum"]),
        _slice("spectrum", "bands", 0, MELS, axis=3),
        _convolution("bands", "fine", BAND_REACH, (1, BAND_STRIDE)),
        helper.make_node("Relu", ["fine.sum"], ["fine"]),
        _convolution("fine", "coarse", BAND_REACH, (TIME_STRIDE, BAND_STRIDE)),
        helper.make_node("Relu", ["coarse.sum"], ["coarse"]),
        _convolution("coarse", "deep", DEEP_REACH, (1, 1)),
        _slice("coarse", "coarse.last", TIME_REACH - 1, TIME_REACH - 1 + SEEN, axis=2),
        helper.make_node("Add", ["coarse.last", "deep.sum"], ["deep.all"]),
        helper.make_node("Relu", ["deep.all"], ["deep"]),
        helper.make_node("Transpose", ["deep"], ["found"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["found", "row"], ["found.row"]),
        *_dense("found.row", "edges", "Relu"),
    ]


def _convolution(source: str, name: str, bands: int, strides: tuple[int, int]) -> onnx.NodeProto:
    """Over TIME_REACH frames, none of them later, and so many bands."""
    side = bands // 2
    return helper.make_node(
        "Conv",
        [source, f"{name}.weight", f"{name}.bias"],
        [f"{name}.sum"],
        kernel_shape=[TIME_REACH, bands],
        strides=strides,
        pads=[0, side, 0, side],
    )


def _recurrent(source: str, layer: int) -> list[onnx.NodeProto]:
    """One step of a layer: (1, n) and its states to remembered, (1, MEMORY), and the states after."""
    name = f"lstm{layer}"
    states = [f"hidden{layer}", f"cell{layer}"]
    inputs = [f"{name}.sequence", f"{name}.input", f"{name}.recurrent", f"{name}.bias", "", *states]
    return [
        helper.make_node("Unsqueeze", [source, "0"], [f"{name}.sequence"]),
        helper.make_node("LSTM", inputs, ["", *(f"{state}.after" for state in states)], hidden_size=MEMORY),
        helper.make_node("Squeeze", [f"hidden{layer}.after", "0"], [f"remembered{layer}"]),
    ]


def _lstm_weights(weights: Weights, layer: int) -> Weights:
    """Torch orders the gates input, forget, new, output; ONNX input, output, forget, new."""

    def reorder(w: NDArray[np.float32]) -> NDArray[np.float32]:
        enter, forget, new, leave = np.split(w, 4)
        return np.concatenate([enter, leave, forget, new])[None]

    parts = {name: weights[f"memory{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    bias = np.concatenate([reorder(parts["bias_ih"]), reorder(parts["bias_hh"])], axis=1)
    return {
        f"lstm{layer}.input": reorder(parts["weight_ih"]),
        f"lstm{layer}.recurrent": reorder(parts["weight_hh"]),
        f"lstm{layer}.bias": bias,
    }


def parity(network: LipNetwork, model: onnx.ModelProto, chunks: int = 50) -> float:
    """The largest difference of torch over a whole sequence and ONNX Runtime chunk by chunk."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    features = np.random.default_rng(0).standard_normal((1, chunks, CHUNK)).astype(np.float32)
    with torch.no_grad():
        coefficients, logits = network.cpu().eval()(torch.from_numpy(features), torch.tensor([4]))
        visemes = torch.softmax(logits, dim=-1)
    past = np.zeros((1, PAST * FEATURES), np.float32)
    memory = np.zeros((len(STATES), 1, MEMORY), np.float32)
    delay = np.eye(DELAYS, dtype=np.float32)[4:5]
    worst = 0.0
    for i in range(chunks):
        feed = {"chunk": features[:, i], "past": past, "delay": delay, "memory": memory}
        c, v, past, memory = session.run(None, feed)
        worst = max(worst, float(np.abs(c - coefficients[:, i].numpy()).max()))
        worst = max(worst, float(np.abs(v - visemes[:, i].numpy()).max()))
    return worst


def export(network: LipNetwork, path: Path) -> float:
    """Write the file; the parity error.

    Raises:
        RuntimeError: ONNX Runtime and torch disagree.
    """
    model = build(network)
    error = parity(network, model)
    if error > TOLERANCE:
        raise RuntimeError(f"ONNX Runtime and torch differ by {error:.2g}, more than {TOLERANCE:g}: nothing is written")
    path.write_bytes(model.SerializeToString())
    return error


def load(checkpoint: Path) -> LipNetwork:
    """The running mean of the weights of a checkpoint."""
    network: LipNetwork = LipNetwork().eval()
    network.load_state_dict(torch.load(checkpoint, weights_only=True, map_location="cpu")["mean"])
    return network


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="export the lip network")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=Path("lips.onnx"), help="default %(default)s")
    args = parser.parse_args()
    error = export(load(args.checkpoint), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, parity {error:.1e}")


if __name__ == "__main__":
    main()
