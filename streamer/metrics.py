"""What the server tells Prometheus. One registry per server, so that several can live in one process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

LATENCY_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)
JOIN_BUCKETS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)
OFFSET_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.1)


class Metrics:
    """Every metric of the server, by name; names begin with lipcast_."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.sessions = self._gauge("sessions", "Sessions that are running.")
        self.viewers = self._gauge("viewers", "Viewers of all sessions.")
        self.joins = self._counter("joins", "Offers, by outcome.", "outcome")
        self.session_ends = self._counter("session_ends", "Sessions that have ended, by reason.", "reason")
        self.join_seconds = self._histogram("join_seconds", "Offer received → first frame sent.", JOIN_BUCKETS_S)
        self.stage_seconds = self._histogram(
            "mic_to_frame_seconds",
            "Microphone packet received → frame sent, by stage; stage=total is the sum.",
            LATENCY_BUCKETS_S,
            "stage",
        )
        self.frames = self._counter("frames", "Frames sent.")
        self.late_frames = self._counter("late_frames", "Frames not drawn in time: the one before stayed.")
        self.degraded_frames = self._counter(
            "degraded_frames", "Frames drawn without the network, because a full one would have been late."
        )
        self.av_offset_seconds = self._histogram(
            "av_offset_seconds", "How far apart a unit's audio and frame left the server.", OFFSET_BUCKETS_S
        )
        self.jitter_buffer_seconds = self._histogram(
            "jitter_buffer_seconds", "Audio in hand after a frame was pulled.", LATENCY_BUCKETS_S
        )
        self.concealed_seconds = self._counter("concealed_seconds", "Audio concealed for audio that was lost.")
        self.dropped_audio_seconds = self._counter(
            "dropped_audio_seconds", "Audio that was not sent because its encoder stood still."
        )
        self.speech_turns = self._counter("speech_turns", "Turns of pushed speech that have finished.", "outcome")
        self.speech_sockets = self._counter("speech_sockets", "Speech sockets that have closed, by close code.", "code")
        self.recordings = self._gauge("recordings", "Recordings that are being made.")
        self.recording_ends = self._counter("recording_ends", "Recordings that have ended, by reason.", "reason")
        self.tasks = self._gauge("tasks", "Tasks of the event loop, as /metrics is asked.")
        self.task_failures = self._counter("task_failures", "Tasks of the server that raised, by kind.", "kind")
        self.garbage_seconds = self._histogram(
            "garbage_collection_seconds", "Event loop held up by a collection after sessions ended.", OFFSET_BUCKETS_S
        )
        self.dropped_datagrams = self._counter("dropped_datagrams", "Datagrams of strangers, malformed or too many.")

    def render(self) -> bytes:
        """The text that /metrics answers."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, namespace="lipcast", registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, namespace="lipcast", registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, namespace="lipcast", buckets=buckets, registry=self.registry)


class SessionMetrics:
    """Tells the server's metrics what happens in a session; see streamer.session.policy.Observer."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def stage(self, name: str, seconds: float) -> None:
        self._metrics.stage_seconds.labels(name).observe(seconds)

    def frame(self, late_s: float, degraded: bool) -> None:
        self._metrics.frames.inc()
        self._metrics.av_offset_seconds.observe(late_s)
        if degraded:
            self._metrics.degraded_frames.inc()

    def first_frame(self, after_s: float) -> None:
        self._metrics.join_seconds.observe(after_s)

    def late_frame(self) -> None:
        self._metrics.late_frames.inc()

    def audio(self, buffered_s: float, concealed_s: float) -> None:
        self._metrics.jitter_buffer_seconds.observe(buffered_s)
        self._metrics.concealed_seconds.inc(concealed_s)

    def dropped_audio(self, seconds: float) -> None:
        self._metrics.dropped_audio_seconds.inc(seconds)
