"""The Docker sandbox: warm, hardened containers, each with the runner of ``sandbox_images/`` as its first process.

What a container may do is decided here and in ``isolation.py``; how a program is run inside is the runner's matter. Isolation:
no network, read-only root, tmpfs with size and inode limits, all capabilities dropped but the three the runner needs to change
users and kill, no-new-privileges, pids and memory (without swap) limited, our seccomp profile on the container and the
runner's own filter on top (docs/grading.md, §5).
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import APIError, DockerException

from resources.sandbox.api import SandboxUnavailable
from resources.sandbox.connection import Connection
from resources.sandbox.image_transfer import image_for, named
from resources.sandbox.images import DEFAULT_BASE, REMEDY, engine
from resources.sandbox.isolation import isolation
from resources.sandbox.pool import Worker, WorkerPool
from resources.sandbox.reaper import LABEL, owner, reap, remove

BOX_ROOT = "/tmp"
JUDGE_ROOT = "/run/judge"  # boxes of suites, interactors and checkers: no program can write or look there
# Weights by which the kernel shares out cores that several containers want. A reserved one has a core of its own while it runs,
# and takes none from the others while it does not.
SHARES, RESERVED_SHARES = 1024, 64 * 1024
WRITE_S = 60.0  # a runner that takes no byte for so long is broken
REFUSALS = 6  # errors of an engine that answers, some seconds long: it is not on its way down or up
log = logging.getLogger(__name__)


@dataclass
class _Worker(Worker):
    """``containers``: the worker's, and the one for interactors once there is one."""

    reserved: bool = False
    containers: list[Any] = field(default_factory=list)


class DockerSandbox(WorkerPool):
    """A pool of containers, one a worker, and beside those that meet an interactor one more.

    ``runtime``: the container runtime (``runsc``), the engine's default if null. ``memory_mb`` bounds a container and so
    every program's memory limit. ``engine_wait_s``: how long an engine that goes away (restarted, upgraded) is waited for.
    ``extended``: the name of an image with more packages (``images.ensure_extended``); null: the usual one. ``image``: exactly
    this one (``tag@id``), which has to be there: none is built.

    Entering raises ``SandboxUnavailable`` where there is no engine, image or such a runtime.
    """

    def __init__(
        self,
        workers: int | None = None,
        base: str = DEFAULT_BASE,
        runtime: str | None = None,
        memory_mb: int = 2560,
        recycle_after: int = 1000,
        retries: int = 2,
        engine_wait_s: float = 120,
        extended: str | None = None,
        image: str | None = None,
    ) -> None:
        super().__init__(workers, recycle_after, retries)
        self._base, self._runtime, self._memory_mb, self._engine_wait_s = base, runtime, memory_mb, engine_wait_s
        self._extended, self._wanted = extended, image
        self._left: list[Any] = []  # containers the engine could not remove when asked

    def __enter__(self) -> DockerSandbox:
        self._client = engine()
        self._isolation = isolation(self._client.info(), self._runtime)
        self.isolation_level = self._isolation.level
        self._tag = image_for(self._client, self._base, self._extended, self._wanted)
        self.image = named(self._client, self._tag)
        reap(self._client)
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._remove_left()
        self._client.close()

    def _start(self, reserved: bool) -> Worker:
        """A worker in a fresh container. While the engine is away it is waited for, longer from try to try: no program's
        attempts are used up by that."""
        deadline, pause, refused = time.monotonic() + self._engine_wait_s, 0.1, 0
        while True:
            try:
                self._remove_left()
                return self._start_container(reserved)
            except (APIError, DockerException, OSError) as error:
                answers = self._engine_answers()
                if answers and not _passes(error):
                    raise ConnectionError(f"container did not start: {error}") from error
                refused = refused + 1 if answers else 0
                if refused == REFUSALS:
                    raise SandboxUnavailable(f"the Docker engine starts no container: {error}") from error
                if self._closed or time.monotonic() > deadline:
                    raise SandboxUnavailable(f"no Docker engine for {self._engine_wait_s:g} s ({error}); {REMEDY}") from error
                log.warning("waiting for the Docker engine: %s", error)
            time.sleep(pause * random.uniform(0.5, 1))
            pause = min(2 * pause, 5.0)

    def _start_container(self, reserved: bool) -> Worker:
        # Its stdin is closed with this process, however that ends: then the runner ends and the container goes.
        container = self._create(reserved, network_mode="none", stdin_open=True)
        stream = None
        try:
            stream = _AttachedStream(container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}))
            container.start()
            connection = Connection(stream)
        except BaseException:
            self._end([container], stream)
            raise
        self.isolation_level = self._isolation.level_of(filtered=connection.filtered)
        containers = [container]
        return _Worker(connection, lambda: self._end(containers, stream), reserved=reserved, containers=containers)

    def _pair(self, worker: Worker) -> None:
        """A second container, in which a runner serves the first one. It ends when that does."""
        worker.paired = True
        if not self._isolation.pairs or not isinstance(worker, _Worker):
            return
        name = random.SystemRandom().randbytes(16).hex()
        worker.connection.expect_partner(name)
        try:
            network = f"container:{worker.containers[0].id}"  # where there is nothing but the first runner's socket
            second = self._create(worker.reserved, network_mode=network, environment={"OCR_PARTNER": name})
            worker.containers.append(second)
            second.start()
        except DockerException as error:
            raise ConnectionError(f"container for interactors did not start: {error}") from error

    def _create(self, reserved: bool, environment: Mapping[str, str] | None = None, **options: Any) -> Any:
        uid_base = random.SystemRandom().choice(self._isolation.first_uids)
        return self._client.containers.create(
            self._tag,
            name=f"ocr-sandbox-{os.getpid()}-{random.SystemRandom().randrange(16**8):08x}",
            labels={LABEL: owner()},
            environment={
                "OCR_BOX_ROOT": BOX_ROOT,
                "OCR_JUDGE_ROOT": JUDGE_ROOT,
                "OCR_UID_BASE": str(uid_base),
                "PYTHONHASHSEED": "0",
                **(environment or {}),
            },
            auto_remove=True,
            stop_signal="SIGKILL",  # an engine that goes down need not wait: the first process takes no other
            read_only=True,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID", "KILL"],
            security_opt=list(self._isolation.security_opt),
            cpu_shares=RESERVED_SHARES if reserved else SHARES,
            pids_limit=256,
            mem_limit=f"{self._memory_mb}m",
            memswap_limit=f"{self._memory_mb}m",
            tmpfs={
                BOX_ROOT: "rw,nosuid,nodev,exec,mode=1777,size=256m,nr_inodes=16k",
                JUDGE_ROOT: "rw,nosuid,nodev,exec,mode=711,size=256m,nr_inodes=4k",
                "/dev/shm": "rw,nosuid,nodev,noexec,mode=1777,size=64m,nr_inodes=4k",
                "/dev/pts": "ro,nosuid,nodev,noexec,mode=555,size=4k,nr_inodes=1",  # a host has few terminals, for all
            },
            ulimits=[
                docker.types.Ulimit(name="stack", soft=1 << 30, hard=1 << 30),
                docker.types.Ulimit(name="core", soft=0, hard=0),
            ],
            log_config=docker.types.LogConfig(type="none"),
            runtime=self._runtime,
            **options,
        )

    def _end(self, containers: Sequence[Any], stream: _AttachedStream | None) -> None:
        if stream is not None:
            stream.close()
        left = [container for container in reversed(containers) if not remove(container)]
        with self._lock:
            self._left += left

    def _remove_left(self) -> None:
        with self._lock:
            left, self._left = self._left, []
        self._end(left, None)

    def _engine_answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except (DockerException, OSError):
            return False


def _passes(error: Exception) -> bool:
    """Whether it is the engine's trouble of the moment (it is going down or coming up)."""
    return isinstance(error, APIError) and (error.status_code or 0) >= 500


class _AttachedStream:
    """The engine's attach stream: writes go to stdin as they are, reads come in frames that name stdout or stderr."""

    def __init__(self, attached: Any) -> None:
        self._keep = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._buffer, self._said = bytearray(), b""
        self._busy = threading.Lock()  # a descriptor closed under a thread that waits on it may be another socket's by then

    def read(self, size: int, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while len(self._buffer) < size:
            kind, length = struct.unpack(">BxxxL", self._exactly(8, deadline))
            payload = self._exactly(length, deadline)
            if kind == 1:
                self._buffer += payload
            else:  # the runner's last words, for the fault's message
                self._said = (self._said + payload)[-2000:]
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                with self._busy:
                    self._socket.settimeout(WRITE_S)
                    view = view[self._socket.send(view) :]
            except TimeoutError as error:
                raise ConnectionError("the runner takes no input") from error

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for an answer
        with self._busy:
            self._keep.close()
            self._socket.close()

    def _exactly(self, size: int, deadline: float) -> bytes:
        chunks = []
        while size:
            try:
                with self._busy:
                    self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                    chunk = self._socket.recv(min(size, 1 << 20))
            except TimeoutError as error:
                raise ConnectionError("the runner does not answer") from error
            if not chunk:
                raise ConnectionError(f"the container ended {self._said.decode('utf-8', 'replace')}".strip())
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)
