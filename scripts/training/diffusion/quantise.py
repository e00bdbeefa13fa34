"""The frame step's convolutions in 8 bits: what ONNX Runtime computes on a CPU. Knows no training.

Scales are static: they are measured once, on rendered mouths of the training split. Weights have a scale for each
channel. Layers stay as they are that take pictures and latents in or give them out, and those of the decoder where 8
bits save hardly any time: the steps of all these are seen in the picture, and change with the noise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from engines.backends.api import Graph, Tensors
from scripts.training.diffusion.dataset import MouthDataset

CALIBRATED = 128  # mouths
PERCENT = 99.99  # of a layer's values that its scale has room for: with room for all, steps are coarser
AT_ONCE = 8  # mouths whose values are in memory together
REPEATED = re.compile(r"_\d+(?=/Conv$)")  # in the name of a layer that a later step of sampling uses again
KEPT = (
    "/encoder/fine/fine.1/Conv",
    "/encoder/latents/Conv",
    "/unet/conv_in/Conv",
    "/unet/conv_out/Conv",
    "/decoder/latents/Conv",
    "/decoder/beside_coarse/Conv",
    "/decoder/coarse/coarse.1/first/Conv",
    "/decoder/coarse/coarse.1/second/Conv",
    "/decoder/coarse/coarse.2/Conv",
    "/decoder/fine/fine.2/second/Conv",
    "/decoder/motion/Conv",
    "/decoder/draw/Conv",
)


def quantise(source: Path, feeds: Iterable[Tensors]) -> onnx.ModelProto:
    """The graph of a file with its convolutions in 8 bits, the batch still free.

    feeds: what the graph is given, of one row each; the values that flow then set the scales.

    Raises:
        ValueError: the graph lacks a layer that must stay as it is: it is another model's.
    """
    with TemporaryDirectory() as folder:
        plain, result = Path(folder) / "plain.onnx", Path(folder) / "quantised.onnx"
        model = _folded(source, plain)
        quantize_static(
            model,
            result,
            _Feeds(iter(feeds)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=_inner_convolutions(model),
            per_channel=True,
            # 7 bits of weights: without AVX-512 VNNI, pairs of products are summed in 16 bits, and 8 would overflow.
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": PERCENT, "CalibMaxIntermediateOutputs": AT_ONCE},
        )
        return onnx.load(result)


def calibration(encode: Graph, mouths: MouthDataset, count: int = CALIBRATED, seed: int = 0) -> Iterator[Tensors]:
    """What a frame step is given to draw the first mouths of a split."""
    draw = np.random.default_rng(seed)
    for row in range(min(count, len(mouths))):
        batch = mouths.pick(slice(row, row + 1))
        crop, anchor, mask, structure = (
            np.ascontiguousarray(tensor.numpy())
            for tensor in (batch.target, batch.reference, batch.mask, batch.structure)
        )
        found = encode.run({"crop": crop, "mask": mask})
        yield {
            "structure": structure,
            "masked": found["masked"],
            "mask": found["mask_latent"],
            "anchor": encode.run({"crop": anchor, "mask": mask})["tokens"],
            "lam": np.ones((1, 1), np.float32),
            "noise": draw.standard_normal(found["masked"].shape).astype(np.float32),
        }


class _Feeds(CalibrationDataReader):
    def __init__(self, feeds: Iterator[Tensors]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._feeds, None)


def _folded(source: Path, path: Path) -> onnx.ModelProto:
    """The graph without the casts of its weights, and with what is constant computed; by way of a file."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    model = onnx.load(path)
    helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})  # or it is advised to do this first
    return model


def _inner_convolutions(model: onnx.ModelProto) -> list[str]:
    names = [node.name for node in model.graph.node if node.op_type == "Conv"]
    strange = sorted(set(KEPT) - set(names))
    if strange:
        raise ValueError(f"expected the convolutions {strange} in the graph, found {names}")
    return [name for name in names if REPEATED.sub("", name) not in KEPT]
