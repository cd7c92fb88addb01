"""A teacher behind any OpenAI-compatible server: vLLM, SGLang, DeepSeek, a router. By the official client.

Passing faults (429, 5xx, a cut connection, a malformed body) are asked again with growing waits, Retry-After obeyed; what
the server refuses for good is a labelled failure; what never came stays unanswered. Which server is asked, and how much at
once, is ``health.py``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from resources.teacher.api import OPENING, ChatAnswer, ChatRequest, TeacherUnavailable, ThinkMode
from resources.teacher.health import Endpoint, Endpoints
from resources.teacher.template import load_tokenizer, render, spoken

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
LONGEST_RETRY_AFTER_S = 3600.0
START_PATIENCE_S = 15.0  # a server that never answered is not waited for as one that did
REFUSED_IN_ROW = 8  # so many bad requests and no answer: it is the settings that are wrong, not the requests
log = logging.getLogger(__name__)


class Malformed(RuntimeError):
    """The server answered something that is no completion."""


class _Denied(RuntimeError):
    """The server will answer nothing: wrong key, unknown model, no balance."""


class EndpointTeacher:
    """``model`` at one or several ``base_urls``, at most ``concurrency`` requests in flight over all of them.

    ``think_mode`` opens the reasoning where a request asks for it (see ``ThinkMode``); ``completion`` needs the model's
    ``tokenizer``, a folder or a name. ``timeout_s`` bounds one try, ``deadline_s`` all tries and waits of a request (default
    four timeouts), ``attempts`` its failed tries; being told to slow down is no failure. ``patience_s``: how long all
    endpoints may be down, once they have answered, before ``TeacherUnavailable``.
    """

    name = "endpoint"

    def __init__(
        self,
        model: str,
        base_urls: Sequence[str],
        api_key: str = "none",
        think_mode: ThinkMode = "template",
        concurrency: int = 64,
        timeout_s: float = 3600.0,
        attempts: int = 6,
        *,
        deadline_s: float | None = None,
        patience_s: float = 600.0,
        tokenizer: str | None = None,
    ) -> None:
        if not base_urls:
            raise TeacherUnavailable("no endpoint is set; give OCR_TEACHER_URL, e.g. http://127.0.0.1:8000/v1")
        self.model, self.think_mode = model, think_mode
        self.errors: Counter[str] = Counter()
        self.endpoints: Endpoints | None = None
        self._urls, self._api_key = list(base_urls), api_key
        self._concurrency, self._timeout_s, self._attempts = concurrency, timeout_s, attempts
        self._deadline_s = 4 * timeout_s if deadline_s is None else deadline_s
        self._patience_s = patience_s
        self._tokenizer = load_tokenizer(tokenizer or model) if think_mode == "completion" else None

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """See ``Teacher.answer``. Raises ``TeacherUnavailable`` when no endpoint works; what was asked is cancelled then."""
        call = _Call(self._urls, self._api_key, self._concurrency, self._timeout_s)
        self.endpoints = call.endpoints
        waiting = iter(requests)
        running: set[asyncio.Task[None]] = set()
        done: asyncio.Queue[tuple[ChatAnswer | Exception | None, Endpoint | None]] = asyncio.Queue()
        held: list[ChatAnswer] = []
        unanswered = 0

        async def one(request: ChatRequest) -> None:
            try:
                done.put_nowait(await self._one(call, request))
            except Exception as error:
                done.put_nowait((error, None))

        try:
            in_hand, exhausted = 0, False
            while True:
                while not exhausted and in_hand < self._concurrency:
                    request = next(waiting, None)
                    if request is None:
                        exhausted = True
                        break
                    task = asyncio.create_task(one(request))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    in_hand += 1
                if not in_hand:
                    break
                outcome, endpoint = await done.get()
                if isinstance(outcome, Exception):
                    raise outcome
                if outcome is None:
                    unanswered += 1
                    if not call.endpoints.answered and unanswered >= min(self._concurrency, REFUSED_IN_ROW):
                        raise self._not_up(f"{unanswered} requests and no answer")
                elif outcome.failure == "bad_request" and not call.endpoints.answered:
                    held.append(outcome)
                    if len(held) >= REFUSED_IN_ROW:
                        raise TeacherUnavailable(
                            f"{outcome.endpoint} refuses every request: {outcome.extra.get('message', '')}; nothing was kept"
                        )
                else:
                    while held:
                        yield held.pop()
                    yield outcome
                # Only now, when the caller has what it needs of the answer, may something be asked in its place.
                if endpoint is not None:
                    call.endpoints.release(endpoint)
                in_hand -= 1
            while held:
                yield held.pop()
            if unanswered and not call.endpoints.answered:
                raise self._not_up("no request was answered")
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await call.close()

    def _not_up(self, what: str) -> TeacherUnavailable:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.errors.most_common())
        return TeacherUnavailable(
            f"{', '.join(self._urls)}: {what} ({kinds}); is the server up and is {self.model} the model it serves?"
        )

    async def _one(self, call: _Call, request: ChatRequest) -> tuple[ChatAnswer | None, Endpoint | None]:
        """The answer and the endpoint whose place it still holds; (None, None): no answer came."""
        tries = failed = 0
        fault: Exception | None = None
        try:
            async with asyncio.timeout(self._deadline_s):
                while failed < self._attempts:
                    endpoint = await call.endpoints.acquire()
                    began, kept = time.monotonic(), False
                    tries += 1
                    try:
                        answer = await self._ask(call, endpoint, request, began, tries)
                        kept = True
                        return answer, endpoint
                    except (openai.APIError, Malformed, _Denied, OSError) as error:
                        fault = error
                        counts, wait = self._judge(call, endpoint, error, began, failed)
                        failed += counts
                    finally:
                        if not kept:
                            call.endpoints.release(endpoint)
                    if failed < self._attempts:
                        log.debug("request %s, try %d: %s; again in %.1f s", request.key, tries, fault, wait)
                        await asyncio.sleep(wait)
        except TimeoutError:
            self.errors["deadline"] += 1
        log.warning("request %s got no answer in %d tries, the last: %s", request.key, tries, fault)
        return None, None

    async def _ask(self, call: _Call, endpoint: Endpoint, request: ChatRequest, began: float, tries: int) -> ChatAnswer:
        """One try. Raises what went wrong; a permanent refusal is an answer with ``failure`` set."""
        mode: ThinkMode = self.think_mode if request.think else "none"
        try:
            body = await call.send(endpoint, self._payload(request, mode), chat=mode != "completion")
            message = read_completion(body[0], body[1])
        except openai.APIStatusError as error:
            failure = refusal_of(error)
            if failure is None:
                raise
            endpoint.refused()
            call.endpoints.last_sign_of_life = time.monotonic()
            return ChatAnswer(
                request.key, "", endpoint=endpoint.url, latency_s=time.monotonic() - began, attempts=tries, failure=failure,
                extra={"message": str(error.message)},
            )  # fmt: skip
        endpoint.succeeded()
        call.endpoints.last_sign_of_life = time.monotonic()
        return ChatAnswer(
            key=request.key, endpoint=endpoint.url, think_mode=mode, latency_s=time.monotonic() - began, attempts=tries, **message
        )

    def _judge(self, call: _Call, endpoint: Endpoint, error: Exception, began: float, failed: int) -> tuple[int, float]:
        """What a fault means for its endpoint. Returns (1 if it counts as a failed try, seconds to wait)."""
        kind = kind_of(error)
        self.errors[kind] += 1
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failed) * random.uniform(0.5, 1.0)
        asked_to_wait = retry_after(error.response.headers) if isinstance(error, openai.APIStatusError) else None
        if kind == "denied" and (not endpoint.answered or getattr(error, "status_code", 0) == 402):
            endpoint.denied = f"{endpoint.url}: {getattr(error, 'message', error)} (HTTP {getattr(error, 'status_code', '?')})"
            if all(other.denied is not None for other in call.endpoints.all):
                raise TeacherUnavailable("; ".join(str(other.denied) for other in call.endpoints.all)) from error
            return 0, 0.0
        if kind == "rate_limited" or (kind == "overloaded" and asked_to_wait is not None):
            endpoint.overloaded(kind, began, asked_to_wait or 0.0)
            call.endpoints.last_sign_of_life = time.monotonic()
            return 0, wait  # Retry-After holds back the endpoint, and with it this request too
        endpoint.failed(kind, began)
        patience = self._patience_s if call.endpoints.answered else min(START_PATIENCE_S, self._patience_s)
        silent = time.monotonic() - call.endpoints.last_sign_of_life
        if call.endpoints.down and silent >= patience:
            raise self._not_up(f"no sign of life for {silent:.0f} s") from error
        return 1, wait

    def _payload(self, request: ChatRequest, mode: ThinkMode) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self.model,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "max_tokens": request.sampling.max_tokens,
        }
        if request.seed is not None:
            payload["seed"] = request.seed
        if mode == "completion":
            # The template's own special tokens stand in the text already.
            payload["prompt"], _ = render(self._tokenizer, request.messages, mode)
            payload["extra_body"] = {"add_special_tokens": False}
            return payload
        payload["messages"] = spoken(request.messages)
        if mode == "prefill":
            payload["messages"] = [*payload["messages"], {"role": "assistant", "content": OPENING}]
            payload["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
        return payload


class _Call:
    """The clients of one ``answer`` call; they belong to its event loop."""

    def __init__(self, urls: Sequence[str], api_key: str, concurrency: int, timeout_s: float) -> None:
        self.endpoints = Endpoints(urls, concurrency)
        # The client's own HTTP pool takes longer the more is in flight; its aiohttp one does not. Retries are ours: the
        # client's would not tell a passing fault from a permanent one.
        limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._clients = {
            url: openai.AsyncOpenAI(
                base_url=url,
                api_key=api_key,
                max_retries=0,
                timeout=timeout_s,
                http_client=openai.DefaultAioHttpClient(limits=limits, timeout=timeout_s),
            )
            for url in urls
        }

    async def send(self, endpoint: Endpoint, payload: Mapping[str, Any], *, chat: bool) -> tuple[bytes, str]:
        """The raw body and its content type."""
        client = self._clients[endpoint.url]
        resource: Any = client.chat.completions if chat else client.completions
        raw = await resource.with_raw_response.create(**payload)
        return raw.content, raw.headers.get("content-type", "")

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


def read_completion(body: bytes, content_type: str) -> dict[str, Any]:
    """The fields of ``ChatAnswer`` in the body of a chat or text completion. Raises ``Malformed`` where it is neither."""
    shown = body[:200]
    if "json" not in content_type:
        raise Malformed(f"content type {content_type or 'missing'}: {shown!r}")
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        message = choice.get("message") or {"content": choice["text"]}
        content, refusal = message.get("content"), message.get("refusal")
        reasoning = message.get("reasoning_content") or message.get("reasoning") or None
        finish = choice["finish_reason"]
        usage = completion.get("usage") or {}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Malformed(f"no completion ({error!r}): {shown!r}") from error
    if not isinstance(finish, str) or not all(isinstance(text, str | None) for text in (content, reasoning, refusal)):
        raise Malformed(f"an unfinished choice: {shown!r}")
    if content is None and reasoning is None and refusal is None and finish != "content_filter":
        raise Malformed(f"an empty choice: {shown!r}")
    weights = (completion.get("metadata") or {}).get("weight_version")  # SGLang's
    cost = usage.get("cost")  # OpenRouter's
    return {
        "content": content or refusal or "",
        "reasoning": reasoning,
        "finish_reason": finish,
        "served_model": completion.get("model"),
        "revision": completion.get("system_fingerprint") or weights,
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cost": float(cost) if isinstance(cost, int | float) else None,
        "failure": "refused" if refusal or finish == "content_filter" else None,
    }


def kind_of(error: Exception) -> str:
    """The name a fault is counted under."""
    match error:
        case openai.APIStatusError(status_code=429):
            return "rate_limited"
        case openai.APIStatusError(status_code=401 | 402 | 403 | 404):
            return "denied"
        case openai.APIStatusError(status_code=503 | 529):
            return "overloaded"
        case openai.APIStatusError(status_code=408 | 504):
            return "timeout"
        case openai.APITimeoutError():
            return "timeout" if _timed_out(error) else "connection"
        case openai.APIStatusError():
            return "server_error"
        case Malformed() | openai.APIResponseValidationError():
            return "malformed"
    return "connection"


def _timed_out(error: BaseException | None) -> bool:
    """Whether a clock ended it: the client calls a connection that the server closed a time-out too."""
    while error is not None:
        if isinstance(error, TimeoutError):
            return True
        error = error.__cause__
    return False


def refusal_of(error: openai.APIStatusError) -> str | None:
    """Why a request is refused for good: context_too_long, refused or bad_request; None: it may be asked again."""
    if error.status_code in (401, 402, 403, 404, 408, 409, 425, 429) or error.status_code >= 500:
        return None
    text = str(error.message).lower()
    if error.status_code == 413 or "context" in text or "too long" in text or ("maximum" in text and "token" in text):
        return "context_too_long"
    filtered = ("content" in text and ("policy" in text or "filter" in text)) or "risk" in text
    return "refused" if filtered else "bad_request"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait (a number or an HTTP date); None if it does not say."""
    value = headers.get("retry-after", "").strip()
    seconds: float | None = None
    with suppress(ValueError):
        seconds = float(value)
    if seconds is None and value:
        with suppress(ValueError):
            moment = parsedate_to_datetime(value)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return None if seconds is None or seconds != seconds else min(max(0.0, seconds), LONGEST_RETRY_AFTER_S)
