"""Writes a pack: its graphs as ONNX, the weights, the model card and the manifest. Knows no training."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from engines.backends.api import Graph, Tensors, TensorSpec
from engines.backends.onnxruntime import BATCH, open_onnx
from engines.diffusion.architecture import Model
from engines.diffusion.frame_step import Encode, FrameStep
from engines.diffusion.pack import (
    CARD,
    ENCODE,
    FRAME_STEP,
    FRAME_STEP_INT8,
    WEIGHTS,
    encode_specs,
    frame_step_specs,
    write_manifest,
)
from engines.diffusion.weights import save_weights
from scripts.training.diffusion.quantise import quantise

OPSET = 17
LARGE = 256  # numbers: tensors of fewer are not worth a node
LICENCE = "Apache-2.0"
THREADS = 2

Calibrate = Callable[[Graph], Iterable[Tensors]]


@dataclass(frozen=True, slots=True)
class PackIdentity:
    """Name, version and model card of a pack."""

    name: str
    version: str
    card: str


def write_pack(folder: Path, frame_step: FrameStep, model: Model, identity: PackIdentity, calibrate: Calibrate) -> None:
    """frame_step's weights are rounded to half precision on the way.

    calibrate: by the encode graph of one row, gives feeds of the frame step, from which the scales of 8 bits are taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frame_step = frame_step.float().to(memory_format=torch.contiguous_format).eval()
    save_weights(frame_step, folder / WEIGHTS)
    architecture = model.architecture
    export_onnx(frame_step, *frame_step_specs(architecture, 1), folder / FRAME_STEP)
    export_onnx(Encode(frame_step).eval(), *encode_specs(architecture), folder / ENCODE)
    feeds = calibrate(open_onnx(folder / ENCODE, 1, THREADS))
    _write(quantise(folder / FRAME_STEP, feeds), folder / FRAME_STEP_INT8)
    (folder / CARD).write_text(identity.card, encoding="utf-8")
    write_manifest(folder, identity.name, identity.version, LICENCE, model)


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
    _write(onnx.load(path), path)


def _write(model: onnx.ModelProto, path: Path) -> None:
    halve(model.graph)
    del model.metadata_props[:]
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


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
