"""A library that is not the one that was tested is refused at start, by name."""

from __future__ import annotations

import pytest
from aiortc import RTCRtpReceiver, RTCRtpSender

from lipcast.testing import FakeClock
from streamer.webrtc.library_check import check_library
from streamer.webrtc.replace import LibraryMismatch, read, replace

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def test_the_installed_library_has_all_that_is_replaced() -> None:
    await check_library(FakeClock())


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (RTCRtpSender, "_next_encoded_frame"),
        (RTCRtpSender, "_send_rtcp"),
        (RTCRtpReceiver, "_send_rtcp"),
        (RTCRtpReceiver, "_handle_rtp_packet"),
    ],
)
async def test_a_renamed_method_is_noticed_before_anybody_joins(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(owner, name)
    with pytest.raises(LibraryMismatch, match=f"{owner.__name__} has no attribute {name}.*pip install"):
        await check_library(FakeClock())


def test_replace_returns_what_was_there_and_sets_nothing_that_was_not() -> None:
    class Owner:
        value = 1

    owner = Owner()
    assert replace(owner, "value", 2) == 1
    assert read(owner, "value") == 2
    with pytest.raises(LibraryMismatch):
        replace(owner, "valu", 3)
    assert not hasattr(owner, "valu")
