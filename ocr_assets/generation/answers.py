"""The columns that every paid answer is kept with (``TeacherAnswer`` in ``ocr_assets/schema/synthesis.py``), and their parts.

What an answer says is read by the stage that asked; how a model is asked is ``runner.py``.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ocr_assets.generation.prompts import PromptTemplate
from ocr_assets.generation.request_loop import Usage
from ocr_assets.schema import json_text
from resources.models.api import ChatAnswer, ChatModel, ChatRequest, Sampling


def sampling_json(sampling: Sampling) -> str:
    """Sampling as it is stored with each answer."""
    return json_text(asdict(sampling))


def seed_of(key: str) -> int:
    """A seed of its own for each request, the same whenever it is asked: 31 bits, which every engine takes."""
    return int(key.rpartition("_")[2][:8], 16) & 0x7FFFFFFF


def answer_columns(
    request: ChatRequest, template: PromptTemplate, prompt_hash: str, answer: ChatAnswer, usage: Usage, teacher: ChatModel
) -> dict[str, Any]:
    """All of ``TeacherAnswer`` but ``parser_version``, which the reader of the answer adds."""
    return {
        "template": template.name,
        "template_hash": template.hash,
        "prompt_hash": prompt_hash,
        "model": teacher.model,
        "served_model": answer.served_model,
        "revision": answer.revision,
        "teacher": teacher.name,
        "endpoint": answer.endpoint,
        "sampling": sampling_json(request.sampling),
        "seed": request.seed,
        "content": answer.content,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "tokens_from": "counted" if usage.counted else "server",
        "cost": usage.cost,
        "latency_s": answer.latency_s,
        "attempts": answer.attempts,
        "failure": answer.failure,
        "message": answer.extra.get("message"),
        "created_at": datetime.now(UTC),
    }
