"""The host's end of the runner's protocol (sandbox_images/README.md), over any pair of byte streams.

Who starts the runner is ``docker_pool.py`` (a container) or ``process.py`` (a local process).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from resources.sandbox.api import Program, Run, RunOutcome


class Stream(Protocol):
    """Bytes to and from a runner. ``read`` blocks for exactly ``size`` bytes; both raise ``ConnectionError`` when cut."""

    def read(self, size: int, timeout_s: float) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Connection:
    """One runner, one program at a time."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.host_speed = float(self._receive(60)[0]["host_speed"])

    def run(self, program: Program, until: Callable[[int, RunOutcome], bool] | None) -> tuple[bool, str, Sequence[RunOutcome]]:
        """Compile and run; (compiled, message, outcomes). Raises ``ConnectionError`` if the runner breaks."""
        limits = program.limits
        header = {
            "op": "program",
            "language": program.language,
            "limits": {
                "cpu_s": limits.cpu_s,
                "wall_s": limits.wall_s,
                "memory_mb": limits.memory_mb,
                "output_mb": limits.output_mb,
                "processes": limits.processes,
            },
        }
        self._send(header, [program.code.encode("utf-8", "surrogateescape" if _escaped(program.code) else "replace")])
        answer, _ = self._receive(180)
        outcomes: list[RunOutcome] = []
        if answer["compiled"]:
            for index, run in enumerate(program.runs):
                outcomes.append(self._run(run, limits.wall_s))
                if until is not None and until(index, outcomes[-1]):
                    break
        self._send({"op": "end"}, [])
        self._receive(60)
        return bool(answer["compiled"]), str(answer["message"]), outcomes

    def close(self) -> None:
        self._stream.close()

    def _run(self, run: Run, wall_s: float) -> RunOutcome:
        header = {
            "op": "run",
            "kind": run.kind,
            "argv": list(run.argv),
            "entry": run.entry,
            "files": list(run.files),
            "collect": list(run.collect),
        }
        if run.kind == "call":
            data = json.dumps({"args": list(run.args), "kwargs": dict(run.kwargs)}).encode()
        else:
            data = (run.code or "").encode("utf-8", "replace")
        self._send(header, [run.stdin, data, *run.files.values()])
        answer, blobs = self._receive(wall_s + 60)
        present = answer["collected"]
        files = {name: blob for name, blob, there in zip(run.collect, blobs[2:], present, strict=True) if there}
        return RunOutcome(
            status=answer["status"],
            cpu_s=answer["cpu_s"],
            wall_s=answer["wall_s"],
            memory_mb=answer["memory_mb"],
            exit_code=answer["exit_code"],
            signal=answer["signal"],
            stdout=blobs[0],
            stderr=blobs[1],
            value=answer["result"],
            error=answer["error"],
            files=files,
        )

    def _send(self, header: dict[str, Any], blobs: Sequence[bytes]) -> None:
        text = json.dumps({**header, "sizes": [len(blob) for blob in blobs]}).encode()
        self._stream.write(b"".join([struct.pack(">I", len(text)), text, *blobs]))

    def _receive(self, timeout_s: float) -> tuple[dict[str, Any], list[bytes]]:
        size = struct.unpack(">I", self._stream.read(4, timeout_s))[0]
        header = json.loads(self._stream.read(size, timeout_s))
        return header, [self._stream.read(length, timeout_s) for length in header["sizes"]]


def _escaped(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)
