"""What a teacher (or a judge) takes and gives, whichever engine stands behind it.

What belongs here: the types that pass between a model call and its caller. The engines are the modules beside; the loop
that keeps what was paid for is ``ocr_assets/generation/request_loop.py``; what to ask is planned by the stage that asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol, TypedDict

from resources.models.reasoning import SeparatedReasoning, separate_reasoning

# How the reasoning is opened. template: the chat template does it; prefill: an assistant turn "<think>" to be continued;
# completion: a raw completion, the template applied by us and "<think>" appended; none: not opened, the model may itself.
ThinkMode = Literal["template", "prefill", "completion", "none"]
OPENING = "<think>\n"


class Message(TypedDict):
    """One chat turn."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Sampling:
    """Nucleus sampling as the papers use it. ``seed`` is per request and derived from the sample index."""

    temperature: float = 0.6
    top_p: float = 0.95
    max_tokens: int = 16_384


@dataclass(frozen=True)
class ChatRequest:
    """One question to a model.

    ``key`` is the content hash of what is asked; the answer is stored under it. ``aliases`` are names a person would
    give the request (``taco/train/3|python|0``), by which recorded answers written by hand are found.
    ``think``: the answer shall begin inside a ``<think>`` block. ``stop``: texts that end the answer, themselves left out.
    ``user_turn``: the last message is a user's turn that the model shall continue, as the user; it is not answered. That is
    always a raw completion, the chat template applied by us and cut open (``chat_template.open_user_turn``).
    """

    key: str
    messages: Sequence[Message]
    sampling: Sampling
    seed: int | None = None
    think: bool = False
    aliases: Sequence[str] = ()
    stop: Sequence[str] = ()
    user_turn: bool = False


@dataclass(frozen=True)
class ChatAnswer:
    """What came back, raw. ``failure`` set: a permanent failure (see ``FAILURES``), content empty.

    ``revision``: what the server says of the weights or build behind the name (``system_fingerprint``, weight version, the
    router's provider).
    ``cost``: US dollars as the server reports them, if it does. ``attempts``: tries until this answer.
    """

    key: str
    content: str
    reasoning: str | None = None
    finish_reason: str | None = None
    served_model: str | None = None
    revision: str | None = None
    endpoint: str | None = None
    think_mode: ThinkMode = "none"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    latency_s: float | None = None
    attempts: int = 1
    failure: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def separated(self) -> SeparatedReasoning:
        """Reasoning and answer, whichever way they arrived."""
        return separate_reasoning(self.content, self.reasoning, opened=self.think_mode != "none")


# Why a request is never answered. malformed: every try brought something that is no completion, while others are answered.
FAILURES = ("context_too_long", "refused", "bad_request", "malformed")


class ModelUnavailable(RuntimeError):
    """The engine cannot be reached or started; the message says which and what to do."""


class ChatModel(Protocol):
    """A model that answers. ``name`` is the kind (recorded, endpoint, vllm), ``model`` the model asked for.

    ``errors``: faults met so far by kind (rate_limited, timeout, malformed …), whether or not a later try answered.
    """

    name: str
    model: str

    @property
    def errors(self) -> Counter[str]: ...

    def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """Answers in order of arrival, each as soon as it is there.

        ``requests`` is drawn from only as capacity frees, and an answer's slot is free only once the caller comes back
        for the next: what the caller does with an answer is done before anything is asked in its place. It may end for the
        moment and have more after an answer, so it is looked at again after each; it is over when nothing is in flight either.
        A request that got no answer now (no recording, endpoint down after retries) yields nothing and stays
        unanswered: asking again later is right. Raises ``ModelUnavailable`` when nothing can be answered at all.
        """
        ...
