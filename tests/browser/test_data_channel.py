"""A page of somebody else's, whose offer has a data channel, joins in a real browser."""

from __future__ import annotations

import pytest

from tests.browser.serving import ServerProcess
from tests.browser.visitor import PAUSE_S, VOICE_S, BrowserUsers

pytestmark = pytest.mark.browser

WITH_DATA_CHANNEL = """
const Plain = RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
    constructor(...options) {
        super(...options);
        this.createDataChannel('own');
        window.connection = this;
    }
};
"""


def test_a_data_channel_that_nobody_wants_is_rejected_and_media_go_on(
    visitors: BrowserUsers, server: ServerProcess
) -> None:
    speaker = visitors.new()
    speaker.page.add_init_script(WITH_DATA_CHANNEL)
    speaker.join(server.url)
    speaker.watch()
    seen = speaker.see(VOICE_S + PAUSE_S)
    assert seen.loud.any()
    assert len(seen.times) > 10
    answer = speaker.page.evaluate("() => connection.remoteDescription.sdp")
    kinds = [line.split(" ")[:2] for line in answer.splitlines() if line.startswith("m=")]
    assert [kind for kind, _ in kinds] == ["m=audio", "m=video", "m=application"]
    assert kinds[2][1] == "0"
