"""All sessions of the server: admission, lookup, viewers and the end of each. Knows no HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from weakref import WeakValueDictionary

from engines.api import Avatar
from streamer.audio.rtp_input import RtpInput
from streamer.audio.speech_queue import Finished, SpeechEvent, SpeechQueue
from streamer.clock import Clock, MediaClock
from streamer.config import AUTO_MARGIN_MS, Config
from streamer.errors import Conflict, Full, Gone, NotFound, NotReady
from streamer.metrics import Metrics, SessionMetrics
from streamer.output.broadcast import Broadcast, Encoders
from streamer.scheduling.engine_worker import EngineHung
from streamer.scheduling.worker_pool import WorkerPool
from streamer.server.live_session import LiveSession, Viewer
from streamer.server.session_ids import Address, new_address, watched_at
from streamer.server.tasks import ServerTasks
from streamer.session.policy import Policy
from streamer.session.session import Session
from streamer.speech.speaker import Speaker
from streamer.speech.voices import voices_of
from streamer.threads import shut_down
from streamer.webrtc.offer import VIEWER, Wants
from streamer.webrtc.peer import Peer, PeerEvents
from streamer.webrtc.sdp_fragment import Fragment

log = logging.getLogger(__name__)

RETRY_AFTER_S = 10  # when every slot is taken
REMEMBERED = 256  # sessions that ended, of which clients and viewers are told why
CLIENT = "client"  # the name of a session's own client among its receivers
END_REASONS = {
    "left": "its client has left",
    "idle": "its client was connected and sent no audio for too long",
    "replaced": "its client has come back, with a new session",
    "connect-timeout": "its client never connected",
    "connection-lost": "the connection was lost",
    "refused": "its offer was refused",
    "engine-hung": "the engine did not answer",
    "error": "something broke; the server's log says what",
    "server-stopped": "the server was stopped",
}
GARBAGE_PAUSE_S = 10.0  # between two collections: one costs the event loop 4 ms with 20 connections, 12 with 50
ENCODERS_STOP_S = 1.0  # a frame or a packet takes some milliseconds
CLOSE_TIMEOUT_S = 5.0  # a connection that cannot say goodbye in this time is abandoned


class Sessions:
    """`tasks` owns every task that is started here; `encoders` are closed by `drain`."""

    def __init__(
        self,
        config: Config,
        pool: WorkerPool,
        encoders: Encoders,
        clock: Clock,
        metrics: Metrics,
        tasks: ServerTasks,
    ) -> None:
        self._config = config
        self._pool = pool
        self._encoders = encoders
        self._clock = clock
        self._metrics = metrics
        self._tasks = tasks
        self._voices = voices_of(config.speech, clock)
        self._sessions: dict[str, LiveSession] = {}
        self._watched: dict[str, LiveSession] = {}
        self._left: deque[str] = deque(maxlen=REMEMBERED)  # watch ids of sessions that their client ended
        self._ended: OrderedDict[str, str] = OrderedDict()  # ids of the latest sessions → why each ended
        self._reserved = 0
        self._families: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by watch id, while one begins
        self._draining = False
        self._collecting: asyncio.Task[None] | None = None
        self._collected_at = float("-inf")

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, session_id: str) -> LiveSession:
        """
        Raises:
            Gone: it has ended; the reason is told. NotFound
        """
        if session_id in self._sessions:
            return self._sessions[session_id]
        if session_id in self._ended:
            reason = self._ended[session_id]
            raise Gone(f"the session has ended: {END_REASONS.get(reason, reason)}", reason=reason)
        raise NotFound("no such session: it ended long ago, or the address is wrong")

    def find_watched(self, watch_id: str) -> LiveSession:
        if watch_id in self._watched:
            return self._watched[watch_id]
        if watch_id in self._left:
            raise Gone("the speaker has left; ask them for a new link")
        raise NotFound("nothing to watch here: nobody is speaking now, or the address is wrong")

    def check_open(self) -> None:
        """
        Raises:
            NotReady: the server is shutting down, or its engine hangs.
        """
        if self._draining:
            raise NotReady("the server is shutting down", retry_after_s=RETRY_AFTER_S)
        self.check_engine()

    def check_engine(self) -> None:
        """
        Raises:
            NotReady: an engine call hangs.
        """
        if self._pool.hung:
            raise NotReady("the engine does not answer; restart the server if it does not recover")

    def check_room(self) -> None:
        """
        Raises:
            NotReady: the server is shutting down.
            Full: every slot is taken.
        """
        self.check_open()
        taken, slots = len(self._sessions) + self._reserved, self._config.server.max_sessions
        if taken >= slots:
            raise Full(f"{taken} of {slots} sessions are running; try again later", retry_after_s=RETRY_AFTER_S)

    @asynccontextmanager
    async def reserve(self, previous: str | None) -> AsyncIterator[Address]:
        """A slot for a new session, and its address; inside, `replace` the client's former session, whose connection is
        dead or the client would not come back, and `begin` the new one, which keeps its slot. Of several that come back
        at once each replaces the one before.

        previous: the id of the client's last session, None if there was none.

        Raises:
            BadRequest, Full, NotReady
        """
        address = new_address(previous)
        lock = self._families.get(address.watch_id) or asyncio.Lock()
        self._families[address.watch_id] = lock
        async with lock:
            former = self._watched.get(address.watch_id)
            self.check_open() if former is not None else self.check_room()
            self._reserved += 1
            try:
                yield address
            finally:
                self._reserved -= 1

    async def replace(self, address: Address) -> None:
        """End the session that still runs for the client that comes back, if there is one. Call it when nothing can be
        refused any more: a refusal must leave the client what it has.
        """
        former = self._watched.get(address.watch_id)
        if former is not None:
            former.session.end("replaced")
            await former.slot_released.wait()

    def begin(self, address: Address, avatar: Avatar, *, pushed: bool) -> LiveSession:
        """Begin a session in a reserved slot. pushed: a program pushes its audio, so it needs no client.

        Raises:
            NotReady: the server has begun to shut down meanwhile.
        """
        self.check_open()
        config, frame_rate = self._config, self._pool.engine.timing.frame_rate
        size = (avatar.width, avatar.height)
        broadcast = Broadcast(size, frame_rate, config.video, config.audio, self._encoders, self._clock)
        speech = self._speech(lambda: session.flush()) if pushed else None
        microphone = None if pushed else RtpInput(config.audio)
        audio = speech or microphone
        assert audio is not None
        session = Session(
            self._pool, avatar, audio, broadcast, self._clock, policy_of(config), SessionMetrics(self._metrics)
        )
        if pushed:
            session.connected()
        speaker = Speaker(speech, self._voices, self._tasks.spawn, self._clock) if speech is not None else None
        live = LiveSession(address.id, address.watch_id, session, broadcast, microphone, speech, speaker)
        self._sessions[live.id] = live
        self._watched[live.watch_id] = live
        if live.watch_id in self._left:  # the client has come back
            self._left.remove(live.watch_id)
        self._metrics.sessions.set(len(self._sessions))
        self._tasks.spawn(lambda: self._run(live), "session", live.id[:6], lambda: self._forget(live))
        return live

    def _speech(self, flush: Callable[[], None]) -> SpeechQueue:
        timing = self._pool.engine.timing
        # Pulled audio leaves when its frame can be drawn, and takes as long as the frame is shown.
        delay_s = (timing.lookahead_frames + 1) / timing.frame_rate
        speech = SpeechQueue(flush, delay_s=delay_s, vad_aggressiveness=self._config.audio.vad_aggressiveness)
        speech.listen(self._count_turn)
        return speech

    def _count_turn(self, event: SpeechEvent) -> None:
        if isinstance(event, Finished):
            self._metrics.speech_turns.labels("interrupted" if event.interrupted else "played").inc()

    def find_speaker(self, session_id: str) -> Speaker:
        """Of a session whose audio is pushed, with the queue of its turns.

        Raises:
            Gone, NotFound
            Conflict: its audio comes from a microphone.
        """
        speaker = self.find(session_id).speaker
        if speaker is None:
            raise Conflict("this session is driven by a microphone; begin one with 'source': 'pcm' to push speech")
        return speaker

    async def connect(self, session_id: str, offer: str, wants: Wants) -> str:
        """Connect the session's client; returns the SDP answer. A client whose offer is refused has no session.

        Raises:
            Gone, NotFound, NotReady, TooLarge, BadOffer
            Conflict: it has a client already, or takes no microphone.
        """
        live = self.find(session_id)
        microphone = live.microphone
        if microphone is None or live.peer is not None:
            raise Conflict("this session has a client already, or its audio is pushed; begin one of your own")
        live.peer = peer = self._connect(
            live.broadcast,
            live.session.media,
            CLIENT,
            on_connected=live.session.connected,
            on_closed=partial(live.session.end, "connection-lost"),
            on_packet=lambda timestamp, payload: microphone.packet(timestamp, payload, self._clock.now()),
            receives=wants.audio_out or wants.video_out,
        )
        try:
            async with live.connecting:
                answer = await peer.answer(offer, wants)
            self.check_open()
            self.find(session_id)  # it may have ended meanwhile
        except BaseException:
            live.session.end("refused")
            raise
        return answer

    def _connect(
        self,
        broadcast: Broadcast,
        media: MediaClock,
        name: str,
        *,
        on_connected: Callable[[], None],
        on_closed: Callable[[], None],
        on_packet: Callable[[int, bytes], None],
        receives: bool = True,
    ) -> Peer:
        """A connection, one that `receives` the broadcast perhaps; `name` tells its receivers apart."""

        def connected() -> None:
            if receives:
                broadcast.add(name, peer)
            on_connected()

        peer = Peer(
            self._config.webrtc,
            self._clock,
            media,
            PeerEvents(
                on_packet=on_packet,
                on_connected=connected,
                on_closed=on_closed,
                on_key_frame=lambda: broadcast.want_key_frame(name),
                on_bitrate=lambda bitrate: broadcast.estimate(name, bitrate, self._clock.now()),
                on_dropped_datagram=self._metrics.dropped_datagrams.inc,
            ),
        )
        return peer

    def leave(self, session_id: str) -> None:
        """The client ends its session; its viewers need not wait.

        Raises:
            Gone: it has ended already. Even then the viewers are told. NotFound
        """
        watch_id = watched_at(session_id)
        known = session_id in self._sessions or self._ended.get(session_id, "replaced") != "replaced"
        if watch_id is not None and known:
            self._left.append(watch_id)
        self.find(session_id).session.end("left")

    async def _run(self, live: LiveSession) -> None:
        session = live.session
        log.info("session begins", extra={"session": live.id[:6], "presenter": session.avatar.name})
        try:
            await session.run()
        except* EngineHung:  # the worker has logged it
            session.end("engine-hung")
        except* Exception:  # the boundary: whatever broke this session must not end the others
            log.exception("session broke", extra={"session": live.id[:6]})
            session.end("error")
        finally:
            await self._leave(live)

    def _release_slot(self, live: LiveSession) -> None:
        """From now on the session cannot be found and another may take its slot."""
        if self._sessions.pop(live.id, None) is None:
            return
        if self._watched.get(live.watch_id) is live:  # not one that has taken it over meanwhile
            del self._watched[live.watch_id]
        live.slot_released.set()
        self._metrics.sessions.set(len(self._sessions))
        reason = live.session.end_reason or "error"
        self._metrics.session_ends.labels(reason).inc()
        self._ended[live.id] = reason
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def _forget(self, live: LiveSession) -> None:
        """The session's own task has failed as it ended: let go of all that it held."""
        self._release_slot(live)
        live.closed.set()

    async def _leave(self, live: LiveSession) -> None:
        self._release_slot(live)
        if live.speech is not None:
            live.speech.close(live.session.end_reason or "error")
        try:
            # Each in a task of its own: a viewer that cannot be removed must not keep the others.
            removals = [self._lost(live, name) for name in list(live.viewers)]
            async with live.connecting:
                if live.peer is not None:
                    await close(live.peer)
            for removal in removals:
                await removal
            live.broadcast.remove(CLIENT)
            await live.broadcast.close()
        finally:
            live.closed.set()
            self._collect_garbage()
        log.info("session ends", extra={"session": live.id[:6], "reason": live.session.end_reason})

    async def watch(self, watch_id: str, offer: str, wants: Wants = VIEWER) -> tuple[str, str]:
        """Let somebody watch; returns the viewer's id and the SDP answer.

        Raises:
            Gone, NotFound, Full, TooLarge, BadOffer
        """
        live = self.find_watched(watch_id)
        if len(live.viewers) >= self._config.server.max_viewers:
            raise Full(f"{len(live.viewers)} people are watching; no more may", retry_after_s=RETRY_AFTER_S)
        viewer_id = secrets.token_urlsafe(16)
        peer = self._connect(
            live.broadcast,
            live.session.media,
            viewer_id,
            on_connected=lambda: None,
            on_closed=lambda: void(self._lost(live, viewer_id)),
            on_packet=lambda *_: None,
        )
        viewer = live.viewers[viewer_id] = Viewer(viewer_id, peer)
        self._metrics.viewers.inc()
        try:
            answer = await peer.answer(offer, wants)
        except BaseException:
            await self._remove_viewer(live, viewer_id)
            raise
        if viewer_id not in live.viewers:
            raise NotFound("the session ended in this very moment")
        viewer.timer = self._tasks.spawn(lambda: self._expect(live, viewer_id), "viewer", viewer_id[:6])
        return viewer_id, answer

    def _lost(self, live: LiveSession, viewer_id: str) -> asyncio.Task[None]:
        """The viewer's connection has closed by itself, or its session ends."""
        return self._tasks.spawn(lambda: self._remove_viewer(live, viewer_id), "viewer", viewer_id[:6])

    async def _expect(self, live: LiveSession, viewer_id: str) -> None:
        """Remove a viewer who asked and never connected."""
        await self._clock.sleep_until(self._clock.now() + self._config.webrtc.connect_timeout_s)
        if viewer_id not in live.broadcast.receivers:
            self._lost(live, viewer_id)

    def find_viewer(self, watch_id: str, viewer_id: str) -> Viewer:
        """
        Raises:
            Gone, NotFound
        """
        live = self.find_watched(watch_id)
        if viewer_id not in live.viewers:
            raise NotFound("no such viewer: it has left already, or the address is wrong")
        return live.viewers[viewer_id]

    async def trickle(self, address: str, connection: str, fragment: Fragment) -> None:
        """Pass on candidates of a session's client, whose connection is the session's id, or of a viewer.

        Raises:
            Gone, NotFound, Conflict: the session has no client; BadRequest, RestartRefused
        """
        peer = self.find(address).peer if connection == address else self.find_viewer(address, connection).peer
        if peer is None:
            raise Conflict("this session has no client whose candidates these could be")
        await peer.add_candidates(fragment)

    async def stop_watching(self, watch_id: str, viewer_id: str) -> None:
        """
        Raises:
            NotFound
        """
        self.find_viewer(watch_id, viewer_id)
        await self._remove_viewer(self.find_watched(watch_id), viewer_id)

    async def _remove_viewer(self, live: LiveSession, viewer_id: str) -> None:
        viewer = live.viewers.pop(viewer_id, None)
        if viewer is not None:
            if viewer.timer is not None:
                viewer.timer.cancel()
            self._metrics.viewers.dec()
            live.broadcast.remove(viewer_id)
            await close(viewer.peer)

    def _collect_garbage(self) -> None:
        """A connection is a ring of objects, with native memory hanging on it: without this it stays for minutes."""
        if self._collecting is None or self._collecting.done():
            self._collecting = self._tasks.spawn(lambda: self._collect(), "garbage", "collection")

    async def _collect(self) -> None:
        """At most once in GARBAGE_PAUSE_S. Nothing else of the process runs meanwhile, in whatever thread it is done;
        what was there when the server got ready is frozen and not looked at, so it takes a few milliseconds.
        """
        await self._clock.sleep_until(self._collected_at + GARBAGE_PAUSE_S)
        began = self._collected_at = self._clock.now()
        gc.collect()
        self._metrics.garbage_seconds.observe(self._clock.now() - began)

    def end_all(self, reason: str) -> None:
        for live in self._sessions.values():
            live.session.end(reason)

    async def drain(self) -> None:
        """End every session and take no more. Returns within `server.drain_s` and what two threads may take to stop."""
        self._draining = True
        running = list(self._sessions.values())
        self.end_all("server-stopped")
        try:
            async with asyncio.timeout(self._config.server.drain_s):
                for live in running:
                    await live.closed.wait()
        except TimeoutError:
            log.error("sessions that did not end in time: %s", len(self._sessions))
        await self._voices.close()
        await shut_down(self._encoders.video, ENCODERS_STOP_S, "encode video")
        await shut_down(self._encoders.audio, ENCODERS_STOP_S, "encode audio")


def void(*_: object) -> None:
    """For callbacks whose result nobody wants."""


def policy_of(config: Config) -> Policy:
    margin_ms = config.engine.margin_ms
    return Policy(
        config.webrtc.connect_timeout_s,
        config.webrtc.idle_timeout_s,
        None if margin_ms == AUTO_MARGIN_MS else margin_ms / 1000,
    )


async def close(peer: Peer) -> None:
    """The connection's end, whatever happens to it: it must not take the server with it."""
    for end in (peer.close, peer.abandon):
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await end()
        except TimeoutError:
            log.warning("a connection did not close in %s s", CLOSE_TIMEOUT_S)
        except Exception:  # the boundary: this runs in tasks of the server
            log.exception("a connection broke as it was closed")
        else:
            return
