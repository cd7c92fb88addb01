"""What servers really send, in the shapes they send it, read through the real client over real HTTP.

Shapes as documented or reported in 2025 and 2026 for vLLM, SGLang, the DeepSeek API and OpenRouter; the wording of errors
decides how a request goes on, so it is as they write it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from resources.models import endpoint, health
from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling
from resources.models.endpoint import EndpointModel

MODEL = "deepseek-ai/DeepSeek-R1"
STOP_TOKEN = 151643


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(health, "FIRST_REST_S", 0.02)
    monkeypatch.setattr(health, "LONGEST_REST_S", 0.1)


def chat(
    message: dict[str, Any], finish: str | None, usage: dict[str, Any], choice: dict[str, Any], **top: Any
) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1750000000, "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", **message}, "logprobs": None, "finish_reason": finish, **choice}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46, **usage},
        **top,
    }  # fmt: skip


def vllm(text: str | None, reasoning: str | None = None, finish: str = "stop") -> dict[str, Any]:
    """vLLM names the reasoning ``reasoning``; until 0.10 it was ``reasoning_content``."""
    message = {"content": text, "refusal": None, "annotations": None, "audio": None, "function_call": None, "tool_calls": []}
    choice = {"stop_reason": None, "token_ids": None}
    return chat(
        {**message, "reasoning": reasoning}, finish, {"prompt_tokens_details": None}, choice, service_tier=None,
        system_fingerprint=None, prompt_logprobs=None, prompt_token_ids=None, kv_transfer_params=None,
    )  # fmt: skip


def sglang(text: str | None, reasoning: str | None = None, finish: str = "stop") -> dict[str, Any]:
    """SGLang writes null for an empty text, says what stopped it, and which weights it has."""
    usage = {"prompt_tokens_details": None, "reasoning_tokens": 0}
    choice = {"matched_stop": STOP_TOKEN if finish == "stop" else None}
    return chat(
        {"content": text, "reasoning_content": reasoning, "tool_calls": None}, finish, usage, choice,
        metadata={"weight_version": "default"},
    )  # fmt: skip


def deepseek(text: str, reasoning: str | None = None, finish: str = "stop") -> dict[str, Any]:
    usage = {
        "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 30},
        "prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": 12,
    }  # fmt: skip
    return chat({"content": text, "reasoning_content": reasoning}, finish, usage, {}, system_fingerprint="fp_deepseek_1")


def openrouter(text: str, reasoning: str | None = None, finish: str = "stop", **choice: Any) -> dict[str, Any]:
    details = [{"type": "reasoning.text", "text": reasoning, "format": "unknown", "index": 0}]
    usage = {"cost": 0.00123, "is_byok": False, "cost_details": {"upstream_inference_cost": None}}
    return chat(
        {"content": text, "refusal": None, "reasoning": reasoning, "reasoning_details": details}, finish, usage,
        {"native_finish_reason": finish, **choice}, provider="Fireworks",
    )  # fmt: skip


def flat(message: str, kind: str, code: int, param: str | None = None) -> dict[str, Any]:
    """SGLang's errors, and vLLM's until 0.10."""
    return {"object": "error", "message": message, "type": kind, "param": param, "code": code}


def nested(message: str, kind: str, code: Any, param: str | None = None) -> dict[str, Any]:
    """vLLM's errors since, and those of the DeepSeek API, whose code is a word."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def routed(message: str, code: int, **metadata: Any) -> dict[str, Any]:
    """OpenRouter's errors."""
    return {"error": {"message": message, "code": code, **({"metadata": metadata} if metadata else {})}, "user_id": "user_1"}


INVALID = "invalid_request_error"
GOOD = vllm("fine")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    """The base URL of a server whose completions of both kinds ``handler`` answers."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    app.router.add_post("/v1/completions", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def ask(*bodies: tuple[int, Any], **settings: Any) -> tuple[ChatAnswer | None, int, dict[str, int]]:
    """What becomes of a request whose tries are answered by ``bodies`` (status, JSON or text; the last again and again) while
    another is answered well; how often it was tried; the faults met."""
    tries = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal tries
        sent = await request.json()
        if sent["messages"][0]["content"] == "other":
            return web.json_response(GOOD)
        await asyncio.sleep(0.05)  # the other is answered first
        status, body = bodies[min(tries, len(bodies) - 1)]
        tries += 1
        return web.Response(
            status=status, text=body if isinstance(body, str) else json.dumps(body), content_type="application/json"
        )

    async def main() -> tuple[ChatAnswer | None, dict[str, int]]:
        async with server(handler) as url:
            teacher = EndpointModel(MODEL, [url], **{"attempts": 3, **settings})
            requests = [ChatRequest(key, [{"role": "user", "content": key}], Sampling()) for key in ("other", "q")]
            answers = {answer.key: answer async for answer in teacher.answer(requests)}
            assert answers["other"].content == "fine"
            return answers.get("q"), dict(teacher.errors)

    answer, errors = asyncio.run(main())
    return answer, tries, errors


@pytest.mark.parametrize(
    ("body", "content", "reasoning", "finish", "revision", "cost"),
    [
        (vllm("Hi.", "Well."), "Hi.", "Well.", "stop", None, None),
        (vllm(None, "Well, if", "length"), "", "Well, if", "length", None, None),
        (vllm("Well.</think>Hi."), "Well.</think>Hi.", None, "stop", None, None),
        (sglang("Hi.", "Well."), "Hi.", "Well.", "stop", "default", None),
        (sglang("Well.</think>Hi."), "Well.</think>Hi.", None, "stop", "default", None),
        (sglang(None, "Well, if", "length"), "", "Well, if", "length", "default", None),
        (sglang(None), "", None, "stop", "default", None),
        (deepseek("Hi.", "Well."), "Hi.", "Well.", "stop", "fp_deepseek_1", None),
        (deepseek("", "Well, if", "length"), "", "Well, if", "length", "fp_deepseek_1", None),
        # While the model is busy the DeepSeek API sends empty lines, OpenRouter blanks.
        ("\n\n\n" + json.dumps(deepseek("Hi.", "Well.")), "Hi.", "Well.", "stop", "fp_deepseek_1", None),
        ("   \n  " + json.dumps(openrouter("Hi.", "Well.")), "Hi.", "Well.", "stop", "Fireworks", 0.00123),
    ],
)
def test_answers(body: Any, content: str, reasoning: str | None, finish: str, revision: str | None, cost: float | None) -> None:
    answer, tries, errors = ask((200, body))
    assert answer is not None and (tries, errors, answer.failure) == (1, {}, None)
    assert (answer.content, answer.reasoning, answer.finish_reason) == (content, reasoning, finish)
    assert (answer.served_model, answer.revision, answer.cost) == (MODEL, revision, cost)
    assert (answer.prompt_tokens, answer.completion_tokens) == (12, 34)


LONG = "the context of a long contextual problem, maximum 10 tokens " * 50


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (400, nested("This model's maximum context length is 8192 tokens. However, your request has 9000 input tokens. Please reduce the "
                     "length of the input messages.", "BadRequestError", 400), "context_too_long"),
        (400, nested("'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum context length is 8192 tokens "
                     "and your request has 20 input tokens (16384 > 8192 - 20).", "BadRequestError", 400), "context_too_long"),
        (400, flat("This model's maximum context length is 4096 tokens. However, you requested 4472 tokens (376 in the messages, 4096 in "
                   "the completion). Please reduce the length of the messages or completion.", "BadRequestError", 400), "context_too_long"),
        (400, flat("The decoder prompt (length 10127) is longer than the maximum model length of 8192.", "BadRequestError", 400),
         "context_too_long"),
        (400, flat("The input (61709 tokens) is longer than the model's context length (40960 tokens).", "BadRequestError", 400),
         "context_too_long"),
        (400, flat("Requested token count exceeds the model's maximum context length of 40960 tokens. You requested a total of 50000 "
                   "tokens: 33616 tokens from the input messages and 16384 tokens for the completion.", "BadRequestError", 400),
         "context_too_long"),
        (400, nested("This model's maximum context length is 131072 tokens. However, you requested 131134 tokens (122942 in the messages, "
                     "8192 in the completion). Please reduce the length of the messages or completion.", INVALID, INVALID), "context_too_long"),
        (400, routed("This endpoint's maximum context length is 163840 tokens. However, you requested about 200000 tokens.", 400),
         "context_too_long"),
        (200, routed("This endpoint's maximum context length is 163840 tokens. However, you requested about 200000 tokens.", 400),
         "context_too_long"),
        (400, nested("Content Exists Risk", INVALID, INVALID), "refused"),
        (403, routed("Your chosen model requires moderation and your input was flagged", 403, reasons=["violence"], flagged_input="…",
                     provider_name="OpenAI", model_slug="x"), "refused"),
        (200, routed("Your chosen model requires moderation and your input was flagged", 403, reasons=["violence"]), "refused"),
        (400, flat("top_p must be in (0, 1], got 1.5.", "BadRequestError", 400), "bad_request"),
        (422, nested("Failed to deserialize the JSON body into the target type: temperature: invalid type", INVALID, INVALID),
         "bad_request"),
        # A message that repeats what was asked says nothing by the words of the question.
        (400, nested(f"[{{'type': 'extra_forbidden', 'loc': ('body', 'foo'), 'msg': 'Extra inputs are not permitted', 'input': {' ' * 400}"
                     f"'{LONG}'}}]", "BadRequestError", 400), "bad_request"),
    ],
)  # fmt: skip
def test_refusals_for_good(status: int, body: Any, failure: str) -> None:
    answer, tries, errors = ask((status, body))
    assert answer is not None and (answer.failure, answer.content, tries, errors) == (failure, "", 1, {})
    assert answer.extra["message"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, sglang("It is", finish="abort"), "aborted"),
        (200, vllm("It is", finish="abort"), "aborted"),
        (200, deepseek("It is", finish="insufficient_system_resource"), "aborted"),
        (200, openrouter("It is", finish="error"), "aborted"),
        (200, openrouter("It is", finish="error", error={"code": 502, "message": "Provider disconnected"}), "server_error"),
        (200, routed("Provider returned error", 502, provider_name="Fireworks", raw="upstream closed"), "server_error"),
        (200, routed("Rate limit exceeded: free-models-per-min.", 429), "rate_limited"),
        (200, {"error": {"message": "something", "code": "internal"}}, "malformed"),
        (200, vllm(None), "malformed"),
        (429, routed("Rate limit exceeded: free-models-per-min.", 429), "rate_limited"),
        (502, routed("Provider returned error", 502), "server_error"),
        (503, flat("Request waiting timeout reached.", "503", 503), "overloaded"),
        (503, routed("No instances available", 503), "overloaded"),
        (500, flat("Internal server error: CUDA out of memory", "InternalServerError", 500), "server_error"),
        (500, nested("EngineCore encountered an issue. See stack trace (above) for the root cause.", "InternalServerError", 500),
         "server_error"),
    ],
)  # fmt: skip
def test_faults_that_pass_are_asked_again_and_never_kept(status: int, body: Any, kind: str) -> None:
    answer, tries, errors = ask((status, body), (200, GOOD))
    assert answer is not None and (answer.content, answer.failure, answer.attempts, tries) == ("fine", None, 2, 2)
    assert errors == {kind: 1}


def test_an_answer_that_is_aborted_each_time_is_neither_kept_nor_labelled() -> None:
    answer, tries, errors = ask((200, sglang("It is", finish="abort")))
    assert (answer, tries, errors) == (None, 3, {"aborted": 3})


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            401,
            nested("Authentication Fails, Your api key: ****1 is invalid", "authentication_error", INVALID),
            "Authentication Fails",
        ),
        (402, nested("Insufficient Balance", "unknown_error", INVALID), "Insufficient Balance"),
        (402, routed("Insufficient credits. Add more using https://openrouter.ai/credits", 402), "Insufficient credits"),
        (200, routed("Insufficient credits. Add more using https://openrouter.ai/credits", 402), "Insufficient credits"),
        (404, nested("The model `r2` does not exist.", "NotFoundError", 404, "model"), "does not exist"),
    ],
)
def test_a_server_that_will_answer_nothing_ends_it(status: int, body: Any, said: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    async def main() -> None:
        async with server(handler) as url:
            async for _ in EndpointModel(MODEL, [url]).answer([ChatRequest("q", [{"role": "user", "content": "q"}], Sampling())]):
                pytest.fail("nothing was answered")

    with pytest.raises(ModelUnavailable, match=said):
        asyncio.run(main())


@pytest.mark.parametrize("adds_first", [True, False])
def test_a_raw_prompt_has_its_first_token_once_however_the_server_tokenizes(tmp_path: Path, adds_first: bool) -> None:
    """DeepSeek's template begins with the token that its tokenizer puts first as well."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    raw.train_from_iterator(["ask"], trainers.BpeTrainer(special_tokens=["<s>", "<think>"], initial_alphabet=alphabet))
    if adds_first:
        raw.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", raw.token_to_id("<s>"))])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token="<s>")
    tokenizer.chat_template = "<s>{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}"
    tokenizer.save_pretrained(tmp_path)
    sent: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        sent.append(await request.json())
        body = {**sglang(None), "object": "text_completion"}
        body["choices"] = [{"index": 0, "text": "so</think>yes", "logprobs": None, "finish_reason": "stop", "matched_stop": 2}]
        return web.json_response(body)

    async def main() -> list[ChatAnswer]:
        async with server(handler) as url:
            teacher = EndpointModel(MODEL, [url], think_mode="completion", tokenizer=str(tmp_path))
            request = ChatRequest("q", [{"role": "user", "content": "ask"}], Sampling(), think=True)
            return [answer async for answer in teacher.answer([request])]

    (answer,) = asyncio.run(main())
    assert (answer.content, answer.think_mode, answer.separated.reasoning) == ("so</think>yes", "completion", "so")
    (body,) = sent
    wanted = tokenizer.encode("<s>user: ask <think>\n", add_special_tokens=False)
    # SGLang knows no add_special_tokens, vLLM takes true where nothing is said.
    assert tokenizer.encode(body["prompt"]) == wanted
    assert tokenizer.encode(body["prompt"], add_special_tokens=body.get("add_special_tokens", True)) == wanted
