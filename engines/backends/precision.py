"""Fixes the batch size and the precision of an ONNX graph, since TensorRT takes both as the graph states them.

Convolutions and matrix products get half the bits; norms, softmax, sums and powers keep float32, for their intermediate
values leave float16's range (squares) or drown in its rounding (means). What lies between follows what flows into it.
Inputs and outputs stay float32. Knows no runtime. A change of the rules must raise plan_cache.RULES.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from engines.backends.api import GraphError

BATCH = "batch"
SMALL = 1024  # bytes: shapes, axes and other values that decide about shapes have fewer
TYPES: dict[str, int] = {"float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16, "float32": TensorProto.FLOAT}
LARGEST: dict[int, float] = {TensorProto.FLOAT16: 65504.0, TensorProto.BFLOAT16: float(np.finfo(np.float32).max)}
BFLOAT16_CONVOLUTIONS = 22  # the first opset whose convolutions take bfloat16

# Where nearly all time goes, and what tensor cores are for.
LOWERED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
KEPT = frozenset(
    "BatchNormalization GroupNormalization InstanceNormalization LayerNormalization LpNormalization "
    "MeanVarianceNormalization RMSNormalization SimplifiedLayerNormalization Softmax LogSoftmax ReduceMean ReduceSum "
    "ReduceSumSquare ReduceL1 ReduceL2 ReduceProd ReduceLogSumExp GlobalAveragePool CumSum Pow Sqrt Reciprocal Exp Log "
    "Sin Cos".split()
)
FLOAT32_PLACES = {"Resize": (1, 2)}  # inputs that the standard wants in float32: the region and the scales


def typed_model(path: Path, batch: int, precision: str) -> ModelProto:
    """The graph of a file for one batch size, at "float32", "float16" or "bfloat16".

    Weights in files of their own stay there unless the precision changes them.

    Raises:
        GraphError: it is no ONNX graph, leaves other sizes open, is not float32, or its weights do not fit.
    """
    try:
        model = onnx.load(path, load_external_data=precision != "float32")
        fix_batch(model, batch)
        if precision != "float32":
            model = lower(model, precision)
        onnx.checker.check_model(path if precision == "float32" else skeleton(model))
    except (GraphError, MemoryError):
        raise
    except Exception as error:  # of protobuf, of the checker, of the file: they have no common kind
        raise GraphError(f"{path}: expected an ONNX graph, found none: {error}") from error
    return model


def weight_files(path: Path) -> tuple[Path, ...]:
    """The files beside an ONNX file that hold its larger weights, each once.

    Raises:
        GraphError: it is no ONNX graph.
    """
    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:
        raise GraphError(f"{path}: expected an ONNX graph, found none: {error}") from error
    named = {
        entry.value for weight in model.graph.initializer for entry in weight.external_data if entry.key == "location"
    }
    return tuple(path.parent / name for name in sorted(named))


def fix_batch(model: ModelProto, batch: int) -> None:
    """Give the free axis its size, in place. Sizes that follow from it are the compiler's business.

    Raises:
        GraphError: an input leaves another size open, or an input or output is not float32.
    """
    del model.graph.value_info[:]  # shapes inferred for any batch size
    for value in (*model.graph.input, *model.graph.output):
        tensor = value.type.tensor_type
        for size in tensor.shape.dim:
            if size.dim_param == BATCH:
                size.dim_value = batch
        shape = [size.dim_value or size.dim_param or "?" for size in tensor.shape.dim]
        is_open = value in model.graph.input and not all(isinstance(size, int) for size in shape)
        if tensor.elem_type != TensorProto.FLOAT or is_open:
            kind = TensorProto.DataType.Name(tensor.elem_type)
            raise GraphError(f"{value.name}: expected float32 and no size open but {BATCH!r}, found {kind} {shape}")


def lower(model: ModelProto, precision: str) -> ModelProto:
    """The same graph with the rules of this module applied.

    Raises:
        GraphError: a weight does not fit, or the graph has branches, loops or functions, which the rules do not cover.
    """
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if precision == "bfloat16" and opset < BFLOAT16_CONVOLUTIONS:
        model = raised(model, BFLOAT16_CONVOLUTIONS)
    if model.functions or any(attribute.g.node for node in model.graph.node for attribute in node.attribute):
        raise GraphError("expected a graph without functions, branches and loops; export it by tracing")
    kinds = _kinds(onnx.shape_inference.infer_shapes(skeleton(model), strict_mode=True).graph)
    lowering = Lowering(TYPES[precision], kinds, {w.name: w for w in model.graph.initializer})
    for node in model.graph.node:
        lowering.add(node)
    lowering.finish(value.name for value in model.graph.output)
    graph = helper.make_graph(
        lowering.nodes, model.graph.name, model.graph.input, model.graph.output, lowering.used_weights()
    )
    format_version = max(model.ir_version, helper.find_min_ir_version_for(model.opset_import))
    lowered = helper.make_model(graph, opset_imports=model.opset_import, ir_version=format_version)
    onnx.shape_inference.infer_shapes(skeleton(lowered), check_type=True, strict_mode=True)  # all types must agree
    return lowered


def skeleton(model: ModelProto) -> ModelProto:
    """The same graph with its large weights as inputs: ONNX's own tools take no more than 2 GiB, and need no values."""
    large = [weight for weight in model.graph.initializer if weight.ByteSize() > SMALL]
    small = [weight for weight in model.graph.initializer if weight.ByteSize() <= SMALL]
    inputs = [helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims) for weight in large]
    graph = helper.make_graph(
        model.graph.node, model.graph.name, [*model.graph.input, *inputs], model.graph.output, small
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def raised(model: ModelProto, opset: int) -> ModelProto:
    """The same graph in a later version of ONNX's operators."""
    later = onnx.version_converter.convert_version(skeleton(model), opset)
    given = {value.name for value in model.graph.input}
    inputs = [value for value in later.graph.input if value.name in given]
    del later.graph.input[:]
    later.graph.input.extend(inputs)
    later.graph.initializer.extend(w for w in model.graph.initializer if w.ByteSize() > SMALL)
    return later


def _kinds(graph: GraphProto) -> dict[str, int]:
    """The element type of every value."""
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    return kinds | {weight.name: weight.data_type for weight in graph.initializer}


@dataclass(slots=True, eq=False)
class Lowering:
    """A graph while it is rewritten, node by node in order. kinds: the element type of every value, as it is now."""

    low: int
    kinds: dict[str, int]
    weights: dict[str, TensorProto]
    nodes: list[NodeProto] = field(default_factory=list)
    casts: dict[tuple[str, int], str] = field(default_factory=dict)

    def add(self, node: NodeProto) -> None:
        constant = self._constant(node)
        if constant is not None:
            self.weights[node.output[0]] = constant
            return
        kept = NodeProto()
        kept.CopyFrom(node)
        exempt = FLOAT32_PLACES.get(node.op_type, ())
        floats = [i for i, name in enumerate(node.input) if i not in exempt and self._is_float(name)]
        if floats and node.op_type != "Cast":  # a Cast takes every type, and gives the one that it names
            kind = self._kind_of(node, [node.input[i] for i in floats])
            for i in floats:
                kept.input[i] = self.cast(node.input[i], kind)
            self.kinds |= {name: kind for name in node.output if self._is_float(name)}
        self.nodes.append(kept)

    def _constant(self, node: NodeProto) -> TensorProto | None:
        """What the node gives, if that is known by now: such values take the type of what they are combined with."""
        name, constant = node.output[0], TensorProto()
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            constant.CopyFrom(node.attribute[0].t)
        elif node.op_type == "Identity" and node.input[0] in self.weights:
            constant.CopyFrom(self.weights[node.input[0]])
        elif self._is_widened_weight(node):
            return converted(self.weights[node.input[0]], name, TensorProto.FLOAT)
        else:
            return None
        constant.name = name
        return constant

    def _is_widened_weight(self, node: NodeProto) -> bool:
        """A weight that is stored with half the bits and computed with in float32."""
        if node.op_type != "Cast" or node.input[0] not in self.weights:
            return False
        return node.attribute[0].i == TensorProto.FLOAT and self.weights[node.input[0]].data_type in LARGEST

    def _kind_of(self, node: NodeProto, inputs: Sequence[str]) -> int:
        if node.op_type in LOWERED:
            return self.low
        computed = [name for name in inputs if name not in self.weights]
        low = bool(computed) and all(self.kinds[name] == self.low for name in computed)
        return self.low if low and node.op_type not in KEPT else TensorProto.FLOAT

    def _is_float(self, name: str) -> bool:
        return self.kinds.get(name) in (TensorProto.FLOAT, self.low)

    def cast(self, name: str, kind: int) -> str:
        """The name of this value in that type: itself, or one converted copy for all consumers."""
        if self.kinds[name] == kind:
            return name
        if (name, kind) not in self.casts:
            copy = f"{name}_{TensorProto.DataType.Name(kind).lower()}"
            if name in self.weights:
                self.weights[copy] = converted(self.weights[name], copy, kind)
            else:
                self.nodes.append(helper.make_node("Cast", [name], [copy], name=f"Cast_{copy}", to=kind))
            self.casts[name, kind] = copy
            self.kinds[copy] = kind
        return self.casts[name, kind]

    def finish(self, outputs: Iterable[str]) -> None:
        """Give the outputs in float32, under their own names."""
        for output in outputs:
            if self.kinds[output] != self.low:
                continue
            inner = f"{output}_inside"
            for node in self.nodes:
                node.input[:] = [inner if name == output else name for name in node.input]
                node.output[:] = [inner if name == output else name for name in node.output]
            self.nodes.append(helper.make_node("Cast", [inner], [output], name=f"Cast_{output}", to=TensorProto.FLOAT))

    def used_weights(self) -> list[TensorProto]:
        used = {name for node in self.nodes for name in node.input}
        return [weight for name, weight in self.weights.items() if name in used]


def converted(weight: TensorProto, name: str, kind: int) -> TensorProto:
    """
    Raises:
        GraphError: a value is beyond the type's range.
    """
    values = numpy_helper.to_array(weight).astype(np.float32)
    if kind == TensorProto.FLOAT:
        return numpy_helper.from_array(values, name)
    largest = float(np.abs(values).max(initial=0))
    if not largest <= LARGEST[kind]:
        raise GraphError(
            f"{weight.name}: expected weights up to {LARGEST[kind]:.6g}, found {largest:.6g}; compile it in bfloat16 "
            "or float32"
        )
    return helper.make_tensor(name, kind, weight.dims, _raw(values, kind), raw=True)


def _raw(values: NDArray[np.float32], kind: int) -> bytes:
    if kind == TensorProto.FLOAT16:
        return values.astype("<f2").tobytes()
    bits = values.astype("<f4").view("<u4")
    even = (bits >> 16) & 1  # round to nearest, ties to even, as hardware does
    rounded: NDArray[np.uint16] = ((bits + 0x7FFF + even) >> 16).astype("<u2")
    return rounded.tobytes()
