"""The endpoint teacher against a server that misbehaves in every way servers do, spoken to over real HTTP."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from resources.teacher import endpoint
from resources.teacher.api import ChatAnswer, ChatRequest, Sampling, TeacherUnavailable
from resources.teacher.endpoint import EndpointTeacher

Handler = Callable[[web.Request, dict, int], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.01)


def completion(text: str | None, finish: str = "stop", **message: object) -> dict:
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "served-r1",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
    }  # fmt: skip


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[tuple[str, Counter[str]]]:
    """A server whose ``handler(request, body, n)`` answers the n-th try (from 1) of each prompt; its URL and the tries."""
    tries: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = body["messages"][0]["content"]
        tries[prompt] += 1
        return await handler(request, body, tries[prompt])

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}/v1", tries
    finally:
        await runner.cleanup()


def asked(*prompts: str, think: bool = False) -> list[ChatRequest]:
    return [
        ChatRequest(p, [{"role": "system", "content": ""}, {"role": "user", "content": p}], Sampling(), 1, think) for p in prompts
    ]


def ask(handler: Handler, requests: list[ChatRequest], **settings: object) -> tuple[dict[str, ChatAnswer], Counter[str]]:
    async def all_answers() -> tuple[dict[str, ChatAnswer], Counter[str]]:
        async with server(handler) as (url, tries):
            teacher = EndpointTeacher("r1", [url], **settings)  # type: ignore[arg-type]
            return {answer.key: answer async for answer in teacher.answer(requests)}, tries

    return asyncio.run(all_answers())


def test_an_answer_with_all_that_is_stored() -> None:
    async def handler(request, body, n):
        assert body["messages"] == [{"role": "user", "content": "q"}]
        assert (body["temperature"], body["top_p"], body["max_tokens"], body["seed"]) == (0.6, 0.95, 16384, 1)
        return web.json_response(completion("<think>x</think>y", "length"))

    answers, _ = ask(handler, asked("q", think=True))
    answer = answers["q"]
    assert (answer.content, answer.finish_reason, answer.served_model) == ("<think>x</think>y", "length", "served-r1")
    assert (answer.prompt_tokens, answer.completion_tokens, answer.attempts, answer.failure) == (7, 5, 1, None)
    assert answer.think_mode == "template" and answer.latency_s is not None


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_that_comes_apart(field: str) -> None:
    async def handler(request, body, n):
        return web.json_response(completion("y", **{field: "because"}))

    answers, _ = ask(handler, asked("q"))
    assert (answers["q"].content, answers["q"].reasoning) == ("y", "because")


def test_prefill_opens_the_reasoning() -> None:
    async def handler(request, body, n):
        assert body["messages"][-1] == {"role": "assistant", "content": "<think>\n"}
        assert body["continue_final_message"] is True and body["add_generation_prompt"] is False
        return web.json_response(completion("x</think>y"))

    answers, _ = ask(handler, asked("q", think=True), think_mode="prefill")
    assert answers["q"].think_mode == "prefill"


async def drop(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"id": "x", "choi')
    request.transport.close()  # type: ignore[union-attr]
    return response


FAULTS = {
    "429 with Retry-After": lambda request: web.Response(status=429, headers={"Retry-After": "0"}, text="{}"),
    "429": lambda request: web.Response(status=429, text="slow down"),
    "500": lambda request: web.Response(status=500, text="oops"),
    "503": lambda request: web.Response(status=503, headers={"Retry-After": "soon"}, text=""),
    "dropped": drop,
    "cut JSON": lambda request: web.Response(text='{"id": "x", "choices": [{"ind', content_type="application/json"),
    "HTML": lambda request: web.Response(text="<html>gateway</html>", content_type="text/html"),
    "no choices": lambda request: web.json_response({**completion("x"), "choices": []}),
    "null content": lambda request: web.json_response(completion(None)),
    "an array": lambda request: web.json_response([1, 2]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_passing_faults_are_asked_again(name: str) -> None:
    async def handler(request, body, n):
        if n < 3:
            response = FAULTS[name](request)
            return await response if asyncio.iscoroutine(response) else response
        return web.json_response(completion("good"))

    answers, tries = ask(handler, asked("q"))
    assert (answers["q"].content, answers["q"].attempts, tries["q"]) == ("good", 3, 3)


def test_retry_after_is_obeyed() -> None:
    moments = []

    async def handler(request, body, n):
        moments.append(asyncio.get_running_loop().time())
        if n == 1:
            return web.Response(status=429, headers={"Retry-After": "1"}, text="{}")
        return web.json_response(completion("good"))

    answers, _ = ask(handler, asked("q"))
    assert answers["q"].content == "good"
    assert moments[1] - moments[0] >= 1.0


@pytest.mark.parametrize(
    ("status", "message", "failure"),
    [
        (400, "This model's maximum context length is 4096 tokens", "context_too_long"),
        (400, "rejected by our content policy", "refused"),
        (422, "top_p must be below 1", "bad_request"),
    ],
)
def test_permanent_failures_are_labelled_and_not_asked_again(status: int, message: str, failure: str) -> None:
    async def handler(request, body, n):
        return web.json_response({"error": {"message": message}}, status=status)

    answers, tries = ask(handler, asked("q"))
    assert (answers["q"].failure, answers["q"].content, tries["q"]) == (failure, "", 1)


def test_one_that_never_answers_stays_unanswered_and_the_others_come() -> None:
    async def handler(request, body, n):
        if body["messages"][0]["content"] == "bad":
            return web.Response(status=500, text="")
        return web.json_response(completion("good"))

    answers, tries = ask(handler, asked("a", "bad", "b"), attempts=2)
    assert set(answers) == {"a", "b"} and tries["bad"] == 2


def test_a_server_that_is_not_there_is_said_clearly() -> None:
    async def main() -> None:
        teacher = EndpointTeacher("r1", ["http://127.0.0.1:9/v1"], attempts=1)
        async for _ in teacher.answer(asked("q")):
            pytest.fail("nobody can have answered")

    with pytest.raises(TeacherUnavailable, match="is the server up"):
        asyncio.run(main())


def test_a_wrong_model_or_key_stops_at_once() -> None:
    async def handler(request, body, n):
        return web.json_response({"error": {"message": "no such model"}}, status=404)

    with pytest.raises(TeacherUnavailable, match="no such model"):
        ask(handler, asked("a", "b"))


def test_requests_are_drawn_only_as_there_is_room() -> None:
    drawn = []

    def requests():
        for number in range(50):
            drawn.append(number)
            yield from asked(str(number))

    async def main() -> None:
        async def handler(request, body, n):
            return web.json_response(completion(json.dumps(body["seed"])))

        async with server(handler) as (url, _):
            seen = 0
            async for _ in EndpointTeacher("r1", [url], concurrency=4).answer(requests()):
                seen += 1
                assert len(drawn) <= seen + 8
            assert seen == 50

    asyncio.run(main())
