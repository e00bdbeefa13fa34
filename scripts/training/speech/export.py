"""Writes the trained lip network as ONNX, one chunk a run with its state carried outside, and checks parity.

Usage: python -m scripts.training.speech.export CHECKPOINT... [--out lips.onnx]

The graph is built by hand: it is some sixty nodes, and no exporter stands between the weights and the file.
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
    BANDS,
    CHANNELS,
    COEFFICIENT_SHARES,
    DEEP_REACH,
    DELAYS,
    HEARD,
    HOPS,
    MEMORY,
    SEEN,
    STRIDE,
    TIME_REACH,
    VISEME_SHARES,
    LipNetwork,
    served,
)

OPSET, IR_VERSION = 17, 8  # old enough for every ONNX Runtime that the product allows
TOLERANCE = 1e-4  # of parity with torch
CHUNK = HOPS * FEATURES
PAST = HEARD - 1  # frames before a chunk that its first step hears: there is a step after every frame
FOUND = CHANNELS * BANDS  # numbers that the convolutions find in each frame
SEEN_OF_CHUNK = SEEN + HOPS - 1  # frames of the convolutions that a chunk's steps see
BEHIND = TIME_REACH - 1  # frames that each convolution reaches back

Weights = dict[str, NDArray[np.float32]]


def build(network: LipNetwork) -> onnx.ModelProto:
    """The graph: chunk, past, delay, memory in; coefficients, visemes, past and memory out."""
    nodes = [
        helper.make_node("Concat", ["past", "chunk"], ["heard"], axis=1),
        _slice("heard", "past_out", CHUNK, CHUNK + PAST * FEATURES),
        *_steps("heard", "hearing", HEARD * FEATURES, FEATURES),
        helper.make_node("Concat", ["delay"] * HOPS, ["delays"], axis=0),
        helper.make_node("Concat", ["hearing", "delays"], ["input"], axis=1),
        _gemm("input", "patterns", bias=False),
        *_dense("patterns.sum", "wide", "Relu"),
        _gemm("wide", "narrow"),
        *_edges(),
        helper.make_node("Add", ["narrow.sum", "edges_narrow.sum"], ["narrow.all"]),
        helper.make_node("Relu", ["narrow.all"], ["narrow"]),
        helper.make_node("Split", ["memory"], ["memory0", "memory1"], axis=0),
        *_recurrent("narrow", 0),
        *_recurrent("remembered0", 1),
        helper.make_node("Concat", ["memory0_out", "memory1_out"], ["memory_out"], axis=0),
        *_dense("remembered1", "shape", "Relu"),
        *_dense("shape", "coefficients.steps", "Sigmoid"),
        helper.make_node("MatMul", ["coefficient.shares", "coefficients.steps"], ["coefficients"]),
        *_dense("shape", "visemes.steps", "Softmax"),
        helper.make_node("MatMul", ["viseme.shares", "visemes.steps"], ["visemes"]),
    ]
    graph = helper.make_graph(
        nodes,
        "lips",
        [
            _value("chunk", 1, CHUNK),
            _value("past", 1, PAST * FEATURES),
            _value("delay", 1, DELAYS),
            _value("memory", 2, HOPS, MEMORY),
        ],
        [
            _value("coefficients", 1, len(COEFFICIENTS)),
            _value("visemes", 1, len(VISEMES)),
            _value("past_out", 1, PAST * FEATURES),
            _value("memory_out", 2, HOPS, MEMORY),
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
        weights |= _gru_weights(weights, layer)
    shapes = {"frames": np.array([1, 1, -1, FEATURES]), "row": np.array([1, -1])}
    shares = {
        "coefficient.shares": np.array([COEFFICIENT_SHARES], np.float32),
        "viseme.shares": np.array([VISEME_SHARES], np.float32),
    }
    used = sorted({name for node in nodes for name in node.input})
    numbers = {name: np.array([int(name)]) for name in used if name.isdecimal()}
    return {name: array for name, array in (weights | shapes | shares | numbers).items() if name in used}


def _value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _slice(source: str, name: str, first: int, end: int, axis: int = 1) -> onnx.NodeProto:
    return helper.make_node("Slice", [source, str(first), str(end), str(axis)], [name])


def _gemm(source: str, name: str, bias: bool = True) -> onnx.NodeProto:
    layer = name.removesuffix(".steps")
    inputs = [source, f"{layer}.weight", *([f"{layer}.bias"] if bias else [])]
    return helper.make_node("Gemm", inputs, [f"{name}.sum"], transB=1)


def _dense(source: str, name: str, activation: str) -> list[onnx.NodeProto]:
    return [_gemm(source, name), helper.make_node(activation, [f"{name}.sum"], [name])]


def _steps(source: str, name: str, length: int, stride: int) -> list[onnx.NodeProto]:
    """(1, length + 3 stride) to (HOPS, length): what each step of the chunk has before it."""
    rows = [_slice(source, f"{name}{step}", step * stride, step * stride + length) for step in range(HOPS)]
    return [*rows, helper.make_node("Concat", [f"{name}{step}" for step in range(HOPS)], [name], axis=0)]


def _edges() -> list[onnx.NodeProto]:
    """Convolutions over what was heard, as far back as the chunk's steps see, and what each step makes of them."""
    first = PAST + HOPS - SEEN_OF_CHUNK - 3 * BEHIND
    return [
        _slice("heard", "lately", first * FEATURES, (PAST + HOPS) * FEATURES),
        helper.make_node("Reshape", ["lately", "frames"], ["picture"]),
        _slice("picture", "bands", 0, MELS, axis=3),
        _convolution("bands", "fine", BAND_REACH, BAND_STRIDE),
        helper.make_node("Relu", ["fine.sum"], ["fine"]),
        _convolution("fine", "coarse", BAND_REACH, BAND_STRIDE),
        helper.make_node("Relu", ["coarse.sum"], ["coarse"]),
        _convolution("coarse", "deep", DEEP_REACH, 1),
        _slice("coarse", "coarse.last", BEHIND, BEHIND + SEEN_OF_CHUNK, axis=2),
        helper.make_node("Add", ["coarse.last", "deep.sum"], ["deep.all"]),
        helper.make_node("Relu", ["deep.all"], ["deep"]),
        helper.make_node("Transpose", ["deep"], ["found"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["found", "row"], ["found.row"]),
        *_steps("found.row", "seeing", SEEN * FOUND, FOUND),
        *_dense("seeing", "edges", "Relu"),
        _gemm("edges", "edges_narrow", bias=False),
    ]


def _convolution(source: str, name: str, bands: int, stride: int) -> onnx.NodeProto:
    """Over TIME_REACH frames, none of them later, and so many bands."""
    side = bands // 2
    return helper.make_node(
        "Conv",
        [source, f"{name}.weight", f"{name}.bias"],
        [f"{name}.sum"],
        kernel_shape=[TIME_REACH, bands],
        strides=[1, stride],
        pads=[0, side, 0, side],
    )


def _recurrent(source: str, layer: int) -> list[onnx.NodeProto]:
    """What each of a chunk's steps remembers, (HOPS, n) to (HOPS, MEMORY), and a share of the one 20 ms before it."""
    name = f"gru{layer}"
    inputs = [f"{name}.sequence", f"{name}.input", f"{name}.recurrent", f"{name}.bias", "", f"memory{layer}"]
    after = f"memory{layer}_out"
    return [
        helper.make_node("Unsqueeze", [source, "0"], [f"{name}.sequence"]),
        helper.make_node("GRU", inputs, ["", after], hidden_size=MEMORY, linear_before_reset=1),
        helper.make_node("Concat", [f"memory{layer}", after], [f"{name}.both"], axis=1),
        _slice(f"{name}.both", f"{name}.last", HOPS - STRIDE, 2 * HOPS - STRIDE),
        helper.make_node("Mul", [f"{name}.last", f"between{layer}"], [f"{name}.share"]),
        helper.make_node("Add", [after, f"{name}.share"], [f"{name}.sum"]),
        helper.make_node("Squeeze", [f"{name}.sum", "0"], [f"remembered{layer}"]),
    ]


def _gru_weights(weights: Weights, layer: int) -> Weights:
    """Torch orders the gates reset, update, new; ONNX update, reset, new."""

    def reorder(w: NDArray[np.float32]) -> NDArray[np.float32]:
        reset, update, new = np.split(w, 3)
        return np.concatenate([update, reset, new])[None]

    parts = {name: weights[f"memory{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    bias = np.concatenate([reorder(parts["bias_ih"]), reorder(parts["bias_hh"])], axis=1)
    return {
        f"gru{layer}.input": reorder(parts["weight_ih"]),
        f"gru{layer}.recurrent": reorder(parts["weight_hh"]),
        f"gru{layer}.bias": bias,
    }


def parity(network: LipNetwork, model: onnx.ModelProto, chunks: int = 50) -> float:
    """The largest difference of torch over a whole sequence and ONNX Runtime chunk by chunk."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    features = np.random.default_rng(0).standard_normal((1, chunks, CHUNK)).astype(np.float32)
    with torch.no_grad():
        coefficients, visemes = served(network.cpu().eval(), torch.from_numpy(features), torch.tensor([4]))
    past = np.zeros((1, PAST * FEATURES), np.float32)
    memory = np.zeros((2, HOPS, MEMORY), np.float32)
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


def load(checkpoints: Sequence[Path]) -> LipNetwork:
    """The running mean of the weights of a checkpoint, or the mean of several of one run."""
    states = [torch.load(path, weights_only=True, map_location="cpu")["mean"] for path in checkpoints]
    network: LipNetwork = LipNetwork().eval()
    network.load_state_dict({name: torch.stack([s[name] for s in states]).mean(dim=0) for name in states[0]})
    return network


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False, description="export the lip network")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="their mean is exported")
    parser.add_argument("--out", type=Path, default=Path("lips.onnx"), help="default %(default)s")
    args = parser.parse_args()
    error = export(load(args.checkpoints), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, parity {error:.1e}")


if __name__ == "__main__":
    main()
