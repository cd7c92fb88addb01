"""Graders other than this project's: a command, or a service over HTTP, each told a case and asked for a verdict.

The protocols are described in ``ocr_assets/conformance/README.md``; what a verdict's word means is decided
there too. Nothing here knows what the right verdict is.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Answer:
    """What a grader said of a case. ``verdict``: its own word, boolean or number. ``fault``: why there is none."""

    verdict: object
    message: str = ""
    first_failure: int | None = None
    fault: str = ""


class Grader(Protocol):
    """Something that judges."""

    def answers(self, requests: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """One answer for each request (``case_id``, ``problem``, ``solution``), in order."""
        ...


class GraderUnavailable(RuntimeError):
    """The command or service cannot be reached at all. The message says what was tried."""


def _answer(said: object) -> Answer:
    if not isinstance(said, dict) or "verdict" not in said:
        return Answer(None, fault=f'an object with "verdict" was expected, not {str(said)[:200]}')
    first = said.get("first_failure")
    return Answer(said["verdict"], str(said.get("message") or ""), first if isinstance(first, int) else None)


def _parsed(text: bytes) -> Answer:
    try:
        return _answer(json.loads(text))
    except ValueError:
        return Answer(None, fault=f"not JSON: {text[:200].decode('utf-8', 'replace')}")


class LineGrader:
    """A command that reads a request a line and writes a verdict a line, each answered before the next is sent. One
    process a worker; one that dies or is silent for ``timeout_s`` is replaced, and the case has no verdict."""

    def __init__(self, command: str, workers: int = 1, timeout_s: float = 300.0) -> None:
        self._command, self._workers, self._timeout_s = shlex.split(command), workers, timeout_s
        self._own = threading.local()
        self._processes: set[_LineProcess] = set()

    def answers(self, requests: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """See ``Grader``. Raises ``GraderUnavailable`` if the command cannot be started."""
        try:
            with ThreadPoolExecutor(self._workers) as executor:
                try:
                    yield from executor.map(self._ask, requests)
                finally:
                    executor.shutdown(wait=False, cancel_futures=True)
                    for process in list(self._processes):
                        process.end()
        finally:
            self._processes.clear()
            self._own = threading.local()

    def _ask(self, request: Mapping[str, Any]) -> Answer:
        process: _LineProcess | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = _LineProcess(self._command)
            self._processes.add(process)
        try:
            return _parsed(process.ask(json.dumps(request).encode() + b"\n", self._timeout_s))
        except (OSError, TimeoutError) as error:
            process.end()
            self._processes.discard(process)
            self._own.process = None
            return Answer(None, fault=str(error))


class _LineProcess:
    def __init__(self, command: Sequence[str]) -> None:
        self._process = _started(command, stdin=subprocess.PIPE)
        self._rest = b""

    def ask(self, line: bytes, timeout_s: float) -> bytes:
        assert self._process.stdin is not None and self._process.stdout is not None
        out, into = self._process.stdout.fileno(), self._process.stdin.fileno()
        os.set_blocking(into, False)
        deadline, view = time.monotonic() + timeout_s, memoryview(line)
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no verdict within {timeout_s:g} s")
            readable, writable, _ = select.select([out], [into] if view else [], [], left)
            if writable:
                view = view[os.write(into, view[:65536]) :]
            if readable:
                chunk = os.read(out, 1 << 16)
                if not chunk:
                    raise ConnectionError(f"the command ended (exit code {self._process.wait()}) without a verdict")
                self._rest += chunk
        answer, _, self._rest = self._rest.partition(b"\n")
        return answer

    def end(self) -> None:
        _kill(self._process)


class FileGrader:
    """A command called once, with ``{problem}`` and ``{solution}`` standing for two JSONL files of all the cases, and
    writing a verdict a line, in order or with ``solution_id``: the form of ``ocr-assets verify``."""

    def __init__(self, command: str, timeout_s: float = 300.0) -> None:
        self._command, self._timeout_s = shlex.split(command), timeout_s

    def answers(self, requests: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """See ``Grader``. Raises ``GraderUnavailable`` if the command cannot be started."""
        with tempfile.TemporaryDirectory() as folder:
            places = {}
            for name in ("problem", "solution"):
                path = places[name] = Path(folder) / f"{name}s.jsonl"
                path.write_text("".join(json.dumps(request[name]) + "\n" for request in requests))
            command = [part.format_map(places) for part in self._command]
            process = _started(command, stdin=subprocess.DEVNULL)
            assert process.stdout is not None
            try:
                yield from self._read(process.stdout, requests)
            finally:
                _kill(process)

    def _read(self, stream: Any, requests: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        early: dict[str, Answer] = {}
        lines = _lines(stream.fileno(), self._timeout_s)
        for request in requests:
            wanted = str(request["solution"]["solution_id"])
            while wanted not in early:
                try:
                    line = next(lines)
                except StopIteration:
                    early[wanted] = Answer(None, fault="the command wrote no line for it")
                except TimeoutError as error:
                    early[wanted] = Answer(None, fault=str(error))
                else:
                    answer, name = _parsed(line), _solution_id(line)
                    early[wanted if name is None else name] = answer
            yield early.pop(wanted)


def _solution_id(line: bytes) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return str(row["solution_id"]) if isinstance(row, dict) and "solution_id" in row else None


def _lines(fd: int, timeout_s: float) -> Iterator[bytes]:
    rest = b""
    while True:
        while b"\n" in rest:
            line, _, rest = rest.partition(b"\n")
            if line.strip():
                yield line
        if not select.select([fd], [], [], timeout_s)[0]:
            raise TimeoutError(f"no verdict within {timeout_s:g} s")
        chunk = os.read(fd, 1 << 16)
        if not chunk:
            if rest.strip():
                yield rest
            return
        rest += chunk


def _started(command: Sequence[str], stdin: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, bufsize=0, start_new_session=True)
    except OSError as error:
        raise GraderUnavailable(f"{shlex.join(command)} cannot be started: {error}") from error


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


class HttpGrader:
    """A service that takes a request by POST and answers with a verdict; ``workers`` requests at once."""

    def __init__(self, url: str, workers: int = 1, timeout_s: float = 300.0) -> None:
        self._url, self._workers, self._timeout_s = url, workers, timeout_s

    def answers(self, requests: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """See ``Grader``. A failing request is a case without a verdict; raises ``GraderUnavailable`` if nobody listens."""
        with ThreadPoolExecutor(self._workers) as executor:
            try:
                yield from executor.map(self._ask, requests)
            finally:
                executor.shutdown(wait=False, cancel_futures=True)

    def _ask(self, request: Mapping[str, Any]) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        call = urllib.request.Request(self._url, json.dumps(request).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(call, timeout=self._timeout_s) as reply:
                return _parsed(reply.read())
        except urllib.error.HTTPError as error:
            return Answer(None, fault=f"HTTP {error.code}: {error.read(200).decode('utf-8', 'replace')}")
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError | OSError) and not isinstance(error.reason, TimeoutError):
                raise GraderUnavailable(f"{self._url} does not answer: {error.reason}") from error
            return Answer(None, fault=f"no verdict within {self._timeout_s:g} s")
        except (OSError, ValueError) as error:
            return Answer(None, fault=f"{type(error).__name__}: {error}")
