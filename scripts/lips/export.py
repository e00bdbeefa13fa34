"""Writes the trained lip network as ONNX, one chunk a run with its state carried outside, and checks parity.

Usage: python -m scripts.lips.export CHECKPOINT... [--out lips.onnx]

The graph is built by hand: it is ten nodes, and no exporter stands between the weights and the file.
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
from engines.speech.features import FEATURES
from scripts.lips.network import DELAYS, HOPS, MEMORY, PAST_CHUNKS, LipNetwork

OPSET, IR_VERSION = 17, 8  # old enough for every ONNX Runtime that the product allows
TOLERANCE = 1e-4  # of parity with torch

Weights = dict[str, NDArray[np.float32]]


def build(network: LipNetwork) -> onnx.ModelProto:
    """The graph: chunk, past, delay, memory in; coefficients, visemes, past and memory out."""
    weights = {name: w.detach().cpu().numpy().astype(np.float32) for name, w in network.state_dict().items()}
    chunk = HOPS * FEATURES
    nodes = [
        helper.make_node("Concat", ["past", "chunk"], ["heard"], axis=1),
        helper.make_node("Slice", ["heard", "first", "last", "axis"], ["past_out"]),
        helper.make_node("Concat", ["heard", "delay"], ["input"], axis=1),
        *_dense("input", "wide", "Relu"),
        *_dense("wide", "narrow", "Relu"),
        helper.make_node("Unsqueeze", ["narrow", "time"], ["sequence"]),
        helper.make_node("Split", ["memory"], ["memory0", "memory1"], axis=0),
        *_recurrent("sequence", 0),
        *_recurrent("remembered0", 1),
        helper.make_node("Concat", ["memory0_out", "memory1_out"], ["memory_out"], axis=0),
        helper.make_node("Squeeze", ["memory1_out", "time"], ["state"]),
        *_dense("state", "shape", "Relu"),
        *_dense("shape", "coefficients", "Sigmoid"),
        *_dense("shape", "visemes", "Softmax"),
    ]
    constants: dict[str, NDArray[np.generic]] = {
        "first": np.array([chunk]), "last": np.array([(PAST_CHUNKS + 1) * chunk]), "axis": np.array([1]),
        "time": np.array([0]), "direction": np.array([1]),
    }  # fmt: skip
    for name in ("wide", "narrow", "shape", "coefficients", "visemes"):
        constants[f"{name}.weight"], constants[f"{name}.bias"] = weights[f"{name}.weight"], weights[f"{name}.bias"]
    for layer in (0, 1):
        constants |= _gru_weights(weights, layer)
    graph = helper.make_graph(
        nodes,
        "lips",
        [
            _value("chunk", 1, chunk),
            _value("past", 1, PAST_CHUNKS * chunk),
            _value("delay", 1, DELAYS),
            _value("memory", 2, 1, MEMORY),
        ],
        [
            _value("coefficients", 1, len(COEFFICIENTS)),
            _value("visemes", 1, len(VISEMES)),
            _value("past_out", 1, PAST_CHUNKS * chunk),
            _value("memory_out", 2, 1, MEMORY),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _value(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _dense(source: str, name: str, activation: str) -> list[onnx.NodeProto]:
    gemm = helper.make_node("Gemm", [source, f"{name}.weight", f"{name}.bias"], [f"{name}.sum"], transB=1)
    return [gemm, helper.make_node(activation, [f"{name}.sum"], [name])]


def _recurrent(source: str, layer: int) -> list[onnx.NodeProto]:
    """One GRU step: (1, 1, in) to (1, 1, MEMORY)."""
    inputs = [source, f"gru{layer}.input", f"gru{layer}.recurrent", f"gru{layer}.bias", "", f"memory{layer}"]
    gru = helper.make_node(
        "GRU", inputs, [f"stacked{layer}", f"memory{layer}_out"], hidden_size=MEMORY, linear_before_reset=1
    )
    # (time, direction, batch, MEMORY) without the direction is the next layer's sequence.
    return [gru, helper.make_node("Squeeze", [f"stacked{layer}", "direction"], [f"remembered{layer}"])]


def _gru_weights(weights: Weights, layer: int) -> Weights:
    """Torch orders the gates reset, update, new; ONNX update, reset, new."""

    def reorder(w: NDArray[np.float32]) -> NDArray[np.float32]:
        reset, update, new = np.split(w, 3)
        return np.concatenate([update, reset, new])[None]

    parts = {name: weights[f"memory.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    bias = np.concatenate([reorder(parts["bias_ih"]), reorder(parts["bias_hh"])], axis=1)
    return {
        f"gru{layer}.input": reorder(parts["weight_ih"]),
        f"gru{layer}.recurrent": reorder(parts["weight_hh"]),
        f"gru{layer}.bias": bias,
    }


def parity(network: LipNetwork, model: onnx.ModelProto, chunks: int = 50) -> float:
    """The largest difference of torch over a whole sequence and ONNX Runtime chunk by chunk."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    features = np.random.default_rng(0).standard_normal((1, chunks, HOPS * FEATURES)).astype(np.float32)
    with torch.no_grad():
        coefficients, logits = network.cpu().eval()(torch.from_numpy(features), torch.tensor([4]))
        visemes = torch.softmax(logits, dim=-1)
    past = np.zeros((1, PAST_CHUNKS * HOPS * FEATURES), np.float32)
    memory = np.zeros((2, 1, MEMORY), np.float32)
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
    network = LipNetwork().eval()
    network.load_state_dict({name: torch.stack([s[name] for s in states]).mean(dim=0) for name in states[0]})
    return network


def main() -> None:
    parser = argparse.ArgumentParser(description="export the lip network")
    parser.add_argument("checkpoints", type=Path, nargs="+", help="their mean is exported")
    parser.add_argument("--out", type=Path, default=Path("lips.onnx"), help="default %(default)s")
    args = parser.parse_args()
    error = export(load(args.checkpoints), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, parity {error:.1e}")


if __name__ == "__main__":
    main()
