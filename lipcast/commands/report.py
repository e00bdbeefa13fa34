"""What a rendering took, for people and for machines. Knows nothing of how it was done."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

PACKAGES = ("lipcast", "av", "numpy", "onnxruntime", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class Report:
    """sound_s: seconds of the file; elapsed_s: of the whole rendering; engine_s: of the engine, for each frame."""

    engine: str
    avatar: str
    lookahead_ms: int
    sound_s: float
    clipped_samples: int
    elapsed_s: float
    engine_s: tuple[float, ...]

    @property
    def frames(self) -> int:
        return len(self.engine_s)

    @property
    def frames_per_second(self) -> float:
        return self.frames / max(self.elapsed_s, 1e-9)

    @property
    def engine_ms(self) -> tuple[float, float]:
        """The median and the 95th percentile."""
        p50, p95 = np.percentile(np.array(self.engine_s) * 1000, (50, 95))
        return float(p50), float(p95)

    def body(self) -> dict[str, object]:
        p50, p95 = self.engine_ms
        return {
            "frames": self.frames,
            "seconds": round(self.sound_s, 3),
            "engine": self.engine,
            "avatar": self.avatar,
            "lookahead_ms": self.lookahead_ms,
            "clipped_samples": self.clipped_samples,
            "elapsed_seconds": round(self.elapsed_s, 3),
            "fps": round(self.frames_per_second, 1),
            "engine_ms_per_frame": {"p50": round(p50, 2), "p95": round(p95, 2)},
            "versions": versions(),
        }

    def sentence(self) -> str:
        p50, p95 = self.engine_ms
        return (
            f"{self.frames} frames, {self.sound_s:.1f} s, in {self.elapsed_s:.1f} s"
            f" ({self.frames_per_second:.0f} frames/s; the engine {p50:.1f} ms a frame, p95 {p95:.1f} ms)"
        )


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
