"""What the answer to a browser's offer asks for."""

from __future__ import annotations

import asyncio
import re

from aiortc import RTCPeerConnection, RTCSessionDescription

from pages.components.rtc_packets import PACKET_MS, ask_for_long_packets

# The audio part of Chromium's offers.
_OFFER = """\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:someone
a=ice-pwd:aVerySecretWordOfTwentyTwo
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:0
a=sendonly
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=ssrc:1 cname:somebody
"""


def _answer() -> str:
    async def answered() -> str:
        connection = RTCPeerConnection()
        fingerprint = ":".join(["AB"] * 32)
        sdp = _OFFER.format(fingerprint=fingerprint).replace("\n", "\r\n")
        await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        answer: str = (await connection.createAnswer()).sdp
        await connection.close()
        return answer

    return asyncio.run(answered())


def test_the_answer_asks_the_browser_for_long_packets_of_opus() -> None:
    ask_for_long_packets()
    ask_for_long_packets()  # each page does
    answer = _answer()
    (wishes,) = re.findall(r"^a=fmtp:111 (.*?)\r?$", answer, re.MULTILINE)
    assert wishes == f"ptime={PACKET_MS}"
    # The older codecs, which others may speak, are left alone.
    assert "a=rtpmap:0 PCMU/8000" in answer
    assert "a=fmtp:0" not in answer


def test_the_wished_length_is_one_that_opus_has() -> None:
    assert PACKET_MS in (20, 40, 60)
