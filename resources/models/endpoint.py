"""A chat model behind any OpenAI-compatible server: vLLM, SGLang, DeepSeek, a router. By the official client.

Passing faults (429, 5xx, a cut connection, an aborted answer, a malformed body) are asked again with growing waits,
Retry-After obeyed; what the server refuses for good, or answers with malformed bodies only, is a labelled failure; what never
came stays unanswered. Which servers there are is ``addresses.py`` and ``calls.py``; which is asked, and how much at once,
``health.py``; how their answers are read, ``wire.py``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import openai
from pydantic import SecretStr

from resources.models.addresses import Addresses, AddressSource
from resources.models.api import OPENING, ChatAnswer, ChatRequest, ModelUnavailable, ThinkMode
from resources.models.calls import Call
from resources.models.chat_template import first_token_left_out, load_tokenizer, open_user_turn, render, spoken
from resources.models.health import Endpoint, Endpoints
from resources.models.wire import Aborted, ErrorInBody, Malformed, kind_of, read_completion, refusal_of, retry_after
from resources.secrets import hidden

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
START_PATIENCE_S = 15.0  # a server that never answered is not waited for as one that did
REFUSED_IN_ROW = 8  # so many bad requests and no answer: it is the settings that are wrong, not the requests
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Outcome:
    """What became of a request: its answer, or the error that ends everything, or neither: no answer came.

    ``place``: the endpoint whose place the answer still holds; ``senders``: of a malformed failure, who sent the bodies.
    """

    answer: ChatAnswer | None = None
    error: Exception | None = None
    place: Endpoint | None = None
    senders: tuple[Endpoint, ...] = ()

    @property
    def doubtful(self) -> bool:
        """It may be the settings that are wrong: to be held until something is answered."""
        return self.answer is not None and self.answer.failure in ("bad_request", "malformed")

    @property
    def believed(self) -> bool:
        """A malformed failure is one of the request only where each endpoint concerned answers others."""
        return all(endpoint.answered for endpoint in self.senders)


@dataclass
class _Tried:
    """What a request went through: tries, those that failed, when the last began and what was wrong with it, and who sent bodies
    that are no completion."""

    tries: int = 0
    failed: int = 0
    began: float = 0.0
    fault: Exception | None = None
    malformed: list[Endpoint] = field(default_factory=list)


class EndpointModel:
    """``model`` at one or several ``base_urls`` (or at what a source of addresses says, as it says it), at most ``concurrency``
    requests in flight over all of them, ``each`` at one.

    ``think_mode`` opens the reasoning where a request asks for it (see ``ThinkMode``); ``completion``, and a request that
    leaves a user's turn open, need the model's ``tokenizer``, a folder or a name. ``timeout_s`` bounds one try, ``deadline_s``
    all tries and waits of a request (default four timeouts), ``attempts`` its failed tries; being told to slow down is no
    failure. ``patience_s``: how long all endpoints may be down, once they have answered, before ``ModelUnavailable``. ``key`` is
    taken out of whatever is logged, raised or stored, should a server repeat it.
    """

    def __init__(
        self,
        model: str,
        base_urls: Sequence[str] | AddressSource,
        key: SecretStr | None = None,
        think_mode: ThinkMode = "template",
        concurrency: int = 64,
        timeout_s: float = 3600.0,
        attempts: int = 6,
        *,
        deadline_s: float | None = None,
        patience_s: float = 600.0,
        tokenizer: str | None = None,
        each: int | None = None,
    ) -> None:
        if not base_urls:
            raise ModelUnavailable("no endpoint is set; give OCR_TEACHER_URL, e.g. http://127.0.0.1:8000/v1")
        self._source: AddressSource = Addresses(base_urls) if isinstance(base_urls, Sequence) else base_urls
        self._fixed = self._source.fixed if isinstance(self._source, Addresses) else []
        self.model, self.think_mode, self.name = model, think_mode, self._source.kind
        self.errors: Counter[str] = Counter()
        self.endpoints: Endpoints | None = None
        self._key, self._concurrency, self._each = key, concurrency, each
        self._timeout_s, self._attempts = timeout_s, attempts
        self._deadline_s = 4 * timeout_s if deadline_s is None else deadline_s
        self._patience_s = patience_s
        self._tokenizer_name = tokenizer or model
        self._loaded_tokenizer: Any = load_tokenizer(self._tokenizer_name) if think_mode == "completion" else None

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """See ``ChatModel.answer``. Raises ``ModelUnavailable`` when no endpoint works; what was asked is cancelled then."""
        call = Call(self._source, self._fixed, self._key, self._concurrency, self._each, self._timeout_s)
        self.endpoints = call.endpoints
        following: asyncio.Task[None] | None = None
        waiting = iter(requests)
        running: set[asyncio.Task[None]] = set()
        outcomes: asyncio.Queue[_Outcome] = asyncio.Queue()
        held: list[_Outcome] = []
        unanswered = 0

        async def one(request: ChatRequest) -> None:
            try:
                outcomes.put_nowait(await self._one(call, request))
            except Exception as error:
                outcomes.put_nowait(_Outcome(error=error))

        async def follow() -> None:
            try:
                await call.follow()
            except Exception as error:
                outcomes.put_nowait(_Outcome(error=error))

        try:
            in_hand = 0
            while True:
                while in_hand < self._concurrency:
                    request = next(waiting, None)
                    if request is None:
                        break  # for now: the next answer may bring more
                    task = asyncio.create_task(one(request))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    in_hand += 1
                if not in_hand:
                    break
                if following is None and not self._is_fixed:  # only now: a server is started by it
                    following = asyncio.create_task(follow())
                outcome = await outcomes.get()
                if outcome.error is not None:
                    raise outcome.error
                if outcome.answer is None:
                    unanswered += 1
                    few = min(self._concurrency, REFUSED_IN_ROW)
                    if self._is_fixed and not call.endpoints.answered and unanswered >= few:
                        raise self._not_up(f"{unanswered} requests and no answer")
                else:
                    held.append(outcome)
                    if call.endpoints.answered or not outcome.doubtful:
                        while held:
                            settled = held.pop()
                            if settled.answer is not None and settled.believed:
                                yield settled.answer
                            else:
                                unanswered += 1
                    elif len(held) >= REFUSED_IN_ROW:
                        raise _nothing_of_use(held)
                # Only now, when the caller has what it needs of the answer, may something be asked in its place.
                if outcome.place is not None:
                    call.endpoints.release(outcome.place)
                in_hand -= 1
            for sender in {id(sender): sender for outcome in held for sender in outcome.senders}.values():
                if not await call.serves_models(sender):
                    raise _nothing_of_use(held)
            while held:
                refused = held.pop().answer
                assert refused is not None
                yield refused
            if unanswered and not call.endpoints.answered:
                raise self._not_up("no request was answered")
        finally:
            tasks = [*running, *([following] if following else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await call.close()

    def _not_up(self, observed: str) -> ModelUnavailable:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.errors.most_common())
        return ModelUnavailable(
            f"{self._shown(self._source)}: {observed} ({kinds}); is the server up and is {self.model} the model it serves?"
        )

    def _shown(self, text: object) -> str:
        """``text`` as it may be seen: without the key and without passwords."""
        return hidden(str(text), [self._key])

    async def _one(self, call: Call, request: ChatRequest) -> _Outcome:
        tried = _Tried()
        while True:
            try:
                async with asyncio.timeout(self._deadline_s) as bound:
                    if (outcome := await self._try(call, request, tried, bound)) is not None:
                        return outcome
                break
            except TimeoutError:
                if call.endpoints.listed and time.monotonic() - call.endpoints.listed_since >= self._deadline_s:
                    self.errors["deadline"] += 1
                    break
                # The time in which there was nobody to ask is not the request's: it waits on.
        log.warning("request %s got no answer in %d tries, the last: %s", request.key, tried.tries, self._shown(tried.fault))
        if len(tried.malformed) < self._attempts:
            return _Outcome()
        # Each try may have been paid for, and another run would only pay again.
        answer = ChatAnswer(
            request.key, "", endpoint=self._shown(tried.malformed[-1].url), think_mode=self._mode(request),
            latency_s=time.monotonic() - tried.began, attempts=tried.tries, failure="malformed",
            extra={"message": self._shown(tried.fault)},
        )  # fmt: skip
        return _Outcome(answer, senders=tuple(tried.malformed))

    async def _try(self, call: Call, request: ChatRequest, tried: _Tried, bound: asyncio.Timeout) -> _Outcome | None:
        """Ask until there is an answer; None: as many tries as there may be have failed."""
        while tried.failed < self._attempts:
            waited_from = call.endpoints.listed_since
            endpoint = await call.endpoints.acquire()
            if call.endpoints.listed_since > waited_from:
                bound.reschedule(asyncio.get_running_loop().time() + self._deadline_s)
            tried.began, place_is_held = time.monotonic(), False
            tried.tries += 1
            try:
                answer = await self._ask(call, endpoint, request, tried.began, tried.tries)
                place_is_held = True
                return _Outcome(answer, place=endpoint)
            except (openai.APIError, Malformed, Aborted, ErrorInBody, OSError) as error:
                tried.fault = error
                counts, wait = self._after_fault(call, endpoint, error, tried.began, tried.failed)
                if isinstance(error, Malformed):
                    tried.malformed.append(endpoint)
            finally:
                if not place_is_held:
                    call.endpoints.release(endpoint)
            shown = self._shown(tried.fault)
            log.debug("request %s, try %d: %s; again in %.1f s", request.key, tried.tries, shown, wait)
            if tried.failed + counts < self._attempts or not self._is_fixed:
                await asyncio.sleep(wait)
            # One that has left meanwhile was ended, which says nothing of the request.
            tried.failed += 0 if endpoint.left and not isinstance(tried.fault, Malformed) else counts
        return None

    @property
    def _is_fixed(self) -> bool:
        """Whether the same endpoints are there all the time."""
        return self._source.every_s is None

    @property
    def _tokenizer(self) -> Any:
        if self._loaded_tokenizer is None:
            otherwise = "leave out what continues a user's turn (of the synthetic questions, the subset prefill)"
            self._loaded_tokenizer = load_tokenizer(self._tokenizer_name, otherwise)
        return self._loaded_tokenizer

    def _mode(self, request: ChatRequest) -> ThinkMode:
        return self.think_mode if request.think else "none"

    async def _ask(self, call: Call, endpoint: Endpoint, request: ChatRequest, began: float, tries: int) -> ChatAnswer:
        """One try. Raises what went wrong; a permanent refusal is an answer with ``failure`` set."""
        mode = self._mode(request)
        try:
            chat = mode != "completion" and not request.user_turn
            body = await call.send(endpoint, self._payload(request, mode), chat=chat)
            message = read_completion(body[0], body[1])
        except (openai.APIStatusError, ErrorInBody) as error:
            failure = refusal_of(error)
            if failure is None:
                raise
            endpoint.refused()
            call.endpoints.last_sign_of_life = time.monotonic()
            return ChatAnswer(
                request.key, "", endpoint=self._shown(endpoint.url), latency_s=time.monotonic() - began, attempts=tries,
                failure=failure, extra={"message": self._shown(error.message)},
            )  # fmt: skip
        endpoint.succeeded(time.monotonic() - began)
        call.endpoints.last_sign_of_life = time.monotonic()
        return ChatAnswer(
            key=request.key,
            endpoint=self._shown(endpoint.url),
            think_mode=mode,
            latency_s=time.monotonic() - began,
            attempts=tries,
            **message,
        )

    def _after_fault(self, call: Call, endpoint: Endpoint, error: Exception, began: float, failed: int) -> tuple[int, float]:
        """What a fault means for its endpoint. Returns (1 if it counts as a failed try, seconds to wait)."""
        kind = kind_of(error)
        self.errors[kind] += 1
        wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**failed) * random.uniform(0.5, 1.0)
        asked_to_wait = retry_after(error.response.headers) if isinstance(error, openai.APIStatusError) else None
        if kind == "denied" and (not endpoint.answered or getattr(error, "status_code", 0) == 402):
            status = getattr(error, "status_code", "?")
            endpoint.denied = self._shown(f"{endpoint.url}: {getattr(error, 'message', error)} (HTTP {status})")
            if call.endpoints.listed and all(other.denied is not None for other in call.endpoints.listed):
                # Without its cause: the client's error repeats the body, and with it perhaps the key.
                raise ModelUnavailable("; ".join(str(other.denied) for other in call.endpoints.listed)) from None
            return 0, 0.0
        if kind == "rate_limited" or (kind == "overloaded" and asked_to_wait is not None):
            endpoint.overloaded(kind, began, asked_to_wait or 0.0)
            call.endpoints.last_sign_of_life = time.monotonic()
            return 0, wait  # Retry-After holds back the endpoint, and with it this request too
        endpoint.failed(kind, began)
        never_up = self._is_fixed and not call.endpoints.answered  # those in a list may come up later
        patience = min(START_PATIENCE_S, self._patience_s) if never_up else self._patience_s
        silent = time.monotonic() - call.endpoints.last_sign_of_life
        if call.endpoints.down and silent >= patience:
            raise self._not_up(f"no sign of life for {silent:.0f} s") from None
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
        if request.stop:
            payload["stop"] = list(request.stop)
        if request.user_turn or mode == "completion":
            text = (
                open_user_turn(self._tokenizer, request.messages)
                if request.user_turn
                else render(self._tokenizer, request.messages, mode)[0]
            )
            rest = first_token_left_out(self._tokenizer, text)
            payload["prompt"] = text if rest is None else rest
            if rest is None:
                # The template's own special tokens stand in the text already.
                payload["extra_body"] = {"add_special_tokens": False}
            return payload
        payload["messages"] = spoken(request.messages)
        if mode == "prefill":
            payload["messages"] = [*payload["messages"], {"role": "assistant", "content": OPENING}]
            payload["extra_body"] = {"continue_final_message": True, "add_generation_prompt": False}
        return payload


def _nothing_of_use(held: Sequence[_Outcome]) -> ModelUnavailable:
    """Why nothing was kept, though every request got a reply."""
    failed = held[-1].answer
    assert failed is not None
    behaviour = "sends no completion to any request" if held[-1].senders else "refuses every request"
    return ModelUnavailable(f"{failed.endpoint} {behaviour}: {failed.extra.get('message', '')}; nothing was kept")
