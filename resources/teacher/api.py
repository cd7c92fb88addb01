"""What a teacher (or a judge) takes and gives, whichever engine stands behind it.

Planning what to ask and keeping what was answered belong to ``ocr_assets/traces``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypedDict


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
    ``think``: the answer shall begin inside a ``<think>`` block.
    """

    key: str
    messages: Sequence[Message]
    sampling: Sampling
    seed: int | None = None
    think: bool = False
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class ChatAnswer:
    """What came back. ``failure`` set: a permanent failure (context_too_long, refused, malformed …), content empty."""

    key: str
    content: str
    reasoning: str | None = None
    finish_reason: str | None = None
    served_model: str | None = None
    endpoint: str | None = None
    think_mode: str = "none"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    attempts: int = 1
    failure: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


class TeacherUnavailable(RuntimeError):
    """The engine cannot be reached or started; the message says which and what to do. Nothing was answered."""


class Teacher(Protocol):
    """A model that answers. ``name`` is the kind (recorded, endpoint, vllm), ``model`` the model asked for."""

    name: str
    model: str

    def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """Answers in order of arrival, each as soon as it is there; ``requests`` is drawn from as capacity frees.

        A request that got no answer now (no recording, endpoint down after retries) yields nothing and stays
        unanswered: asking again later is right. Raises ``TeacherUnavailable`` when nothing can be answered at all.
        """
        ...
