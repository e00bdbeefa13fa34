"""Writes a pack: both graphs as ONNX, the weights, the model card and the manifest. Knows no training."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from engines.backends.api import TensorSpec
from engines.backends.onnxruntime import BATCH
from engines.diffusion.architecture import Model
from engines.diffusion.frame_step import Encode, FrameStep
from engines.diffusion.pack import CARD, ENCODE, FRAME_STEP, WEIGHTS, encode_specs, frame_step_specs, write_manifest
from engines.diffusion.weights import save_weights

OPSET = 17
LARGE = 256  # numbers: tensors of fewer are not worth a node
LICENCE = "Apache-2.0"


def write_pack(folder: Path, frame_step: FrameStep, model: Model, name: str, version: str, card: str) -> None:
    """frame_step's weights are rounded to half precision on the way."""
    folder.mkdir(parents=True, exist_ok=True)
    frame_step = frame_step.float().to(memory_format=torch.contiguous_format).eval()
    save_weights(frame_step, folder / WEIGHTS)
    architecture = model.architecture
    export_onnx(frame_step, *frame_step_specs(architecture, 1), folder / FRAME_STEP)
    export_onnx(Encode(frame_step).eval(), *encode_specs(architecture), folder / ENCODE)
    (folder / CARD).write_text(card, encoding="utf-8")
    write_manifest(folder, name, version, LICENCE, model)


def export_onnx(module: nn.Module, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], path: Path) -> None:
    """One graph with a free batch, its weights in half precision and its arithmetic in single."""
    example = tuple(torch.zeros(spec.shape) for spec in inputs)
    names = [spec.name for spec in inputs], [spec.name for spec in outputs]
    with warnings.catch_warnings():
        # torch announces its other exporter; diffusers compares sizes that a trace fixes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            example,
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=names[0],
            output_names=names[1],
            dynamic_axes={name: {0: BATCH} for name in (*names[0], *names[1])},
        )
    graph = onnx.load(path)
    halve(graph.graph)
    del graph.metadata_props[:]
    onnx.checker.check_model(graph)
    path.write_bytes(graph.SerializeToString())


def halve(graph: onnx.GraphProto) -> None:
    """Store the large tensors in half precision, each behind a cast that the runtime folds away when it loads."""
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims, dtype=int) < LARGE:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.single", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
