"""Offers of publishers: as FFmpeg 8.1 writes it, recorded; as OBS 30 to 32 does by libdatachannel, written after it."""

from __future__ import annotations

from tests.streamer.webrtc.offers import joined

FINGERPRINT = "a=fingerprint:sha-256 " + ":".join(["7A"] * 32)
FFMPEG = joined(
    [
        "",  # FFmpeg's body begins with a blank line where it is built so
        "v=0",
        "o=FFmpeg 4489045141692799359 2 IN IP4 127.0.0.1",
        "s=FFmpegPublishSession",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:02900332",
        "a=ice-pwd:d870c928c48c0d2976c8411539bcad6f",
        FINGERPRINT,
        "a=setup:passive",
        "a=mid:0",
        "a=sendonly",
        "a=msid:FFmpeg audio",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=ssrc:3714537136 cname:FFmpeg",
        "a=ssrc:3714537136 msid:FFmpeg audio",
        "m=video 9 UDP/TLS/RTP/SAVPF 106 105",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:02900332",
        "a=ice-pwd:d870c928c48c0d2976c8411539bcad6f",
        FINGERPRINT,
        "a=setup:passive",
        "a=mid:1",
        "a=sendonly",
        "a=msid:FFmpeg video",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:106 H264/90000",
        "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42000a",
        "a=rtcp-fb:106 nack",
        "a=rtpmap:105 rtx/90000",
        "a=fmtp:105 apt=106",
        "a=ssrc-group:FID 3714537137 3714537138",
        "a=ssrc:3714537137 cname:FFmpeg",
        "a=ssrc:3714537137 msid:FFmpeg video",
    ]
)
OBS = joined(
    [
        "v=0",
        "o=rtc 3413157366 0 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=group:LS 0 1",
        "a=msid-semantic:WMS *",
        "a=setup:actpass",
        "a=ice-ufrag:dYzO",
        "a=ice-pwd:ps1vUWzxq0fP9hTFTEV2rA",
        "a=ice-options:trickle",
        FINGERPRINT,
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=mid:0",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=sendonly",
        "a=ssrc:2156044450 cname:obs",
        "a=ssrc:2156044450 msid:stream audio",
        "a=msid:stream audio",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;sprop-stereo=1;useinbandfec=1",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "c=IN IP4 0.0.0.0",
        "a=mid:1",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=sendonly",
        "a=ssrc:2156044451 cname:obs",
        "a=ssrc:2156044451 msid:stream video",
        "a=msid:stream video",
        "a=rtcp-mux",
        "a=rtpmap:96 H264/90000",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 goog-remb",
        "a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1",
    ]
)
LAYERS = ["a=rid:2 send", "a=rid:1 send", "a=rid:0 send", "a=simulcast:send 2;1;0"]
OBS_SIMULCAST = OBS + joined(LAYERS)
OBS_AV1 = joined(
    [line for line in OBS.replace("H264/90000", "AV1/90000").split("\r\n")[:-1] if not line.startswith("a=fmtp:96")]
)
