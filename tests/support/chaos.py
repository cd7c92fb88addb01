"""A server that misbehaves in every way servers do, by itself or in front of a real one.

It counts: how often each request was asked, and how often its answer was sent in full. A request is known by its seed, or
where it has none by its messages and model.
"""

import asyncio
import json
import random
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp import web

FAULTS = (
    "429", "429 with Retry-After", "500", "503", "503 with Retry-After", "dropped at once", "dropped mid-body", "cut JSON",
    "sent twice", "HTML", "no choices", "null content", "late",
)  # fmt: skip


def completion(text: str | None, finish: str = "stop", model: str = "served-r1", **message: object) -> dict[str, Any]:
    """A chat completion as servers send it."""
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": model, "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
    }  # fmt: skip


def text_of(seed: int) -> str:
    """What the server answers by itself: it depends on the request alone."""
    return f"thinking {seed}</think>\n```python\nprint({seed})\n```"


def name_of(body: dict[str, Any]) -> int:
    """What a request is known by."""
    return body["seed"] if "seed" in body else zlib.crc32(json.dumps([body["model"], body["messages"]]).encode())


@dataclass
class Chaos:
    """``with Chaos(faults=0.3) as server``: in a thread of this process, at ``server.url``.

    ``faults``: the share of tries that go wrong, each in one of ``kinds``, drawn from ``seed``; ``delay_s``: an answer takes
    up to so long; ``text``: what it answers to a request; ``broken``: requests whose every answer is cut; ``upstream``: the base URL of the server that really answers.
    """

    faults: float = 0.0
    delay_s: float = 0.0
    kinds: tuple[str, ...] = FAULTS
    upstream: str | None = None
    text: Callable[[int], str] = text_of
    broken: Callable[[int], bool] = lambda name: False
    seed: int = 0
    asked: Counter[int] = field(default_factory=Counter)
    answered: Counter[int] = field(default_factory=Counter)
    faulty: Counter[str] = field(default_factory=Counter)
    in_flight: int = 0
    most_in_flight: int = 0
    url: str = ""

    def __enter__(self) -> "Chaos":
        self._chance = random.Random(self.seed)
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        if not started.wait(30):
            raise RuntimeError("the chaos server did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(30)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/v1/completions", self._answer)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self._session:
            started.set()
            await self._ended.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        name = name_of(body)
        self.asked[name] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            fault = self._chance.choice(self.kinds) if self._chance.random() < self.faults else None
            await asyncio.sleep(self.delay_s * self._chance.random())
            if self.broken(name):
                return await self._misbehave("cut JSON", request, body)
            if fault is not None:
                self.faulty[fault] += 1
                return await self._misbehave(fault, request, body)
            response = await self._good(request, body)
            with suppress(ConnectionError):  # the client was killed meanwhile
                await response.prepare(request)
                await response.write_eof()
                self.answered[name] += response.status == 200
            return response
        finally:
            self.in_flight -= 1

    async def _good(self, request: web.Request, body: dict[str, Any]) -> web.Response:
        if self.upstream is None:
            return web.json_response(completion(self.text(name_of(body))))
        async with self._session.post(self.upstream + request.path.removeprefix("/v1"), json=body) as answer:
            return web.Response(body=await answer.read(), status=answer.status, content_type=answer.content_type)

    async def _misbehave(self, fault: str, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        good = completion(self.text(name_of(body)))
        match fault:
            case "429" | "500" | "503":
                return web.Response(status=int(fault), text="no")
            case "429 with Retry-After" | "503 with Retry-After":
                return web.json_response({"error": {"message": "later"}}, status=int(fault[:3]), headers={"Retry-After": "0.05"})
            case "dropped at once":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "dropped mid-body":
                response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "5000"})
                await response.prepare(request)
                await response.write(json.dumps(good).encode()[:150])
                assert request.transport is not None
                request.transport.close()
                return response
            case "cut JSON":
                return web.Response(text=json.dumps(good)[:-40], content_type="application/json")
            case "sent twice":
                return web.Response(text=json.dumps(good) * 2, content_type="application/json")
            case "HTML":
                return web.Response(text="<html>bad gateway</html>", content_type="text/html")
            case "no choices":
                return web.json_response({**good, "choices": []})
            case "null content":
                return web.json_response(completion(None))
            case "late":
                await asyncio.sleep(30)
                return web.json_response(good)
        raise ValueError(fault)
