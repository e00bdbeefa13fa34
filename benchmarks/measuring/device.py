"""Times calls on a device: by its own events on a GPU, by the wall on a CPU. Knows no network."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from engines.backends.pytorch_cuda import capture

Laps = dict[str, float]
Call = Callable[[], object]

WARM_UP = 3
LEAST, MOST = 5, 200  # calls that are counted


@dataclass(frozen=True, slots=True)
class Device:
    """name: "cuda" or "cpu"; seconds: about how long one measurement may take."""

    name: str
    seconds: float
    stream: Any = field(default=None)

    @property
    def is_gpu(self) -> bool:
        return self.stream is not None

    def wait(self) -> None:
        if self.is_gpu:
            torch.cuda.synchronize()

    def laps(self, call: Call) -> Laps:
        """Milliseconds of the device's time a call: what is asked of it, not what asking takes."""
        with torch.no_grad(), torch.cuda.stream(self.stream):
            return self._events(call) if self.is_gpu else self.wall(call)

    def wall(self, call: Call) -> Laps:
        """Milliseconds until a call has returned. The call waits for its results itself."""

        def lap() -> float:
            started = time.perf_counter()
            call()
            return 1000 * (time.perf_counter() - started)

        with torch.no_grad():
            for _ in range(WARM_UP):
                found = lap()
            return summary([lap() for _ in range(self._count(found))])

    def _events(self, call: Call) -> Laps:
        def lap() -> tuple[Any, Any]:
            before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            before.record()
            call()
            after.record()
            return before, after

        for _ in range(WARM_UP):
            before, after = lap()
        after.synchronize()
        pairs = [lap() for _ in range(self._count(before.elapsed_time(after)))]
        self.stream.synchronize()
        return summary([before.elapsed_time(after) for before, after in pairs])

    def _count(self, milliseconds: float) -> int:
        return int(np.clip(1000 * self.seconds / max(milliseconds, 1e-3), LEAST, MOST))

    def recorded(self, call: Callable[[], Any]) -> Call:
        """The call as one launch; on a CPU the call itself."""
        return capture(call, self.stream) if self.is_gpu else call

    def memory_mb(self) -> float:
        """The most that tensors have taken since it was last forgotten."""
        return torch.cuda.max_memory_allocated() / 1e6 if self.is_gpu else 0.0

    def forget(self) -> None:
        if self.is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def description(self) -> dict[str, Any]:
        """What it is."""
        if not self.is_gpu:
            return {"name": "CPU", "threads": torch.get_num_threads(), "torch": torch.__version__}
        about = torch.cuda.get_device_properties(0)
        return {
            "name": about.name,
            "memory_gb": round(about.total_memory / 1e9, 1),
            "torch": torch.__version__,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }


def open_device(name: str, seconds: float) -> Device:
    return Device(name, seconds, torch.cuda.Stream() if name == "cuda" else None)


def ceilings(device: Device, precision: torch.dtype) -> dict[str, float]:
    """What the device does at best: TFLOP/s of a large product of random numbers, TB/s of a large copy, both ways."""
    side, size = (8192, 1 << 28) if device.is_gpu else (256, 1 << 20)
    one, other = (torch.randn(side, side, device=device.name).to(precision) for _ in range(2))
    product = device.laps(lambda: one @ other)
    source = torch.randn(size, device=device.name)
    target = torch.empty_like(source)
    copy = device.laps(lambda: target.copy_(source))
    return {
        "tflops": 2 * side**3 / product["p50_ms"] / 1e9,
        "terabytes_s": 2 * source.nbytes / copy["p50_ms"] / 1e9,
    }


def summary(milliseconds: list[float]) -> Laps:
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return {"p50_ms": float(p50), "p95_ms": float(p95), "worst_ms": float(max(milliseconds))}
