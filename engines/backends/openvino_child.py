"""The child in which openvino.py tries a graph: FILE BATCH THREADS. Ends well, by an exception or by a signal."""

from __future__ import annotations

import sys
from pathlib import Path

from engines.backends.onnxruntime import open_onnx
from engines.backends.openvino import compile_openvino
from engines.backends.parity import random_probes


def main() -> None:
    path, batch, threads = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    graph = compile_openvino(path, open_onnx(path, batch, threads), threads)
    for feeds in random_probes(graph.inputs, 1):
        graph.run(feeds)


if __name__ == "__main__":
    main()
