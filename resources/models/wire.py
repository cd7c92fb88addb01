"""What OpenAI-compatible servers send, read: completions, errors of every make, and when to ask again. No network here.

Who is asked, how often and how much at once is ``endpoint.py`` and ``health.py``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai

LONGEST_RETRY_AFTER_S = 3600.0
# Finish reasons of an answer that the server, not the model, ended: vLLM's and SGLang's, OpenRouter's, DeepSeek's.
UNFINISHED = ("abort", "error", "insufficient_system_resource")


class Malformed(RuntimeError):
    """The server answered something that is no completion."""


class Aborted(RuntimeError):
    """The server broke off its answer."""


class ErrorInBody(RuntimeError):
    """An error with a status of its own in a body that came with 200, as routers send what their provider said."""

    def __init__(self, status_code: int, message: str) -> None:
        super().__init__(f"{message} (code {status_code} in the body)")
        self.status_code, self.message = status_code, message


Refusal = openai.APIStatusError | ErrorInBody


def read_completion(body: bytes, content_type: str) -> dict[str, Any]:
    """The fields of ``ChatAnswer`` in the body of a chat or text completion.

    Raises ``Malformed`` where it is neither, ``ErrorInBody`` where it is an error, ``Aborted`` where the server broke it off.
    """
    shown = body[:200]
    if "json" not in content_type:
        raise Malformed(f"content type {content_type or 'missing'}: {shown!r}")
    try:
        completion = json.loads(body)
        _raise_error_in(completion, completion if completion.get("object") == "error" else completion.get("error"))
        choice = completion["choices"][0]
        _raise_error_in(completion, choice.get("error"))
        message = choice.get("message") or {"content": choice["text"]}
        content, refusal = message.get("content"), message.get("refusal")
        reasoning = message.get("reasoning_content") or message.get("reasoning") or None
        finish = choice["finish_reason"]
        usage = completion.get("usage") or {}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Malformed(f"no completion ({error!r}): {shown!r}") from error
    if finish in UNFINISHED:
        raise Aborted(f"finish reason {finish}")
    if not isinstance(finish, str) or not all(isinstance(text, str | None) for text in (content, reasoning, refusal)):
        raise Malformed(f"an unfinished choice: {shown!r}")
    said = (content, reasoning, refusal)
    # SGLang, known by matched_stop, writes null for an empty text; elsewhere that is no answer.
    if all(text is None for text in said) and finish != "content_filter" and "matched_stop" not in choice:
        raise Malformed(f"an empty choice: {shown!r}")
    weights = (completion.get("metadata") or {}).get("weight_version")  # SGLang's
    cost = usage.get("cost")  # OpenRouter's
    return {
        "content": content or refusal or "",
        "reasoning": reasoning,
        "finish_reason": finish,
        "served_model": completion.get("model"),
        "revision": completion.get("system_fingerprint") or weights or completion.get("provider"),  # the last: OpenRouter's
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cost": float(cost) if isinstance(cost, int | float) else None,
        "failure": "refused" if refusal or finish == "content_filter" else None,
    }


def _raise_error_in(completion: Mapping[str, Any], error: Mapping[str, Any] | None) -> None:
    if error:
        code = error.get("code")
        if isinstance(code, int) and 400 <= code < 600:
            raise ErrorInBody(code, str(error.get("message")))
        if "choices" not in completion:
            raise ValueError(f"an error without a status: {error.get('message')}")


def kind_of(error: Exception) -> str:
    """The name a fault is counted under."""
    match error:
        case openai.APITimeoutError():
            return "timeout" if _timed_out(error) else "connection"
        case Aborted():
            return "aborted"
        case Malformed() | openai.APIResponseValidationError():
            return "malformed"
        case openai.APIStatusError() | ErrorInBody():
            return _KINDS.get(error.status_code, "server_error")
    return "connection"


_KINDS = {
    429: "rate_limited", 401: "denied", 402: "denied", 403: "denied", 404: "denied", 503: "overloaded", 529: "overloaded",
    408: "timeout", 504: "timeout",
}  # fmt: skip


def _timed_out(error: BaseException | None) -> bool:
    """Whether a clock ended it: the client calls a connection that the server closed a time-out too."""
    while error is not None:
        if isinstance(error, TimeoutError):
            return True
        error = error.__cause__
    return False


_TOO_LONG = re.compile(r"context.?(length|window|size|limit)|too long|longer than|maximum.{0,60}token")
_FILTERED = re.compile(r"content\W.{0,80}(policy|filter)|content exists risk|content_filter")
_FLAGGED = re.compile(r"flagged|moderation")


def refusal_of(error: Refusal) -> str | None:
    """Why a request is refused for good: context_too_long, refused or bad_request; None: it may be asked again."""
    status = error.status_code
    # Only the beginning: some servers repeat the request, and with it the prompt, in their message.
    text = str(error.message).lower()[:400]
    if status == 403 and _FLAGGED.search(text):
        return "refused"  # OpenRouter's moderation; any other 403 is about the key
    if status in (401, 402, 403, 404, 408, 409, 425, 429) or status >= 500:
        return None
    if status == 413 or _TOO_LONG.search(text):
        return "context_too_long"
    return "refused" if _FILTERED.search(text) else "bad_request"


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
