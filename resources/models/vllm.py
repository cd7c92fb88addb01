"""A model in this process: vLLM's own engine, for a GPU job with no server.

The engine steps in a thread of its own and is kept full; each answer is handed over the moment it is finished. The chat
template is applied here, so what the model saw is exactly what is stored.
"""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, ThinkMode
from resources.models.chat_template import open_user_turn, render


@dataclass(frozen=True)
class _Job:
    """A request as the engine takes it."""

    request: ChatRequest
    tokens: list[int]
    sampling: Any
    think_mode: ThinkMode
    began: float


class VllmModel:
    """``model`` (path or name) loaded by vLLM with ``engine`` arguments (tensor_parallel_size, max_model_len, dtype …).

    ``think_mode`` opens the reasoning (see ``ThinkMode``); what really opened it is in the answer. ``in_flight``: requests
    the engine is given at once; default twice what it runs at once, so that it never waits for us. ``called``: what the model
    is called in answers, where that is not where its weights lie. ``empty_system``: see ``chat_template.render``.
    """

    name = "vllm"

    def __init__(
        self,
        model: str,
        think_mode: ThinkMode = "template",
        in_flight: int | None = None,
        *,
        called: str | None = None,
        empty_system: bool = False,
        **engine: Any,
    ) -> None:
        self.model, self.think_mode = called or model, think_mode
        self._weights, self._empty_system = model, empty_system
        self.errors: Counter[str] = Counter()
        self._in_flight, self._engine_arguments = in_flight, engine
        self._llm: Any = None
        self._watch: subprocess.Popen[bytes] | None = None

    @property
    def llm(self) -> Any:
        """vLLM's ``LLM``, loaded on first use. Raises ``ModelUnavailable`` with the remedy."""
        if self._llm is None:
            try:
                from vllm import LLM
                from vllm.platforms import current_platform
            except ImportError as error:
                raise ModelUnavailable(
                    f"vLLM is not installed ({error}): pip install 'ocr-assets[vllm]', or use OCR_TEACHER=endpoint"
                ) from error
            arguments = dict(self._engine_arguments)
            if current_platform.is_cpu():
                # vLLM 0.32 on a CPU cannot rewind a seeded generator, which a prompt prefilled in chunks needs: it dies.
                arguments.setdefault("enable_chunked_prefill", False)
            try:
                self._llm = LLM(model=self._weights, **arguments)
            except (OSError, ValueError, RuntimeError) as error:
                raise ModelUnavailable(f"vLLM cannot load {self._weights}: {error}") from error
            self._watch = _end_with_us()
        return self._llm

    async def answer(self, requests: Iterable[ChatRequest]) -> AsyncIterator[ChatAnswer]:
        """See ``ChatModel.answer``. A prompt that leaves no room for an answer is the failure ``context_too_long``."""
        engine = self.llm.llm_engine
        tokenizer = self.llm.get_tokenizer()
        capacity = self._in_flight or 2 * engine.vllm_config.scheduler_config.max_num_seqs
        loop = asyncio.get_running_loop()
        finished: asyncio.Queue[tuple[_Job, Any] | Exception] = asyncio.Queue()
        jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()

        def deliver(item: tuple[_Job, Any] | Exception) -> None:
            loop.call_soon_threadsafe(finished.put_nowait, item)

        thread = threading.Thread(target=_drive, args=(engine, jobs, deliver), name="vllm engine", daemon=True)
        thread.start()
        waiting = iter(requests)
        try:
            in_hand = 0
            while True:
                while in_hand < capacity:
                    request = next(waiting, None)
                    if request is None:
                        break  # for now: the next answer may bring more
                    job = self._job(request, tokenizer, engine.model_config.max_model_len)
                    if isinstance(job, ChatAnswer):
                        yield job
                        continue
                    jobs.put(job)
                    in_hand += 1
                if not in_hand:
                    break
                item = await finished.get()
                if isinstance(item, Exception):
                    raise ModelUnavailable(f"vLLM's engine failed: {item!r}; see its log above") from item
                yield self._answer(*item, revision=engine.model_config.revision)
                in_hand -= 1
        finally:
            jobs.put(None)
            # The engine may be in the middle of a step, which takes a fraction of a second; the loop must not stand still.
            await asyncio.shield(asyncio.to_thread(thread.join))

    def _job(self, request: ChatRequest, tokenizer: Any, room: int) -> _Job | ChatAnswer:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        mode: ThinkMode
        if request.user_turn:
            text, mode = open_user_turn(tokenizer, request.messages), "none"
        else:
            opened = self.think_mode if request.think else "none"
            text, mode = render(tokenizer, request.messages, opened, empty_system=self._empty_system)
        tokens = tokenizer.encode(text, add_special_tokens=False)
        if len(tokens) >= room:
            return ChatAnswer(
                request.key, "", served_model=self.model, endpoint=_ENDPOINT, think_mode=mode, prompt_tokens=len(tokens),
                failure="context_too_long", extra={"message": f"{len(tokens)} prompt tokens, max_model_len {room}"},
            )  # fmt: skip
        sampling = SamplingParams(
            temperature=request.sampling.temperature,
            top_p=request.sampling.top_p,
            max_tokens=min(request.sampling.max_tokens, room - len(tokens)),
            seed=request.seed,
            stop=list(request.stop) or None,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        return _Job(request, tokens, sampling, mode, time.monotonic())

    def _answer(self, job: _Job, output: Any, revision: str | None) -> ChatAnswer:
        best = output.outputs[0]
        return ChatAnswer(
            key=job.request.key,
            content=best.text,
            finish_reason=best.finish_reason,
            served_model=self.model,
            revision=revision,
            endpoint=_ENDPOINT,
            think_mode=job.think_mode,
            prompt_tokens=len(output.prompt_token_ids),
            completion_tokens=len(best.token_ids),
            latency_s=time.monotonic() - job.began,
        )


# The engine's processes outlive a killed parent, for minutes, with all the GPU's memory. Its stdin closes when we are gone.
_WATCH = """
import psutil, sys
sys.stdin.read()
for pid, started in (word.split(":") for word in sys.argv[1:]):
    try:
        process = psutil.Process(int(pid))
        if process.create_time() == float(started):
            process.kill()
    except psutil.NoSuchProcess:
        pass
"""


def _end_with_us() -> subprocess.Popen[bytes]:
    """A process that ends the engine's processes when this one has ended, however it did."""
    import psutil  # vLLM brings it

    ours = [f"{child.pid}:{child.create_time()!r}" for child in psutil.Process().children(recursive=True)]
    return subprocess.Popen([sys.executable, "-c", _WATCH, *ours], stdin=subprocess.PIPE, start_new_session=True)


_ENDPOINT = f"in process on {os.uname().nodename}"


def _drive(engine: Any, jobs: queue.SimpleQueue[_Job | None], deliver: Callable[[tuple[_Job, Any] | Exception], None]) -> None:
    """Step the engine while it has work, taking new jobs between steps; None ends it and aborts what is unfinished."""
    under_way: dict[str, _Job] = {}
    number = 0
    try:
        while True:
            while True:
                try:
                    job = jobs.get(block=not under_way)
                except queue.Empty:
                    break
                if job is None:
                    if under_way:
                        engine.abort_request(list(under_way))
                    return
                name = f"{job.request.key}-{number}"
                number += 1
                under_way[name] = job
                engine.add_request(name, {"prompt_token_ids": job.tokens}, job.sampling)
            for output in engine.step():
                if output.finished and (done := under_way.pop(output.request_id, None)) is not None:
                    deliver((done, output))
    except Exception as error:
        deliver(error)
