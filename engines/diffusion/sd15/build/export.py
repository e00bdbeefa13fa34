"""Writes a network's weights once, as safetensors in half precision, and its graphs as ONNX that read them from there.

A graph's file holds no weight: each is named by its offset in the weights' file, and cast to single
precision, in which everything is computed. So the graphs and PyTorch have the same numbers, and each is on disk once.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod
from pathlib import Path

import onnx
import torch
from onnx import GraphProto, ModelProto, TensorProto, helper
from safetensors.torch import save_file
from torch import nn

from engines.backends.api import TensorSpec
from engines.backends.onnxruntime import BATCH
from engines.diffusion.sd15.errors import WeightsRefused
from engines.diffusion.sd15.build.tensor_file import TensorFile, read_header

OPSET = 17
HALF = 2  # bytes of a number
LOWER = "take weights of another origin: these were not made for half precision"


def save_weights(network: nn.Module, path: Path) -> TensorFile:
    """In half precision. Rounds the network's own weights to it too, so that every graph made of them agrees.

    Raises:
        WeightsRefused: a weight is not finite in half precision.
    """
    state = network.state_dict()
    with torch.no_grad():
        for name, tensor in state.items():
            tensor.copy_(tensor.half())
            if not tensor.isfinite().all():
                raise WeightsRefused(path, "weights that are finite in half precision", f"others in {name}", LOWER)
    # Copies: safetensors refuses views and writes memory as it lies, whatever the strides say.
    save_file({name: tensor.half().contiguous().clone() for name, tensor in state.items()}, path)
    return read_header(path)


def export_graph(
    module: nn.Module,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    path: Path,
    weights: TensorFile,
    free: bool,
) -> None:
    """module: parts of the network, under its names. free: whether the first axis is left open, or is 1."""
    names = [spec.name for spec in inputs], [spec.name for spec in outputs]
    with warnings.catch_warnings():
        # torch announces its other exporter; diffusers compares sizes that a trace fixes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(torch.zeros(spec.shape) for spec in inputs),
            path,
            dynamo=False,
            opset_version=OPSET,
            export_params=False,  # weights become inputs; here they become offsets in a file
            do_constant_folding=False,  # would compute with weights, and write what comes of it
            input_names=names[0],
            output_names=names[1],
            dynamic_axes={name: {0: BATCH} for name in (*names[0], *names[1])} if free else None,
        )
    model = onnx.load(path)
    refer(model.graph, weights, set(names[0]))
    del model.graph.metadata_props[:]
    path.write_bytes(model.SerializeToString())
    check(path)


def refer(graph: GraphProto, weights: TensorFile, inputs: set[str]) -> None:
    """Make every weight that is an input an external tensor of the weights' file. Changes the graph."""
    casts = []
    for value in [value for value in graph.input if value.name not in inputs]:
        name = value.name
        half = TensorProto(name=f"{name}.half", data_type=TensorProto.FLOAT16, dims=weights.shapes[name])
        half.data_location = TensorProto.EXTERNAL
        location = {
            "location": weights.path.name,
            "offset": str(weights.starts[name]),
            "length": str(HALF * prod(weights.shapes[name])),
        }
        for key, entry in location.items():
            half.external_data.add(key=key, value=entry)
        graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [name], name=f"{name}.single", to=TensorProto.FLOAT))
        graph.input.remove(value)
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def check(path: Path) -> ModelProto:
    """By ONNX's own checker and by inference of every type and shape.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: it is not as the standard has it.
    """
    onnx.checker.check_model(path)
    model = onnx.load(path, load_external_data=False)
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
