"""A small model in this process, by plain transformers: for checkpoints of experiments, where starting an engine takes longer
than the answers. Large models are ``vllm.py``'s.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any

from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, ThinkMode
from resources.models.chat_template import open_user_turn, render

_ENDPOINT = "in process (transformers)"
SMALL = 20_000_000  # parameters


class TransformersModel:
    """``weights`` (path or name) on the processor or the first GPU. Answers come in batches of ``batch`` requests.

    ``called``: what the model is called in answers, where that is not where its weights lie. ``empty_system``: see
    ``chat_template.render``.
    """

    name = "transformers"

    def __init__(
        self,
        weights: str,
        think_mode: ThinkMode = "none",
        *,
        called: str | None = None,
        empty_system: bool = False,
        batch: int = 128,
    ) -> None:
        self.model, self._empty_system = called or weights, empty_system
        self.errors: Counter[str] = Counter()
        self._weights, self._think_mode, self._batch = weights, think_mode, batch
        self._loaded: tuple[Any, Any] | None = None

    def _load(self) -> tuple[Any, Any]:
        """Model and tokenizer, loaded once. Raises ``ModelUnavailable``."""
        if self._loaded is None:
            try:
                import torch
                from transformers import AutoModelForCausalLM, AutoTokenizer

                tokenizer = AutoTokenizer.from_pretrained(self._weights, padding_side="left")
                model: Any = AutoModelForCausalLM.from_pretrained(self._weights, dtype="auto")
                if model.num_parameters() < SMALL:
                    torch.set_num_threads(1)  # threads would wait for each other longer than they work
                self._loaded = model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer
            except ImportError as error:
                raise ModelUnavailable(f"transformers is not installed ({error}): pip install 'ocr-assets[train]'") from error
            except (OSError, ValueError, RuntimeError) as error:
                raise ModelUnavailable(f"transformers cannot load {self._weights}: {error}") from error
        return self._loaded

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """See ``ChatModel.answer``. Requests of one batch are drawn together, seeded by the seeds of all of them, so an answer
        depends on its batch; what was asked and answered is stored."""
        waiting = iter(requests)
        while batch := list(islice(waiting, self._batch)):
            for answer in await asyncio.to_thread(lambda batch=batch: list(self._answers(batch))):  # type: ignore[misc]
                yield answer

    def _answers(self, batch: list[ChatRequest]) -> Iterator[ChatAnswer]:
        by_sampling: dict[Any, list[ChatRequest]] = {}
        for request in batch:
            by_sampling.setdefault((request.sampling, tuple(request.stop)), []).append(request)
        for alike in by_sampling.values():
            yield from self._drawn(alike)

    def _drawn(self, requests: list[ChatRequest]) -> Iterator[ChatAnswer]:
        import torch

        began = time.monotonic()
        model, tokenizer = self._load()
        texts, modes = zip(*(self._text(tokenizer, request) for request in requests), strict=True)
        given = tokenizer(list(texts), return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
        length = given["input_ids"].shape[1]
        room = model.config.max_position_embeddings - length
        if room < 1:
            lengths = given["attention_mask"].sum(dim=1).tolist()
            for request, mode, tokens in zip(requests, modes, lengths, strict=True):
                yield ChatAnswer(
                    request.key, "", served_model=self.model, endpoint=_ENDPOINT, think_mode=mode, prompt_tokens=tokens,
                    failure="context_too_long", extra={"message": f"{tokens} prompt tokens"},
                )  # fmt: skip
            return
        sampling = requests[0].sampling
        torch.manual_seed(sum(request.seed or 0 for request in requests) % (1 << 63))
        draw = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        with torch.inference_mode():
            drawn = model.generate(
                **given,
                **(draw if sampling.temperature > 0 else {"do_sample": False}),
                max_new_tokens=min(sampling.max_tokens, room),
                pad_token_id=tokenizer.pad_token_id,
                **({"stop_strings": list(requests[0].stop), "tokenizer": tokenizer} if requests[0].stop else {}),
            )
        seconds = time.monotonic() - began
        ends = model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        for number, (request, mode) in enumerate(zip(requests, modes, strict=True)):
            tokens = drawn[number, length:].tolist()
            end = next((place for place, token in enumerate(tokens) if token in ends), None)
            content = tokenizer.decode(tokens[:end], skip_special_tokens=False)
            stopped = next((stop for stop in request.stop if stop in content), None)
            yield ChatAnswer(
                key=request.key,
                content=content.partition(stopped)[0] if stopped else content,
                finish_reason="stop" if end is not None or stopped else "length",
                served_model=self.model,
                endpoint=_ENDPOINT,
                think_mode=mode,
                prompt_tokens=int(given["attention_mask"][number].sum()),
                completion_tokens=len(tokens) if end is None else end + 1,
                latency_s=seconds,
            )

    def _text(self, tokenizer: Any, request: ChatRequest) -> tuple[str, ThinkMode]:
        if request.user_turn:
            return open_user_turn(tokenizer, request.messages), "none"
        opened = self._think_mode if request.think else "none"
        return render(tokenizer, request.messages, opened, empty_system=self._empty_system)
