"""The Docker sandbox: warm, hardened containers, each with the runner of ``sandbox_images/`` as its first process.

What a container may do is decided here; how a program is run inside is the runner's matter. Isolation: no network,
read-only root, tmpfs with size and inode limits, all capabilities dropped but the three the runner needs to change users
and kill, no-new-privileges, pids and memory (without swap) limited, the engine's default seccomp profile and the runner's
own filter on top (grading.md, §5).
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound

from resources.sandbox.connection import Connection
from resources.sandbox.images import DEFAULT_BASE, engine, ensure_image
from resources.sandbox.pool import Pool, Worker

LABEL = "ocr-assets.sandbox"
BOX_ROOT = "/tmp"
log = logging.getLogger(__name__)


class DockerSandbox(Pool):
    """A pool of containers, one a worker. ``memory_mb`` bounds a container and so every program's memory limit."""

    def __init__(
        self,
        workers: int | None = None,
        base: str = DEFAULT_BASE,
        runtime: str | None = None,
        memory_mb: int = 2560,
        recycle_after: int = 1000,
        retries: int = 2,
    ) -> None:
        super().__init__(workers, recycle_after, retries)
        self._base, self._runtime, self._memory_mb = base, runtime, memory_mb
        self.isolation_level = f"docker+{runtime}" if runtime else "docker+uid+seccomp"

    def __enter__(self) -> DockerSandbox:
        self._client = engine()
        tag = ensure_image(self._client, self._base)
        self.image = f"{tag}@{self._client.images.get(tag).id}"
        self._tag = tag
        reap(self._client)
        super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self._client.close()

    def _start(self) -> Worker:
        try:
            return self._start_container()
        except (APIError, DockerException) as error:
            raise ConnectionError(f"container did not start: {error}") from error

    def _start_container(self) -> Worker:
        # A user range of its own: the kernel counts processes per user over all containers.
        uid_base = random.SystemRandom().randrange(1_000_000, 2_000_000_000, 1000)
        container = self._client.containers.create(
            self._tag,
            name=f"ocr-sandbox-{os.getpid()}-{random.SystemRandom().randrange(16**8):08x}",
            labels={LABEL: _owner()},
            environment={"OCR_BOX_ROOT": BOX_ROOT, "OCR_UID_BASE": str(uid_base), "PYTHONHASHSEED": "0"},
            stdin_open=True,  # and closed with this process, however it ends: then the runner ends and the container goes
            auto_remove=True,
            network_mode="none",
            read_only=True,
            cap_drop=["ALL"],
            cap_add=["SETUID", "SETGID", "KILL"],
            security_opt=["no-new-privileges"],
            pids_limit=256,
            mem_limit=f"{self._memory_mb}m",
            memswap_limit=f"{self._memory_mb}m",
            shm_size="64m",
            tmpfs={BOX_ROOT: "rw,nosuid,nodev,exec,mode=1777,size=256m,nr_inodes=16k"},
            ulimits=[
                docker.types.Ulimit(name="stack", soft=1 << 30, hard=1 << 30),
                docker.types.Ulimit(name="core", soft=0, hard=0),
            ],
            log_config=docker.types.LogConfig(type="none"),
            runtime=self._runtime,
        )
        end = _ender(container)
        try:
            attached = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
            container.start()
            return Worker(Connection(_AttachedStream(attached)), end)
        except BaseException:
            end()
            raise


def _ender(container: Any) -> Any:
    def end() -> None:
        with contextlib.suppress(NotFound):
            try:
                container.remove(force=True)
            except APIError as error:
                if error.status_code != 409:  # its removal is already under way
                    log.warning("container %s could not be removed: %s", container.name, error)

    return end


class _AttachedStream:
    """The engine's attach stream: writes go to stdin as they are, reads come in frames that name stdout or stderr."""

    def __init__(self, attached: Any) -> None:
        self._keep = attached
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._buffer, self._said = bytearray(), b""

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
        self._socket.setblocking(True)
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, size: int, deadline: float) -> bytes:
        chunks = []
        while size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise ConnectionError("the runner does not answer")
            chunk = self._socket.recv(min(size, 1 << 20))
            if not chunk:
                raise ConnectionError(f"the container ended {self._said.decode('utf-8', 'replace')}".strip())
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)


def reap(client: docker.DockerClient) -> int:
    """Remove containers whose owner process is gone (a crashed daemon can leave them); returns how many."""
    removed = 0
    for container in client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True):
        if not _owner_lives(container.labels.get(LABEL, "")):
            _ender(container)()
            removed += 1
    return removed


def _owner() -> str:
    return f"{_boot_id()}:{os.getpid()}:{_start_time(os.getpid())}"


def _owner_lives(owner: str) -> bool:
    boot, _, rest = owner.partition(":")
    pid, _, started = rest.partition(":")
    return boot == _boot_id() and pid.isdigit() and _start_time(int(pid)) == started


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
