"""The sandboxes of one machine of a Ray cluster, as the actor that ``ray_pool.py`` keeps there.

An ordinary ``DockerSandbox``, which runs whole calls: a function is given the pool of its machine and executes what it likes
there. So a run near a limit is repeated where it was measured, by the same host's speed.
"""

from __future__ import annotations

import pickle
import queue
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, Any

from resources.ray_cluster import code_digest
from resources.sandbox.api import SandboxUnavailable
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.images import engine

GATHER_S = 0.05  # in which calls that are done wait for others to be told together: each telling costs the driver a millisecond
HELD = 64  # arguments that several calls have in common, as objects


@dataclass(frozen=True)
class Shared:
    """Stands for an argument that several calls have in common."""

    key: int


@dataclass(frozen=True)
class Call:
    """``work``: a pickled function and its arguments, of which ``shared`` come apart: pickled, or a reference to that."""

    number: int
    work: bytes
    shared: Mapping[int, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Taken:
    """Calls that are done: number, then pickled (whether it returned, what it returned or raised). ``faults``: of all so far."""

    done: Sequence[tuple[int, bytes]]
    faults: int


class SandboxNode:
    """The actor. Its methods are called from several threads."""

    def __init__(self, options: Mapping[str, Any], image: str, *, online_judge: bool) -> None:
        self._options, self._image, self._online_judge = options, image, online_judge
        self._pool: DockerSandbox | None = None
        self._under_way = 0
        self._done: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._shared: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._archive: IO[bytes] | None = None

    def code(self) -> str:
        """A hash of the code that runs here."""
        return code_digest()

    def receive(self, piece: bytes) -> None:
        """A piece of the image's archive; an empty one is the last."""
        if self._archive is None:
            self._archive = tempfile.TemporaryFile(prefix="ocr-image-")  # noqa: SIM115
        self._archive.write(piece)
        if not piece:
            archive, self._archive = self._archive, None
            archive.seek(0)
            from resources.sandbox.image_transfer import load

            client = engine(timeout_s=600)
            try:
                load(client, archive)
            finally:
                client.close()
                archive.close()

    def open(self) -> str:
        """Open the pool, with exactly the image that was asked for; the level of isolation. Raises ``SandboxUnavailable``."""
        pool = DockerSandbox(**self._options, image=self._image)
        pool.online_judge = self._online_judge
        self._pool = pool.__enter__()
        self._threads = ThreadPoolExecutor(2 * pool.workers + pool.reserved, thread_name_prefix="call")
        return pool.isolation_level

    def give(self, calls: Sequence[Call]) -> None:
        """Begin these calls. What becomes of them is for ``take``."""
        with self._lock:
            self._under_way += len(calls)
        for call in calls:
            self._threads.submit(self._run, call)

    def take(self, wait_s: float) -> Taken:
        """The calls that are done, none only after ``wait_s``. A quarter as many as there are workers are told together, if they
        are done soon after each other: more calls lie here than are at work, so no worker waits for that."""
        pool = self._pool
        done: list[tuple[int, bytes]] = []
        deadline = time.monotonic() + wait_s
        try:
            while pool is not None and len(done) < max(1, pool.workers // 4):
                done.append(self._done.get(timeout=max(0.0, deadline - time.monotonic())))
                if len(done) == 1:
                    deadline = time.monotonic() + GATHER_S
                with self._lock:
                    self._under_way -= 1
                    if not self._under_way:
                        break
        except queue.Empty:
            pass
        return Taken(done, pool.faults if pool else 0)

    def close(self) -> None:
        """End the sandboxes."""
        if self._pool is not None:
            self._pool.__exit__(SandboxUnavailable, None, None)  # whoever waits for a call has given it up

    def _run(self, call: Call) -> None:
        try:
            function, arguments, named = pickle.loads(call.work)
            arguments = [self._shared_one(call, one.key) if isinstance(one, Shared) else one for one in arguments]
            answer = (True, function(self._pool, *arguments, **named))
        except Exception as error:
            answer = (False, error)
        try:
            pickled = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            pickled = pickle.dumps((False, TypeError(f"what came out cannot be sent: {error}; {str(answer[1])[:500]}")))
        self._done.put((call.number, pickled))

    def _shared_one(self, call: Call, key: int) -> Any:
        with self._lock:
            if key in self._shared:
                self._shared.move_to_end(key)
                return self._shared[key]
        data = call.shared[key]
        if not isinstance(data, bytes):
            import ray

            data = ray.get(data)
        value = pickle.loads(data)
        with self._lock:
            self._shared[key] = value
            while len(self._shared) > HELD:
                self._shared.popitem(last=False)
        return value
