"""The server's process: a socket, the pool, uvicorn, and the end of all three."""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn
from pydantic import SecretStr

from ocr_assets.serving.rewards.app import RewardServer
from ocr_assets.serving.rewards.judge import Judge
from ocr_assets.serving.rewards.requests import is_this_machine
from resources.settings.sandbox import SandboxResource

ENDING_S = 30  # in which requests at work come to their end after the server was told to stop
HEADER_S = 15.0  # in which a connection has to bring a request
CONNECTIONS = 4096


class Server(uvicorn.Server):
    """uvicorn, and connections end on which no request comes: it would wait for the rest of a header for ever."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._silent: dict[object, float] = {}

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % 10 == 0:
            now, waiting = time.monotonic(), dict[object, float]()
            for connection in list(self.server_state.connections):
                cycle = getattr(connection, "cycle", None)
                if cycle is None or cycle.response_complete:
                    waiting[connection] = self._silent.get(connection, now)
                    if now - waiting[connection] > HEADER_S and (transport := getattr(connection, "transport", None)) is not None:
                        transport.close()
            self._silent = waiting
        return await super().on_tick(counter)


class CannotListen(ValueError):
    """The address cannot be had, or must not be: the server would answer whoever reaches it. The message says what to do."""


def serve(
    sandbox: SandboxResource,
    host: str,
    port: int,
    token: SecretStr | None,
    *,
    problems: tuple[Path, ...] = (),
    body_mb: int = 64,
    wait_s: float = 5.0,
    most: int = 20_000,
    ready: Callable[[str], object] = print,
) -> None:
    """Serve until told to stop (SIGTERM, Ctrl-C). ``port`` 0: any that is free; ``ready`` is told the address.

    Raises ``CannotListen``, ``SandboxUnavailable``, ``BadInput`` for ``problems``.
    """
    if token is None and not is_this_machine(host):
        raise CannotListen(f"on {host} others can reach it: set OCR_SERVE_TOKEN, or listen on 127.0.0.1")
    signal.signal(signal.SIGTERM, _end)
    files, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, min(most_files, 4 * CONNECTIONS)), most_files))
    pool = sandbox.opened()
    if pool.isolation_level == "process" and not is_this_machine(host):
        raise CannotListen(f"programs would run here without isolation (OCR_SANDBOX=process) for whoever reaches {host}")
    with contextlib.closing(_socket(host, port)) as listening:
        with pool:
            app = RewardServer(
                Judge(pool, problems), token, memory_mb=sandbox.memory_mb // 2, body_mb=body_mb, wait_s=wait_s, most=most
            )
            config = uvicorn.Config(
                app, log_level=logging.WARNING, log_config=None, access_log=False, server_header=False, proxy_headers=False,
                timeout_graceful_shutdown=ENDING_S, limit_concurrency=CONNECTIONS, lifespan="off", ws="none",
            )  # fmt: skip
            address = listening.getsockname()
            ready(f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}")
            try:
                Server(config).run(sockets=[listening])
            finally:
                app.gate.close()


def _socket(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048)
    except OSError as error:
        raise CannotListen(f"{host}, port {port}: {error.strerror or error}") from error


def _end(signal_number: int, frame: object) -> None:
    """As Ctrl-C, so that the pool is closed."""
    raise KeyboardInterrupt
