"""A model's server on this machine: started when it is first asked, watched, started again when it dies, ended with this process.

``vllm serve``, or what a command says (SGLang), behind a guard that ends all of it with us, however we end
(``resources/guard.py``). To those who ask it is a source of addresses as any other (``addresses.py``): its URL while it is ready,
none while it is not. So requests wait while it loads and while it comes back, and go on as after any lost connection.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import logging
import os
import re
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import httpx
from pydantic import SecretStr

from resources.guard import guarded
from resources.models.api import ModelUnavailable
from resources.secrets import SECRETS, authorization, hidden

HOST = "127.0.0.1"
POLL_S, GRACE_S = 0.1, 10.0
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
DEATHS_IN_ROW, LONG_LIFE_S = 5, 600.0  # so many deaths, each after less than so long a life, end the run
PORTS_TRIED = 3  # where others take the port before it does
CHECK_S, CHECK_TIMEOUT_S, CHECKS_MISSED = 15.0, 30.0, 4  # of one that is ready: it may hang without dying
SHOWN_LINES, KEPT_LOGS = 12, 20
log = logging.getLogger(__name__)


def vllm_command(model: str, tensor_parallel: int, data_parallel: int, engine: Mapping[str, Any]) -> list[str]:
    """``vllm serve`` with these arguments, ``{port}`` left open. ``engine``: engine arguments by their Python names. Raises
    ``ModelUnavailable`` where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise ModelUnavailable("vLLM is not installed: pip install 'ocr-assets[vllm]', or say OCR_SERVER_COMMAND")
    command = [sys.executable, "-P", "-m", "vllm.entrypoints.cli.main", "serve", model, "--served-model-name", model]
    command += ["--host", HOST, "--port", "{port}", "--tensor-parallel-size", str(tensor_parallel)]
    command += ["--data-parallel-size", str(data_parallel)]
    for name, value in engine.items():
        flag = name.replace("_", "-")
        if value is True or value is False:
            command.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            command += [f"--{flag}", value if isinstance(value, str) else json.dumps(value)]
    return command


def own_command(text: str, model: str, tensor_parallel: int, data_parallel: int) -> list[str]:
    """The user's command as words, ``{port}`` left open. Raises ``ModelUnavailable`` where its program is not there."""
    values = {"model": model, "host": HOST, "tensor_parallel": str(tensor_parallel), "data_parallel": str(data_parallel)}
    words = [re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word) for word in shlex.split(text)]
    if not words or shutil.which(words[0]) is None:
        raise ModelUnavailable(f"OCR_SERVER_COMMAND: there is no program {words[0] if words else ''}")
    return words


class Server:
    """The server of ``model`` that ``command`` starts, an ``AddressSource``. ``folder``: of its logs. ``start_s``: how long it
    may take until it is ready. Whoever asks it shows ``key``."""

    kind = "server"
    every_s: float | None = 0.2

    def __init__(self, model: str, command: Sequence[str], folder: Path, start_s: float) -> None:
        self.key = SecretStr(secrets.token_urlsafe(24))
        self.failure: str | None = None
        self._model, self._command, self._start_s = model, list(command), start_s
        self._log = folder / f"server-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}-{secrets.token_hex(2)}.log"
        self._url: str | None = None
        self._state, self._since = "starts", time.monotonic()
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __str__(self) -> str:
        return f"the server of {self._model} on this machine"

    @property
    def why_none(self) -> str:
        seconds = time.monotonic() - self._since
        return f"{self} {self._state}, {seconds:.0f} s of {self._start_s:.0f} at most; its log is {self._log}"

    async def now(self) -> Sequence[str]:
        self.start()
        if self.failure is not None:
            raise ModelUnavailable(self.failure)
        return [self._url] if self._url is not None else []

    def start(self) -> None:
        """Have it started, if it is not; returns at once."""
        with self._lock:
            if self._thread is None and not self._ending.is_set():
                self._log.parent.mkdir(parents=True, exist_ok=True)
                for old in sorted(self._log.parent.glob("server-*.log"))[: -KEPT_LOGS + 1]:
                    old.unlink(missing_ok=True)
                # The guard ends with the thread that started it.
                self._thread = threading.Thread(target=self._supervise, name=f"server of {self._model}", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End it, with all that it started; returns when it is over."""
        with self._lock:
            self._ending.set()
            self.failure = self.failure or f"{self} was stopped"
        if self._thread is not None:
            self._thread.join(GRACE_S + 5)  # if that is too short, its guard ends it when this process ends

    def _supervise(self) -> None:
        try:
            with self._log.open("ab") as out:
                self._keep_up(out)
        except Exception as error:  # whoever asks is told, in another thread
            self.failure = f"{self} cannot be started: {error}"
        finally:
            self._url = None

    def _keep_up(self, out: IO[bytes]) -> None:
        deaths, was_ready, ports = 0, False, 0
        while not self._ending.is_set():
            port = free_port()
            words = [word.replace("{port}", str(port)) for word in self._command]
            out.write(f"=== {datetime.now():%Y-%m-%d %H:%M:%S}: {shlex.join(words)}\n".encode())
            out.flush()
            begin = out.tell()
            process = subprocess.Popen(
                guarded(words, GRACE_S),
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=self._environment(), start_new_session=True,
            )  # fmt: skip
            try:
                lived, reason = self._watch(process, port)
            finally:
                self._url = None
                process.terminate()
                process.wait()
            if self._ending.is_set():
                return
            reason = reason or f"ended with exit code {process.returncode}"
            was_ready = was_ready or lived is not None
            if lived is None and ports < PORTS_TRIED and _taken(port):
                ports += 1
                continue
            deaths = 1 if lived is not None and lived >= LONG_LIFE_S else deaths + 1
            if not was_ready or deaths > DEATHS_IN_ROW:
                when = f"{deaths} times in a row, at last" if was_ready else "before it was ready:"
                self.failure = f"{self} failed {when} it {reason}; its log is {self._log}; it ends:\n{self._last(begin)}"
                return
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (deaths - 1))
            log.warning("%s %s; it is started again in %.0f s; its log is %s", self, reason, wait, self._log)
            self._state, self._since = f"{reason} and comes back", time.monotonic()
            self._ending.wait(wait)

    def _watch(self, process: subprocess.Popen[bytes], port: int) -> tuple[float | None, str]:
        """Until it has ended or has to be. Returns how many seconds it was ready (None: never), and what is wrong if it lives."""
        base, self._since, began = f"http://{HOST}:{port}", time.monotonic(), time.monotonic()
        ready_at, checked, missed = None, 0.0, 0
        with httpx.Client(base_url=base, headers={"Authorization": authorization(self.key)}, trust_env=False) as client:
            while process.poll() is None and not self._ending.is_set():
                now = time.monotonic()
                if ready_at is None:
                    if now - checked >= 5 * POLL_S:
                        checked = now
                        if self._is_ready(client, 5.0) and process.poll() is None:
                            ready_at, self._url = now, f"{base}/v1"
                            log.warning("%s is ready after %.0f s: %s/v1", self, now - began, base)
                    elif now - began >= self._start_s:
                        return None, f"was not ready after {self._start_s:.0f} s (OCR_SERVER_START)"
                elif now - checked >= CHECK_S:
                    missed = 0 if self._is_ready(client, CHECK_TIMEOUT_S) else missed + 1
                    checked = time.monotonic()
                    if missed >= CHECKS_MISSED:
                        return now - ready_at, "hung"
                self._ending.wait(POLL_S)
        return None if ready_at is None else time.monotonic() - ready_at, ""

    def _is_ready(self, client: httpx.Client, timeout_s: float) -> bool:
        """Whether it is well, and it is ours: it knows our key, where it asks for one, and serves our model."""
        try:
            health = client.get("/health", timeout=timeout_s)  # of vLLM and SGLang; others may have none
            models = client.get("/v1/models", timeout=timeout_s)
            named = [model["id"] for model in models.json()["data"]] if models.status_code == 200 else []
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return False
        if named and self._model not in named:
            self._state = f"serves {', '.join(map(str, named))} and not {self._model} (--served-model-name)"
        return health.status_code < 500 and self._model in named

    def _environment(self) -> dict[str, str]:
        """Ours, without keys of others; vLLM lets in only who shows its key."""
        ours = {secret.variable for secret in SECRETS}
        environment = {name: value for name, value in os.environ.items() if name not in ours}
        return {**environment, "VLLM_API_KEY": self.key.get_secret_value(), "PYTHONUNBUFFERED": "1"}

    def _last(self, begin: int) -> str:
        """The last lines of the log after ``begin``."""
        with self._log.open("rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - 20_000))
            lines = file.read().decode("utf-8", "replace").splitlines()
        text = "\n".join([line.rstrip()[:500] for line in lines if line.strip()][-SHOWN_LINES:])
        return hidden(text, [self.key, *(secret.read() for secret in SECRETS)]) or "(it says nothing)"


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


_running: dict[tuple[str, ...], Server] = {}
_running_lock = threading.Lock()


def server(model: str, command: Sequence[str], folder: Path, start_s: float) -> Server:
    """The server of this process that these arguments mean: one for all stages that ask it, as it may take minutes to load."""
    known = (model, *command)
    with _running_lock:
        found = _running.get(known)
        if found is None or found.failure is not None:
            found = _running[known] = Server(model, command, folder, start_s)
            atexit.register(_stop, found)
        return found


def _stop(ours: Server) -> None:
    with suppress(KeyboardInterrupt):
        ours.stop()


__all__ = ["Server", "free_port", "own_command", "server", "vllm_command"]
