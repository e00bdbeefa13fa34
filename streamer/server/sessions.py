"""All sessions of the server: admission, lookup, viewers and the end of each. Knows no HTTP."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
from collections import deque
from collections.abc import Callable
from functools import partial

from engines.api import Avatar
from streamer.audio.rtp_input import RtpInput
from streamer.clock import Clock, MediaClock
from streamer.config import AUTO_MARGIN_MS, Config
from streamer.errors import Full, Gone, NotFound, NotReady
from streamer.metrics import Metrics, SessionMetrics
from streamer.output.broadcast import Broadcast, Encoders
from streamer.scheduling.engine_worker import EngineHung
from streamer.scheduling.worker_pool import WorkerPool
from streamer.server.live_session import LiveSession, Viewer
from streamer.server.session_ids import Address, new_address, watched_at
from streamer.server.tasks import ServerTasks
from streamer.session.policy import Policy
from streamer.session.session import Session
from streamer.threads import shut_down
from streamer.webrtc.offer import PRESENTER, VIEWER
from streamer.webrtc.peer import Peer, PeerEvents

log = logging.getLogger(__name__)

RETRY_AFTER_S = 10  # when every slot is taken
REMEMBERED = 256  # sessions whose viewers are told that the speaker has left, rather than that nobody is there
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
        self._sessions: dict[str, LiveSession] = {}
        self._watched: dict[str, LiveSession] = {}
        self._left: deque[str] = deque(maxlen=REMEMBERED)  # watch ids of sessions that their speaker ended
        self._joining = 0
        self._draining = False
        self._collecting: asyncio.Task[None] | None = None
        self._collected_at = float("-inf")

    def __len__(self) -> int:
        return len(self._sessions)

    def find(self, session_id: str) -> LiveSession:
        if session_id not in self._sessions:
            raise NotFound("no such session: it has ended, or the address is wrong")
        return self._sessions[session_id]

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
        taken, places = len(self._sessions) + self._joining, self._config.server.max_sessions
        if taken >= places:
            raise Full(f"{taken} of {places} sessions are running; try again later", retry_after_s=RETRY_AFTER_S)

    async def admit(self, previous: str | None) -> Address:
        """Where a new session will be. One that still runs for the same speaker is ended first: its connection is
        dead, or they would not come back, and it must not hold the place that the new one needs.

        previous: the id of the speaker's last session, None if there was none.

        Raises:
            BadRequest, Full, NotReady
        """
        address = new_address(previous)
        former = self._watched.get(address.watch_id)
        if former is not None:
            former.session.end("replaced")
            await former.slot_released.wait()
        self.check_room()
        return address

    async def join(self, offer: str, avatar: Avatar, address: Address) -> tuple[LiveSession, str]:
        """Begin a session; returns it with the SDP answer.

        Raises:
            Full, NotReady, TooLarge, BadOffer
        """
        self.check_room()
        self._joining += 1
        try:
            place, answer = await self._negotiate(offer, avatar, address)
        finally:
            self._joining -= 1
        if self._draining:
            await close(place.peer)
            self.check_room()
        self._sessions[place.id] = place
        self._watched[place.watch_id] = place
        self._metrics.sessions.set(len(self._sessions))
        self._tasks.spawn(lambda: self._run(place), "session", place.id[:6], lambda: self._forget(place))
        return place, answer

    async def _negotiate(self, offer: str, avatar: Avatar, address: Address) -> tuple[LiveSession, str]:
        config, frame_rate = self._config, self._pool.engine.timing.frame_rate
        size = (avatar.width, avatar.height)
        broadcast = Broadcast(size, frame_rate, config.video, config.audio, self._encoders, self._clock)
        audio = RtpInput(config.audio)
        session = Session(
            self._pool, avatar, audio, broadcast, self._clock, policy_of(config), SessionMetrics(self._metrics)
        )
        peer = self._connect(
            broadcast,
            session.media,
            "presenter",
            on_connected=session.connected,
            on_closed=partial(session.end, "connection-lost"),
            on_packet=lambda timestamp, payload: audio.packet(timestamp, payload, self._clock.now()),
        )
        try:
            answer = await peer.answer(offer, PRESENTER)
        except BaseException:
            await close(peer)
            raise
        return LiveSession(address.id, address.watch_id, session, audio, broadcast, peer), answer

    def _connect(
        self,
        broadcast: Broadcast,
        media: MediaClock,
        name: str,
        *,
        on_connected: Callable[[], None],
        on_closed: Callable[[], None],
        on_packet: Callable[[int, bytes], None],
    ) -> Peer:
        """A connection that receives `broadcast`; `name` tells its receivers apart."""

        def connected() -> None:
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
        """The speaker ends their session; its viewers need not wait for them.

        Raises:
            NotFound: it has ended already. Even then this makes sure that the viewers are told.
        """
        watch_id = watched_at(session_id)
        if watch_id is not None:
            self._left.append(watch_id)
        self.find(session_id).session.end("left")

    async def _run(self, place: LiveSession) -> None:
        session = place.session
        log.info("session begins", extra={"session": place.id[:6], "presenter": session.avatar.name})
        try:
            await session.run()
        except* EngineHung:  # the worker has logged it
            session.end("engine-hung")
        except* Exception:  # the boundary: whatever broke this session must not end the others
            log.exception("session broke", extra={"session": place.id[:6]})
            session.end("error")
        finally:
            await self._leave(place)

    def _release_slot(self, place: LiveSession) -> None:
        """From now on the session cannot be found and another may take its slot."""
        if self._sessions.pop(place.id, None) is None:
            return
        if self._watched.get(place.watch_id) is place:  # not one that has taken it over meanwhile
            del self._watched[place.watch_id]
        place.slot_released.set()
        self._metrics.sessions.set(len(self._sessions))
        self._metrics.session_ends.labels(place.session.end_reason or "error").inc()

    def _forget(self, place: LiveSession) -> None:
        """The session's own task has failed as it ended: let go of all that it held."""
        self._release_slot(place)
        place.closed.set()

    async def _leave(self, place: LiveSession) -> None:
        self._release_slot(place)
        try:
            # Each in a task of its own: a viewer that cannot be removed must not keep the others.
            removals = [self._lost(place, name) for name in list(place.viewers)]
            await close(place.peer)
            for removal in removals:
                await removal
            place.broadcast.remove("presenter")
            await place.broadcast.close()
        finally:
            place.closed.set()
            self._collect_garbage()
        log.info("session ends", extra={"session": place.id[:6], "reason": place.session.end_reason})

    async def watch(self, watch_id: str, offer: str) -> tuple[str, str]:
        """Let somebody watch; returns the viewer's id and the SDP answer.

        Raises:
            Gone, NotFound, Full, TooLarge, BadOffer
        """
        place = self.find_watched(watch_id)
        if len(place.viewers) >= self._config.server.max_viewers:
            raise Full(f"{len(place.viewers)} people are watching; no more may", retry_after_s=RETRY_AFTER_S)
        viewer_id = secrets.token_urlsafe(16)
        peer = self._connect(
            place.broadcast,
            place.session.media,
            viewer_id,
            on_connected=lambda: None,
            on_closed=lambda: void(self._lost(place, viewer_id)),
            on_packet=lambda *_: None,
        )
        viewer = place.viewers[viewer_id] = Viewer(viewer_id, peer)
        self._metrics.viewers.inc()
        try:
            answer = await peer.answer(offer, VIEWER)
        except BaseException:
            await self._remove_viewer(place, viewer_id)
            raise
        if viewer_id not in place.viewers:
            raise NotFound("the session ended in this very moment")
        viewer.timer = self._tasks.spawn(lambda: self._expect(place, viewer_id), "viewer", viewer_id[:6])
        return viewer_id, answer

    def _lost(self, place: LiveSession, viewer_id: str) -> asyncio.Task[None]:
        """The viewer's connection has closed by itself, or its session ends."""
        return self._tasks.spawn(lambda: self._remove_viewer(place, viewer_id), "viewer", viewer_id[:6])

    async def _expect(self, place: LiveSession, viewer_id: str) -> None:
        """Remove a viewer who asked and never connected."""
        await self._clock.sleep_until(self._clock.now() + self._config.webrtc.connect_timeout_s)
        if viewer_id not in place.broadcast.receivers:
            self._lost(place, viewer_id)

    async def stop_watching(self, watch_id: str, viewer_id: str) -> None:
        """
        Raises:
            NotFound
        """
        place = self.find_watched(watch_id)
        if viewer_id not in place.viewers:
            raise NotFound("no such viewer: it has left already, or the address is wrong")
        await self._remove_viewer(place, viewer_id)

    async def _remove_viewer(self, place: LiveSession, viewer_id: str) -> None:
        viewer = place.viewers.pop(viewer_id, None)
        if viewer is not None:
            if viewer.timer is not None:
                viewer.timer.cancel()
            self._metrics.viewers.dec()
            place.broadcast.remove(viewer_id)
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
        for place in self._sessions.values():
            place.session.end(reason)

    async def drain(self) -> None:
        """End every session and take no more. Returns within `server.drain_s` and what two threads may take to stop."""
        self._draining = True
        running = list(self._sessions.values())
        self.end_all("server-stopped")
        try:
            async with asyncio.timeout(self._config.server.drain_s):
                for place in running:
                    await place.closed.wait()
        except TimeoutError:
            log.error("sessions that did not end in time: %s", len(self._sessions))
        await shut_down(self._encoders.pictures, ENCODERS_STOP_S, "encode pictures")
        await shut_down(self._encoders.sound, ENCODERS_STOP_S, "encode sound")


def void(_: object) -> None:
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
