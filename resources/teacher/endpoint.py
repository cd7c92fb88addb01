"""A teacher behind any OpenAI-compatible server: vLLM, SGLang, DeepSeek, a router. By the official client.

Passing faults (429, 5xx, a cut connection, a malformed body) are asked again with growing waits, Retry-After obeyed; what
the server refuses for good is a labelled failure; what never came stays unanswered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import openai

from resources.teacher.api import ChatAnswer, ChatRequest, Message, TeacherUnavailable

ThinkMode = Literal["template", "prefill", "none"]
OPENING = "<think>\n"
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
log = logging.getLogger(__name__)


class Malformed(RuntimeError):
    """The server answered something that is no chat completion."""


class EndpointTeacher:
    """``model`` at one or several ``base_urls``, at most ``concurrency`` requests in flight.

    ``think_mode`` opens the reasoning where a request asks for it: ``template`` (the server's chat template does),
    ``prefill`` (an assistant turn ``<think>`` to be continued, as vLLM and SGLang take it), ``none``.
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
    ) -> None:
        if not base_urls:
            raise TeacherUnavailable("no endpoint is set; give OCR_TEACHER_URL, e.g. http://127.0.0.1:8000/v1")
        self.model, self.think_mode = model, think_mode
        self._urls, self._api_key = list(base_urls), api_key
        self._concurrency, self._timeout_s, self._attempts = concurrency, timeout_s, attempts

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """Answers as they arrive. ``requests`` is drawn from only while there is room in flight."""
        # Retries are ours: the client's own would not tell a passing fault from a permanent one.
        clients = [
            openai.AsyncOpenAI(base_url=url, api_key=self._api_key, max_retries=0, timeout=self._timeout_s) for url in self._urls
        ]
        try:
            async for answer in self._all(clients, iter(requests)):
                yield answer
        finally:
            for client in clients:
                await client.close()

    async def _all(self, clients: list[openai.AsyncOpenAI], requests: Iterator[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        running: set[asyncio.Task[ChatAnswer | None]] = set()
        exhausted, number, answered, gave_up = False, 0, 0, 0
        try:
            while running or not exhausted:
                while not exhausted and len(running) < self._concurrency:
                    request = next(requests, None)
                    if request is None:
                        exhausted = True
                        break
                    running.add(asyncio.create_task(self._one(clients, number % len(clients), request)))
                    number += 1
                if not running:
                    break
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    answer = task.result()
                    if answer is None:
                        gave_up += 1
                        if not answered and gave_up >= min(self._concurrency, 8):
                            raise TeacherUnavailable(
                                f"{', '.join(self._urls)}: {gave_up} requests and no answer; is the server up and is "
                                f"{self.model} the model it serves?"
                            )
                    else:
                        answered += 1
                        yield answer
            if gave_up and not answered:
                raise TeacherUnavailable(f"{', '.join(self._urls)}: no request was answered; is the server up?")
        finally:
            for task in running:
                task.cancel()

    async def _one(self, clients: list[openai.AsyncOpenAI], first: int, request: ChatRequest) -> ChatAnswer | None:
        start = time.monotonic()
        for attempt in range(1, self._attempts + 1):
            client = clients[(first + attempt - 1) % len(clients)]
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)) * random.uniform(0.5, 1.0)
            try:
                raw = await client.chat.completions.with_raw_response.create(**self._payload(request))
                return self._read(request, raw, str(client.base_url), time.monotonic() - start, attempt)
            except openai.APIStatusError as error:
                if error.status_code not in (408, 409, 425, 429) and error.status_code < 500:
                    if error.status_code in (401, 403, 404):
                        raise TeacherUnavailable(f"{client.base_url}: {error.message} (HTTP {error.status_code})") from error
                    return self._failure(request, error, str(client.base_url), time.monotonic() - start, attempt)
                problem: Exception = error
                wait = max(wait, _retry_after(error.response.headers))
            except (openai.APIError, Malformed, OSError, ValueError) as error:
                problem = error
            if attempt < self._attempts:
                log.debug("request %s, attempt %d: %s; again in %.1f s", request.key, attempt, problem, wait)
                await asyncio.sleep(wait)
        log.warning("request %s got no answer in %d attempts, the last: %s", request.key, self._attempts, problem)
        return None

    def _payload(self, request: ChatRequest) -> dict[str, Any]:
        messages: list[Message] = [m for m in request.messages if m["content"] or m["role"] != "system"]
        payload: dict[str, Any] = {
            "model": self.model,
            "messages": messages,
            "temperature": request.sampling.temperature,
            "top_p": request.sampling.top_p,
            "max_tokens": request.sampling.max_tokens,
        }
        if request.seed is not None:
            payload["seed"] = request.seed
        if request.think and self.think_mode == "prefill":
            payload["messages"] = [*messages, {"role": "assistant", "content": OPENING}]
            payload["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
        return payload

    def _read(self, request: ChatRequest, raw: Any, url: str, latency_s: float, attempt: int) -> ChatAnswer:
        try:
            completion = raw.parse()
            choice = completion.choices[0]
            message = choice.message
            content = message.content
            reasoning = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
        except (ValueError, AttributeError, IndexError, TypeError, KeyError) as error:
            raise Malformed(f"not a chat completion: {raw.text[:200]!r}") from error
        if choice.finish_reason is None or (content is None and not reasoning and not getattr(message, "refusal", None)):
            raise Malformed(f"an empty choice: {raw.text[:200]!r}")
        refusal = getattr(message, "refusal", None)
        failure = "refused" if refusal or choice.finish_reason == "content_filter" else None
        usage = completion.usage
        return ChatAnswer(
            key=request.key,
            content=content or refusal or "",
            reasoning=reasoning,
            finish_reason=choice.finish_reason,
            served_model=completion.model,
            endpoint=url,
            think_mode=self.think_mode if request.think else "none",
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            latency_s=latency_s,
            attempts=attempt,
            failure=failure,
        )

    def _failure(
        self, request: ChatRequest, error: openai.APIStatusError, url: str, latency_s: float, attempt: int
    ) -> ChatAnswer:
        text = str(error.message).lower()
        too_long = "context" in text or ("maximum" in text and "token" in text) or "too long" in text
        kind = "context_too_long" if too_long else "refused" if "content" in text and "policy" in text else "bad_request"
        return ChatAnswer(
            request.key,
            "",
            endpoint=url,
            latency_s=latency_s,
            attempts=attempt,
            failure=kind,
            extra={"message": error.message},
        )


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds the server asks to wait; 0 if it does not say."""
    try:
        return min(float(headers.get("retry-after", 0)), 600.0)
    except ValueError:
        return 0.0  # an HTTP date: our own wait serves
