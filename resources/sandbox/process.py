"""The runner as a local process, under rlimits only. For the bundled corpus on a machine without a Docker engine, or by
the user's explicit word: a program run here can read this user's files.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from resources.sandbox.connection import Connection
from resources.sandbox.pool import Worker, WorkerPool

RUNNER = Path(__file__).resolve().parents[2] / "sandbox_images" / "runner" / "main.py"


class ProcessSandbox(WorkerPool):
    """A pool of local runner processes."""

    image = "none"
    isolation_level = "process"

    def _start(self, reserved: bool) -> Worker:
        box_root = tempfile.mkdtemp(prefix="ocr-box-")
        process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-B", str(RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"OCR_BOX_ROOT": box_root, "PATH": os.environ.get("PATH", ""), "PYTHONHASHSEED": "0"},
            start_new_session=True,
        )

        def end() -> None:
            process.kill()
            process.wait()
            shutil.rmtree(box_root, ignore_errors=True)

        try:
            return Worker(Connection(_PipeStream(process)), end)
        except BaseException:
            end()
            raise


class _PipeStream:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def read(self, size: int, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        chunks = []
        while size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._stdout], [], [], left)[0]:
                raise ConnectionError("the runner does not answer")
            chunk = os.read(self._stdout.fileno(), min(size, 1 << 20))
            if not chunk:
                raise ConnectionError("the runner ended")
            chunks.append(chunk)
            size -= len(chunk)
        return b"".join(chunks)

    def write(self, data: bytes) -> None:
        self._stdin.write(data)
        self._stdin.flush()

    def close(self) -> None:
        self._stdin.close()
        self._stdout.close()
