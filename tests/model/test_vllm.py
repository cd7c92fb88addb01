"""The vLLM teacher with the real engine in this process, on the CPU."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES
from ocr_assets.generation.sampling import Fixed
from ocr_assets.traces import collect
from ocr_assets.traces.plan import Wanted
from resources.lake import RunInfo
from resources.lake.journal import Journal
from resources.models.api import ChatAnswer, ChatRequest, Message, ModelUnavailable, Sampling
from resources.models.budget import Budget
from resources.models.chat_template import render
from resources.models.vllm import VllmModel
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems
from tests.support.tiny_model import ENGINE, ENVIRONMENT, make

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def teacher(tiny_model: Path) -> Iterator[VllmModel]:
    os.environ.update(ENVIRONMENT)
    yield VllmModel(str(tiny_model), **ENGINE)
    for name in ENVIRONMENT:
        del os.environ[name]


def request(name: str, max_tokens: int = 16, text: str = "Solve it.", seed: int = 7) -> ChatRequest:
    return ChatRequest(
        name, [{"role": "system", "content": ""}, {"role": "user", "content": text}], Sampling(0.6, 0.95, max_tokens), seed, True
    )


async def all_answers(teacher: VllmModel, requests: list[ChatRequest]) -> list[ChatAnswer]:
    return [answer async for answer in teacher.answer(requests)]


def test_answers_are_those_of_vllms_own_batch_call(teacher: VllmModel) -> None:
    requests = [request(f"r{n}", 24, f"Solve problem {n}.", n) for n in range(40)]
    answers = {answer.key: answer for answer in asyncio.run(all_answers(teacher, requests))}
    again = {answer.key: answer for answer in asyncio.run(all_answers(teacher, requests))}
    assert {key: answer.content for key, answer in again.items()} == {key: answer.content for key, answer in answers.items()}
    assert len({answer.content for answer in answers.values()}) > 30, "seeds must differ"
    from vllm import SamplingParams

    prompts = [f"<|im_start|>user\nSolve problem {n}.<|im_end|>\n<|im_start|>assistant\n<think>\n" for n in range(40)]
    params = [SamplingParams(temperature=0.6, top_p=0.95, max_tokens=24, seed=n) for n in range(40)]
    outputs = teacher.llm.generate(prompts, params, use_tqdm=False)
    assert [answers[f"r{n}"].content for n in range(40)] == [output.outputs[0].text for output in outputs]
    first = answers["r0"]
    assert (first.prompt_tokens, first.completion_tokens) == (
        len(outputs[0].prompt_token_ids), len(outputs[0].outputs[0].token_ids),
    )  # fmt: skip
    assert first.served_model == teacher.model and first.think_mode == "template" and first.separated.form == "unclosed"


def test_a_users_turn_is_left_open_and_ends_at_a_stop_text(teacher: VllmModel) -> None:
    """As vLLM's own call on the cut template; whatever the random model says ends before the text that was to stop it."""
    from vllm import SamplingParams

    prompt = "<|im_start|>user\nWrite a function that"
    whole = teacher.llm.generate([prompt], [SamplingParams(temperature=0.6, top_p=0.95, max_tokens=32, seed=5)], use_tqdm=False)
    text = whole[0].outputs[0].text
    found = re.search(r"[ -~]{2}", text[1:])
    assert found, "two plain characters in a row, so that no letter is cut in two"
    stop = found[0]
    turn: list[Message] = [{"role": "system", "content": ""}, {"role": "user", "content": "Write a function that"}]
    asked = ChatRequest("open", turn, Sampling(0.6, 0.95, 32), 5, stop=(stop,), user_turn=True)
    (answer,) = asyncio.run(all_answers(teacher, [asked]))
    assert (answer.content, answer.finish_reason) == (text[: text.index(stop)], "stop")
    assert answer.think_mode == "none" and answer.prompt_tokens == len(whole[0].prompt_token_ids)


def test_each_answer_comes_when_it_is_finished_and_frees_a_place(teacher: VllmModel) -> None:
    drawn: list[str] = []

    def requests() -> Iterator[ChatRequest]:
        for name, length in [("long", 600), *((f"short{n}", 4) for n in range(12))]:
            drawn.append(name)
            yield request(name, length)

    async def main() -> list[str]:
        order = []
        async for answer in VllmModelOf(teacher, in_flight=3).answer(requests()):
            order.append(answer.key)
            assert len(drawn) <= len(order) + 2  # this answer still holds its place
        return order

    order = asyncio.run(main())
    assert set(order) == set(drawn) and order[-1] == "long"


def test_a_prompt_too_long_is_labelled_and_the_others_come(teacher: VllmModel) -> None:
    answers = asyncio.run(all_answers(teacher, [request("big", text="x y z " * 2000), request("small"), request("tight", 5000)]))
    found = {answer.key: answer for answer in answers}
    assert (found["big"].failure, found["big"].content) == ("context_too_long", "")
    assert found["small"].failure is None and found["small"].finish_reason == "length"
    assert found["tight"].failure is None  # as many tokens as there is room for


def test_leaving_early_leaves_the_engine_empty(teacher: VllmModel) -> None:
    async def main() -> None:
        answers = teacher.answer([request(f"r{n}", 4 if n == 0 else 800) for n in range(8)])
        async for _ in answers:
            break
        await answers.aclose()

    asyncio.run(main())
    assert not teacher.llm.llm_engine.has_unfinished_requests()
    assert len(asyncio.run(all_answers(teacher, [request("after")]))) == 1


@pytest.mark.parametrize("mode", ["template", "prefill", "completion", "none"])
def test_how_the_reasoning_was_opened_is_what_is_said(teacher: VllmModel, mode: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    plain = AutoTokenizer.from_pretrained(make(tmp_path / "plain", opens_think=False))
    opens = teacher.llm.get_tokenizer()
    for tokenizer, template_opens in ((plain, False), (opens, True)):
        other = VllmModel("x", mode)  # type: ignore[arg-type]
        job = other._job(request("q"), tokenizer, 1024)
        assert not isinstance(job, ChatAnswer)
        text = tokenizer.decode(job.tokens)
        opened = text.rstrip().endswith("<think>")
        assert opened == (mode in ("prefill", "completion") or template_opens)
        assert text.count("<think>") <= 1
        wanted = mode if mode != "template" or template_opens else "none"
        assert job.think_mode == wanted


def test_the_request_loop_around_it_fills_the_lake(teacher: VllmModel, tmp_path: Path) -> None:
    """From problems to rows of ``r1_traces``; a second time nothing is asked."""
    wanted = Wanted({"python": Fixed(3)}, Sampling(max_tokens=20), teacher.model, load_templates(NAMES))
    problems = [problem(number, statement="Add " + "and add " * number * 10) for number in range(25)]
    with new_lake(tmp_path / "lake") as lake, Journal(tmp_path, "r1_traces") as journal:
        with lake.write(RunInfo("t"), "clean_problems") as write:
            put_problems(write, problems)

        def ask() -> collect.Summary:
            return collect.ask(
                lake, RunInfo("t"), journal, teacher, wanted, Budget(), lambda texts: [0] * len(texts), print, print, 10
            )

        first = ask()
        assert (first.missing, first.left, first.tally.unanswered) == (75, 0, 0)
        tokenizer = teacher.llm.get_tokenizer()
        texts = [render(tokenizer, json.loads(row["messages"]), "template")[0] for row in lake.rows("FROM prompts")]
        too_long = sum(len(tokenizer.encode(text, add_special_tokens=False)) >= 1024 for text in texts)
        assert first.tally.failed["context_too_long"] == 3 * too_long > 0
        rows = lake.rows("SELECT * FROM r1_traces")
        assert len(rows) == 75 and {row["teacher"] for row in rows} == {"vllm"}
        for row in rows:
            if row["failure"] is None:
                assert 0 < row["completion_tokens"] <= 20 < row["prompt_tokens"] < 1024 and row["tokens_from"] == "server"
                form = "unclosed" if row["content"].strip() else "none"  # a random model may say nothing at all
                assert (row["think_mode"], row["think_form"], row["served_model"]) == ("template", form, teacher.model)
        again = ask()
        assert (again.missing, again.tally.asked) == (0, 0)


def test_a_model_that_is_not_there_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="cannot load"):
        _ = VllmModel(str(tmp_path / "nothing")).llm


@pytest.mark.long
def test_a_killed_teacher_leaves_no_engine_behind(tiny_model: Path) -> None:
    code = f"""
import sys
from resources.models.vllm import VllmModel
if __name__ == "__main__":
    teacher = VllmModel({str(tiny_model)!r}, **{ENGINE!r})
    teacher.llm
    import psutil
    print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
    sys.stdin.read()
"""
    script = tiny_model.with_name("killed.py")
    script.write_text(code)
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    )
    assert parent.stdout is not None
    pids = next((line.split() for line in parent.stdout if line.strip() and line.replace(" ", "").strip().isdigit()), [])
    parent.kill()
    parent.wait()
    assert len(pids) >= 2, "the engine's process and its watch"
    deadline = time.monotonic() + 60
    while (alive := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not alive


class VllmModelOf(VllmModel):
    """Another teacher on an engine that is loaded already."""

    def __init__(self, other: VllmModel, in_flight: int) -> None:
        super().__init__(other.model, in_flight=in_flight)
        self._llm = other.llm
