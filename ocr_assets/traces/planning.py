"""What to ask: the difference between what the settings want and what the lake holds. Lazy, pure, order-free.

Asking is ``resources/teacher``; keeping the answers is ``collect.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ocr_assets.records import Language, Response, content_id, json_text
from ocr_assets.traces.prompts import Template, template_name
from resources.teacher.api import ChatAnswer, ChatRequest, Sampling


@dataclass(frozen=True)
class Wanted:
    """How many samples a problem in each language, and how they are drawn."""

    samples: Mapping[Language, int]
    sampling: Sampling
    model: str


@dataclass(frozen=True)
class Planned:
    """A request and what identifies it in the lake."""

    request: ChatRequest
    problem_id: str
    language: Language
    sample_index: int
    template: Template
    prompt_hash: str


def plan(
    problems: Iterable[Mapping[str, Any]],
    wanted: Wanted,
    templates: Mapping[str, Template],
    known: frozenset[str] | set[str],
) -> Iterator[Planned]:
    """Requests still to be made for ``problems`` (rows of ``clean_problems``), leaving out the ids in ``known``.

    The id is the hash of problem, template, prompt, model, sampling, language and sample index: raising the number of
    samples asks for the additional ones only; changing anything else asks anew.
    """
    sampling = asdict(wanted.sampling)
    for problem in problems:
        for language, count in wanted.samples.items():
            name = template_name(problem, language)
            if name is None or count < 1:
                continue
            template = templates[name]
            messages = template.messages(problem)
            prompt_hash = hashlib.sha256(json_text(messages).encode("utf-8", "surrogatepass")).hexdigest()[:16]
            for sample in range(count):
                key = content_id(
                    "resp", problem["problem_id"], template.hash, prompt_hash, wanted.model, sampling, language, sample
                )
                if key in known:
                    continue
                request = ChatRequest(
                    key=key,
                    messages=messages,
                    sampling=wanted.sampling,
                    seed=_seed(key),
                    think=True,
                    aliases=[f"{origin}|{language}|{sample}" for origin in problem["origins"]],
                )
                yield Planned(request, problem["problem_id"], language, sample, template, prompt_hash)


def count_wanted(problems: Iterable[Mapping[str, Any]], wanted: Wanted) -> int:
    """How many responses the settings ask for in all; rows need only ``entry``."""
    return sum(count for problem in problems for language, count in wanted.samples.items() if template_name(problem, language))


def _seed(key: str) -> int:
    """A seed of its own for each request, the same whenever it is asked: 31 bits, which every engine takes."""
    return int(key.rpartition("_")[2][:8], 16) & 0x7FFFFFFF


def response_row(planned: Planned, answer: ChatAnswer, wanted: Wanted, teacher: str, now: datetime) -> Response:
    """The row to keep for an answer."""
    return {
        "response_id": planned.request.key,
        "problem_id": planned.problem_id,
        "language": planned.language,
        "sample_index": planned.sample_index,
        "template": planned.template.name,
        "template_hash": planned.template.hash,
        "prompt_hash": planned.prompt_hash,
        "model": wanted.model,
        "served_model": answer.served_model,
        "teacher": teacher,
        "endpoint": answer.endpoint,
        "think_mode": answer.think_mode,
        "sampling": json_text(asdict(wanted.sampling)),
        "seed": planned.request.seed,
        "content": answer.content,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "latency_s": answer.latency_s,
        "attempts": answer.attempts,
        "failure": answer.failure,
        "created_at": now,
    }
