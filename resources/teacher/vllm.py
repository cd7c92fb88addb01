"""A teacher in this process: vLLM's offline engine, for a GPU job with no server.

The chat template is applied here, ``<think>`` appended where asked, so what the model saw is exactly what is stored.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any

from resources.teacher.api import ChatAnswer, ChatRequest, TeacherUnavailable
from resources.teacher.endpoint import OPENING


class VllmTeacher:
    """``model`` (path or name) loaded by vLLM with ``engine`` arguments (tensor_parallel_size, max_model_len, dtype …).

    Requests are answered ``batch`` at a time: large enough to keep the engine full, small enough that little is lost.
    """

    name = "vllm"

    def __init__(self, model: str, batch: int = 256, **engine: Any) -> None:
        self.model = model
        self._batch, self._engine_arguments = batch, engine
        self._engine: Any = None

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """Answers batch by batch."""
        iterator = iter(requests)
        while batch := list(islice(iterator, self._batch)):
            for answer in await asyncio.to_thread(self._generate, batch):
                yield answer

    def _load(self) -> Any:
        if self._engine is None:
            try:
                from vllm import LLM
            except ImportError as error:
                raise TeacherUnavailable("vLLM is not installed: pip install vllm (or use OCR_TEACHER=endpoint)") from error
            self._engine = LLM(model=self.model, **self._engine_arguments)
        return self._engine

    def _generate(self, batch: list[ChatRequest]) -> list[ChatAnswer]:
        engine = self._load()
        from vllm import SamplingParams

        tokenizer = engine.get_tokenizer()
        room = engine.llm_engine.model_config.max_model_len
        answers, prompts, sampling, asked = [], [], [], []
        for request in batch:
            messages = [m for m in request.messages if m["content"] or m["role"] != "system"]
            text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            if request.think and not text.rstrip().endswith("<think>"):
                text += OPENING
            tokens = tokenizer.encode(text, add_special_tokens=False)
            if len(tokens) >= room:
                answers.append(ChatAnswer(request.key, "", prompt_tokens=len(tokens), failure="context_too_long"))
                continue
            asked.append(request)
            prompts.append({"prompt_token_ids": tokens})
            sampling.append(
                SamplingParams(
                    temperature=request.sampling.temperature,
                    top_p=request.sampling.top_p,
                    max_tokens=min(request.sampling.max_tokens, room - len(tokens)),
                    seed=request.seed,
                )
            )
        start = time.monotonic()
        outputs = engine.generate(prompts, sampling, use_tqdm=False) if prompts else []
        for request, output in zip(asked, outputs, strict=True):
            best = output.outputs[0]
            answers.append(
                ChatAnswer(
                    key=request.key,
                    content=best.text,
                    finish_reason=best.finish_reason,
                    served_model=self.model,
                    think_mode="template" if request.think else "none",
                    prompt_tokens=len(output.prompt_token_ids),
                    completion_tokens=len(best.token_ids),
                    latency_s=time.monotonic() - start,
                )
            )
        return answers
