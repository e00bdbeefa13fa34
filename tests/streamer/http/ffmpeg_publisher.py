"""FFmpeg's own WHIP client, by PyAV, as a process of its own: PyAV holds Python's lock while it connects.

`python -m tests.streamer.http.ffmpeg_publisher URL CERTIFICATE KEY` publishes a voice in the left channel, and video,
until its standard input ends; then it ends the session. Says "publishing" once it is connected.
"""

from __future__ import annotations

import sys
import threading
import time
from fractions import Fraction

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tests.sounds import RATE, voice

TIME_BASE = Fraction(1, RATE)
PACKET = 960  # samples, 20 ms
SIZE = (64, 48)


def publish(url: str, certificate: str, key: str, ended: threading.Event) -> None:
    # FFmpeg's own certificate is of a curve that OpenSSL refuses.
    with av.open(url, "w", format="whip", options={"cert_file": certificate, "key_file": key}) as output:
        audio, video = streams(output)
        left = (voice(1.0) * 32767).astype(np.int16)
        sound = np.stack([left, np.zeros_like(left)], axis=1).reshape(1, -1)
        began = time.monotonic()
        for index in range(50 * 60):  # a minute at most, should nobody end it
            send_sound(output, audio, sound, index)
            if index % 2 == 0:
                send_picture(output, video, index)
            if index == 0:
                sys.stdout.write("publishing\n")
                sys.stdout.flush()
            if ended.wait(max(0.0, began + (index + 1) * PACKET / RATE - time.monotonic())):
                return


def streams(output: OutputContainer) -> tuple[AudioStream, VideoStream]:
    audio = output.add_stream("libopus", rate=RATE)
    audio.layout = "stereo"  # FFmpeg refuses to publish mono
    video = output.add_stream("libx264", rate=25)
    video.width, video.height = SIZE
    video.pix_fmt = "yuv420p"
    video.options = {"tune": "zerolatency", "profile": "baseline"}
    return audio, video


def send_sound(output: OutputContainer, stream: AudioStream, sound: NDArray[np.int16], index: int) -> None:
    start = index * 2 * PACKET % sound.size
    frame = av.AudioFrame.from_ndarray(sound[:, start : start + 2 * PACKET], format="s16", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, index * PACKET, TIME_BASE
    output.mux(stream.encode(frame))


def send_picture(output: OutputContainer, stream: VideoStream, index: int) -> None:
    frame = av.VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), index % 256, np.uint8), format="rgb24")
    frame.pts, frame.time_base = index * PACKET, TIME_BASE
    output.mux(stream.encode(frame))


def main() -> None:
    ended = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    url, certificate, key = sys.argv[1:]
    publish(url, certificate, key, ended)


if __name__ == "__main__":
    main()
