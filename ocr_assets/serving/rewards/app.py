"""What the server answers to, and with which status.

200: every verdict is there. 504: one is not, because the server is full or a sandbox broke; ask again. 422: one cannot be, and
the answer says what would have to change. So no fault looks like a wrong answer. (504, where 503 might be expected: it is what
verl's client asks again on.) 400, 401, 403, 408, 413, 415: the request was not let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ocr_assets.grading.version import GRADER_VERSION
from ocr_assets.platform.row_files import encoded
from ocr_assets.serving.rewards.gate import Full, Gate, TooMany
from ocr_assets.serving.rewards.judge import Judge, UnusableProblem, program_in, refuse_ungradable
from ocr_assets.serving.rewards.metrics import Metrics
from ocr_assets.serving.rewards.requests import LARGE, Bodies, ClientDisconnect, Door, Refused
from ocr_assets.serving.rewards.sandbox_fusion import Submission, program_of, ran
from ocr_assets.serving.rewards.verify import asked
from resources.sandbox.api import SandboxFault, SandboxUnavailable

OPEN_TO_ALL = ("/v1/ping", "/health")
LOOK_S = 0.5  # between two looks whether the client still waits
log = logging.getLogger(__name__)
R = TypeVar("R")


class RewardServer:
    """The application over an open pool. ``memory_mb``: what a program of ``/run_code`` may use at most; ``body_mb``: a body's
    size; ``wait_s`` and ``most``: see ``Gate``."""

    def __init__(
        self, judge: Judge, token: SecretStr | None, *, memory_mb: int, body_mb: int = 64, wait_s: float = 5.0, most: int = 20_000
    ) -> None:
        self._judge, self._memory_mb = judge, memory_mb
        self._door, self._bodies = Door(token), Bodies(body_mb << 20)
        self.gate = Gate(judge.threads, wait_s, most)
        self.metrics = Metrics(self.gate, judge.pool)
        self._endpoints: dict[str, tuple[str, Callable[[Request], Awaitable[Response]]]] = {
            "/verify": ("POST", self._verify), "/run_code": ("POST", self._run_code), "/submit": ("POST", self._submit),
            "/v1/ping": ("GET", self._ping), "/health": ("GET", self._health), "/metrics": ("GET", self._metrics),
        }  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Every request is counted; whatever is refused or fails is one JSON object with ``detail``."""
        start, path = time.monotonic(), scope["path"] if scope["path"] in self._endpoints else "other"
        status = 499  # as proxies call a client that went away
        try:
            response = await self._answer(Request(scope, receive))
            status = response.status_code
            await response(scope, receive, send)
        except ClientDisconnect:
            status = 499
        finally:
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(time.monotonic() - start)

    async def _answer(self, request: Request) -> Response:
        try:
            method, endpoint = self._endpoints.get(request.url.path, ("", None))
            if request.url.path not in OPEN_TO_ALL:
                self._door.check(request.headers)
            if endpoint is None:
                raise Refused(404, f"there are {', '.join(self._endpoints)}")
            if request.method != method:
                raise Refused(405, f"{request.url.path} is asked by {method}", {"Allow": method})
            return await endpoint(request)
        except ClientDisconnect:
            raise
        except Exception as error:  # told with its status; what was not expected is logged
            return _refusal(error)

    async def _verify(self, request: Request) -> Response:
        async with self._body(request) as body:
            # Large suites take their time to be read; others are answered meanwhile.
            large = int(request.headers.get("content-length", LARGE)) >= LARGE
            wanted = await asyncio.to_thread(asked, body, self._judge) if large else asked(body, self._judge)
            rows = await _unless_gone(request, self.gate.run(wanted.jobs))
        for row in rows:
            self.metrics.verdicts.labels(row["verdict"]).inc()
        faults = [row["message"] for row in rows if row["verdict"] == "sandbox_error"]
        if not faults:
            return _json({"verdicts": rows})
        status = 422 if wanted.unusable else 504
        return _json({"detail": f"{len(faults):,} of {len(rows):,} without a verdict: {faults[0]}", "verdicts": rows}, status)

    async def _run_code(self, request: Request) -> Response:
        async with self._body(request) as body:
            program = program_of(body, self._memory_mb, online_judge=self._judge.pool.online_judge)
            [outcome] = await _unless_gone(request, self.gate.run([partial(self._judge.run, program)]))
        answer = ran(program, outcome)
        self.metrics.runs.labels(outcome.runs[0].status if outcome.runs else "compile_error").inc()
        return _json(answer)

    async def _submit(self, request: Request) -> Response:
        async with self._body(request) as body:
            submission = Submission(body, self._judge)
            refuse_ungradable(submission.known, submission.language)

            def judged() -> tuple[str | None, dict[str, Any]]:
                known = submission.known
                code = program_in(submission.completion, None, submission.language, known.entry_point)
                return code, self._judge.verdict(known, submission.language, code, all_tests=submission.all_tests)

            [(code, verdict)] = await _unless_gone(request, self.gate.run([judged]))
        self.metrics.verdicts.labels(verdict["verdict"]).inc()
        if verdict["verdict"] == "sandbox_error":
            raise SandboxFault(verdict["message"])
        return _json(submission.told(code, verdict))

    async def _ping(self, request: Request) -> Response:
        return _json("pong")

    async def _health(self, request: Request) -> Response:
        """What it is and how full: no secrets, and asked without a token."""
        pool, load = self._judge.pool, self.gate.load
        return _json(
            {
                "status": "ok", "workers": pool.workers, "running": load.running, "waiting": max(0, load.taken - load.running),
                "isolation_level": pool.isolation_level, "image": pool.image, "grader_version": GRADER_VERSION,
            }
        )  # fmt: skip

    async def _metrics(self, request: Request) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @contextlib.asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[dict[str, Any]]:
        """A request's body, which counts as held while the request is worked on."""
        body = await self._bodies.read(request)
        try:
            yield await body.json()
        finally:
            body.release()


async def _unless_gone(request: Request, work: Awaitable[R]) -> R:
    """What ``work`` comes to, unless the client goes away meanwhile: then it is cancelled (``ClientDisconnect``)."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=LOOK_S))[0]:
            if await request.is_disconnected():
                raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()


def _refusal(error: Exception) -> Response:
    if isinstance(error, Refused):
        return _json({"detail": str(error)}, error.status, error.headers)
    if isinstance(error, TooMany):
        return _json({"detail": str(error)}, 413)
    if isinstance(error, UnusableProblem):
        return _json({"detail": f"the problem cannot judge this: {error}"}, 422)
    if isinstance(error, Full):
        return _json({"detail": f"full: {error}; ask again"}, 504, {"Retry-After": f"{max(1, round(error.retry_s))}"})
    if isinstance(error, SandboxFault | SandboxUnavailable):
        log.warning("no verdict: %s", error)
        return _json({"detail": f"no verdict: {error}; ask again"}, 504, {"Retry-After": "1"})
    log.error("a request failed", exc_info=error)
    return _json({"detail": f"the server failed: {type(error).__name__}"}, 500)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(encoded(value), status, headers, "application/json")
