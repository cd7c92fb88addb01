"""The endpoint teacher against a server that misbehaves in every way servers do, spoken to over real HTTP."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from resources.models import endpoint, health, wire
from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling
from resources.models.endpoint import EndpointModel
from tests.support.chaos import Chaos, completion

Handler = Callable[[web.Request, dict, int], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(health, "FIRST_REST_S", 0.02)
    monkeypatch.setattr(health, "LONGEST_REST_S", 0.1)


@asynccontextmanager
async def server(handler: Handler, models: object = None) -> AsyncIterator[tuple[str, Counter[str]]]:
    """A server whose ``handler(request, body, n)`` answers the n-th try (from 1) of each prompt; its URL and the tries.
    ``models``: what it lists as its models, if it does."""
    tries: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        prompt = body["messages"][0]["content"]
        tries[prompt] += 1
        return await handler(request, body, tries[prompt])

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)

    async def list_models(request: web.Request) -> web.StreamResponse:
        return web.json_response(models)

    if models is not None:
        app.router.add_get("/v1/models", list_models)
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


def ask(
    handler: Handler, requests: list[ChatRequest], models: object = None, **settings: object
) -> tuple[dict[str, ChatAnswer], Counter[str]]:
    async def all_answers() -> tuple[dict[str, ChatAnswer], Counter[str]]:
        async with server(handler, models) as (url, tries):
            teacher = EndpointModel("r1", [url], **settings)  # type: ignore[arg-type]
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
        teacher = EndpointModel("r1", ["http://127.0.0.1:9/v1"], attempts=1)
        async for _ in teacher.answer(asked("q")):
            pytest.fail("nobody can have answered")

    with pytest.raises(ModelUnavailable, match="is the server up"):
        asyncio.run(main())


def test_a_wrong_model_or_key_stops_at_once() -> None:
    async def handler(request, body, n):
        return web.json_response({"error": {"message": "no such model"}}, status=404)

    with pytest.raises(ModelUnavailable, match="no such model"):
        ask(handler, asked("a", "b"))


def test_a_key_that_one_of_two_servers_refuses_leaves_the_work_to_the_other() -> None:
    async def deny(request, body, n):
        return web.json_response({"error": {"message": "wrong key"}}, status=401)

    async def good(request, body, n):
        return web.json_response(completion("good"))

    async def main() -> None:
        async with server(deny) as (denied, tries), server(good) as (url, _):
            teacher = EndpointModel("r1", [denied, url], concurrency=4)
            answers = [answer async for answer in teacher.answer(asked(*map(str, range(20))))]
            assert len(answers) == 20 and {answer.endpoint for answer in answers} == {url}
            assert tries.total() <= 2, "what is refused once is not asked again"

    asyncio.run(main())


def test_one_dead_server_of_two_leaves_all_places_to_the_other() -> None:
    async def main() -> None:
        inside = most = 0
        full = asyncio.Event()

        async def good(request, body, n):
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            if inside == 8:
                full.set()
            await full.wait()
            inside -= 1
            return web.json_response(completion("good"))

        async with server(good) as (url, _):
            teacher = EndpointModel("r1", ["http://127.0.0.1:9/v1", url], concurrency=8, attempts=50)
            answers = [answer async for answer in teacher.answer(asked(*map(str, range(40))))]
            assert len(answers) == 40 and most == 8

    asyncio.run(asyncio.wait_for(main(), 60))


def test_settings_that_every_request_is_refused_for_stop_it_before_anything_is_kept() -> None:
    async def handler(request, body, n):
        return web.json_response({"error": {"message": "top_p must be below 1"}}, status=400)

    with pytest.raises(ModelUnavailable, match=r"refuses every request: .*top_p must be below 1.* nothing was kept"):
        ask(handler, asked(*map(str, range(30))))


def test_one_bad_request_among_good_ones_is_a_labelled_row() -> None:
    async def handler(request, body, n):
        if body["messages"][0]["content"] == "bad":
            return web.json_response({"error": {"message": "messages are odd"}}, status=400)
        return web.json_response(completion("good"))

    answers, _ = ask(handler, asked("bad", *map(str, range(5))))
    assert answers.pop("bad").failure == "bad_request" and len(answers) == 5
    assert {answer.failure for answer in answers.values()} == {None}


MALFORMED = [name for name in FAULTS if name in ("cut JSON", "HTML", "no choices", "null content", "an array")]


@pytest.mark.parametrize("name", MALFORMED)
def test_one_whose_every_answer_is_malformed_is_a_labelled_row_while_others_are_answered(name: str) -> None:
    async def handler(request, body, n):
        return FAULTS[name](request) if body["messages"][0]["content"] == "bad" else web.json_response(completion("good"))

    answers, tries = ask(handler, asked("bad", *map(str, range(5))), attempts=3)
    bad = answers.pop("bad")
    assert (bad.failure, bad.content, bad.attempts, tries["bad"]) == ("malformed", "", 3, 3)
    assert bad.extra["message"] and bad.endpoint is not None
    assert [answer.failure for answer in answers.values()] == [None] * 5


def test_malformed_answers_among_other_faults_leave_it_unanswered() -> None:
    async def handler(request, body, n):
        if body["messages"][0]["content"] == "bad":
            return FAULTS["cut JSON"](request) if n != 2 else web.Response(status=500, text="")
        return web.json_response(completion("good"))

    answers, tries = ask(handler, asked("bad", *map(str, range(5))), attempts=3)
    assert "bad" not in answers and tries["bad"] == 3 and len(answers) == 5


def test_being_told_to_wait_in_between_does_not_make_malformed_answers_better() -> None:
    async def handler(request, body, n):
        if body["messages"][0]["content"] == "bad":
            return FAULTS["cut JSON"](request) if n % 2 else FAULTS["429 with Retry-After"](request)
        return web.json_response(completion("good"))

    answers, tries = ask(handler, asked("bad", *map(str, range(5))), attempts=3)
    assert (answers["bad"].failure, answers["bad"].attempts, tries["bad"]) == ("malformed", 5, 5)


def test_the_last_request_of_all_is_labelled_too_where_the_server_is_one() -> None:
    async def handler(request, body, n):
        return FAULTS["cut JSON"](request)

    answers, _ = ask(handler, asked("bad"), attempts=2, models={"object": "list", "data": [{"id": "r1", "object": "model"}]})
    assert answers["bad"].failure == "malformed"
    for no_list in (["HTML"], {"data": []}, "text"):
        with pytest.raises(ModelUnavailable, match="sends no completion"):
            ask(handler, asked("bad"), attempts=2, models=no_list)


@pytest.mark.parametrize("requests", [1, 3, 30])
def test_a_server_that_sends_nothing_but_malformed_bodies_is_no_server_and_nothing_is_kept(requests: int) -> None:
    async def handler(request, body, n):
        return FAULTS["HTML"](request)

    with pytest.raises(ModelUnavailable, match=r"sends no completion to any request: content type text/html.*nothing was kept"):
        ask(handler, asked(*map(str, range(requests))), attempts=2)


def test_what_one_of_two_servers_garbles_is_not_held_against_the_request() -> None:
    async def main() -> None:
        answered = asyncio.Event()

        async def garble(request, body, n):
            await answered.wait()
            return FAULTS["HTML"](request)

        async def good(request, body, n):
            answered.set()
            return web.json_response(completion("good"))

        async with server(garble) as (garbling, tries), server(good) as (url, _):
            teacher = EndpointModel("r1", [garbling, url], concurrency=4, attempts=1)
            answers = [answer async for answer in teacher.answer(asked(*map(str, range(20))))]
            assert tries.total() > 0 and len(answers) == 20 - tries.total()
            assert {answer.failure for answer in answers} == {None}

    asyncio.run(main())


def test_a_content_filter_is_a_refusal() -> None:
    async def handler(request, body, n):
        return web.json_response(completion(None, "content_filter"))

    answers, tries = ask(handler, asked("q"))
    assert (answers["q"].failure, tries["q"]) == ("refused", 1)


def test_a_request_is_given_up_at_its_deadline_however_kindly_it_is_put_off() -> None:
    async def handler(request, body, n):
        if body["messages"][0]["content"] == "never":
            return web.Response(status=429, headers={"Retry-After": "0"}, text="{}")
        return web.json_response(completion("good"))

    answers, tries = ask(handler, asked("a", "never"), deadline_s=1.0)
    assert set(answers) == {"a"} and tries["never"] > 1


def test_servers_that_go_away_for_good_end_the_run_with_what_was_met() -> None:
    async def handler(request, body, n):
        if int(body["messages"][0]["content"]) < 10:
            return web.json_response(completion("good"))
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with pytest.raises(ModelUnavailable, match=r"no sign of life .*connection"):
        ask(handler, asked(*map(str, range(60))), concurrency=8, patience_s=0.3, attempts=1000)


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("7", 7, 7),
        ("1.5", 1.5, 1.5),
        ("-3", 0, 0),
        ("99999999", 3600, 3600),
        ("nan", None, None),
        ("soon", None, None),
        ("", None, None),
    ],
)
def test_retry_after_in_seconds(value: str, low: float | None, high: float | None) -> None:
    found = wire.retry_after({"retry-after": value})
    assert found is None if low is None else found is not None and low <= found <= high  # type: ignore[operator]


def test_retry_after_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    earlier = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    found = wire.retry_after({"retry-after": later})
    assert found is not None and 60 < found <= 90
    assert wire.retry_after({"retry-after": earlier}) == 0.0
    assert wire.retry_after({}) is None


def test_too_much_at_once_is_turned_down_until_it_fits() -> None:
    """A server with room for three: the limit comes down by halves, and all are answered."""
    inside = most = turned_away = 0

    async def handler(request, body, n):
        nonlocal inside, most, turned_away
        if inside >= 3:
            turned_away += 1
            return web.Response(status=429, text="{}")
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.002)
        inside -= 1
        return web.json_response(completion("good"))

    answers, _ = ask(handler, asked(*map(str, range(150))), concurrency=64)
    assert len(answers) == 150 and most <= 3 and turned_away > 0


def test_leaving_early_cancels_what_is_under_way() -> None:
    async def main() -> None:
        with Chaos(delay_s=0.5) as server:
            requests = [ChatRequest(str(n), [{"role": "user", "content": "q"}], Sampling(), n) for n in range(100)]
            answers = EndpointModel("r1", [server.url], concurrency=10).answer(requests)
            async for _ in answers:
                break
            await answers.aclose()  # type: ignore[attr-defined]
            assert server.asked.total() <= 10
            assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("kind", "counted"),
    [("429", "rate_limited"), ("503", "overloaded"), ("500", "server_error"), ("late", "timeout"), ("dropped at once", "connection"),
     ("dropped mid-body", "connection"), ("cut JSON", "malformed"), ("sent twice", "malformed"), ("HTML", "malformed")],
)  # fmt: skip
def test_faults_are_told_apart(kind: str, counted: str) -> None:
    async def main() -> None:
        with Chaos(faults=1.0, kinds=(kind,)) as server:
            teacher = EndpointModel("r1", [server.url], attempts=2, timeout_s=1.0, deadline_s=5.0)
            request = ChatRequest("k", [{"role": "user", "content": "q"}], Sampling(), 1)
            with pytest.raises(ModelUnavailable):
                assert [answer async for answer in teacher.answer([request])] == []
            assert set(teacher.errors) - {"deadline"} == {counted}

    asyncio.run(main())


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
            async for _ in EndpointModel("r1", [url], concurrency=4).answer(requests()):
                seen += 1
                assert len(drawn) <= seen + 8
            assert seen == 50

    asyncio.run(main())
