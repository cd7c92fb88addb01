"""However reasoning and answer arrive, they are taken apart in one way; and recordings replay what was recorded."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.models.api import ChatAnswer, ChatRequest, ModelUnavailable, Sampling
from resources.models.reasoning import separate_reasoning, whole_response_sql
from resources.models.recorded import RecordedModel, RecordingModel

TEXT = st.text(max_size=40).filter(lambda text: "<think>" not in text and "</think>" not in text)


@given(TEXT.map(lambda text: text.strip("\n")), TEXT)
def test_every_form_gives_the_same_reasoning_and_answer(reasoning: str, answer: str) -> None:
    whole = separate_reasoning(f"<think>\n{reasoning}\n</think>{answer}", None)
    assert (whole.form, whole.reasoning, whole.answer) == ("both_tags", reasoning, answer)
    swallowed = separate_reasoning(f"{reasoning}\n</think>{answer}", None, opened=True)
    assert (swallowed.form, swallowed.reasoning, swallowed.answer) == ("closing_tag", reasoning, answer)
    apart = separate_reasoning(answer, reasoning)
    assert (apart.form, apart.reasoning, apart.answer) == ("apart", reasoning, answer)


@given(TEXT, TEXT, st.sampled_from(["apart", "apart and in the text", "both_tags", "closing_tag"]))
def test_the_text_with_tags_separates_into_what_it_was_made_of(reasoning: str, answer: str, form: str) -> None:
    """However the reasoning arrived, the text a model is trained on has it in tags, and separates as the response did."""
    content = {
        "apart": answer,
        "apart and in the text": f"{reasoning}\n</think>{answer}",
        "both_tags": f"<think>\n{reasoning}\n</think>{answer}",
        "closing_tag": f"{reasoning}\n</think>{answer}",
    }
    response = (content[form], reasoning if form.startswith("apart") else None)
    arrived = separate_reasoning(*response, opened=True)
    assert arrived.form == form.partition(" ")[0]
    sql = whole_response_sql("content", "reasoning", "think_form = 'closing_tag'")
    row = "SELECT $content AS content, $reasoning AS reasoning, $form AS think_form"
    (text,) = duckdb.execute(
        f"SELECT {sql} FROM ({row})", {"content": response[0], "reasoning": response[1], "form": arrived.form}
    ).fetchone()
    whole = separate_reasoning(text, None)
    assert whole.form == "both_tags"
    assert (whole.reasoning, (whole.answer or "").lstrip("\n")) == ((arrived.reasoning or "").strip("\n"), answer.lstrip("\n"))


@pytest.mark.parametrize(
    ("content", "reasoning", "opened", "form", "thought", "answer"),
    [
        ("<think>\nso long", None, False, "unclosed", "so long", None),
        ("so long", None, True, "unclosed", "so long", None),
        ("just code", None, False, "none", None, "just code"),
        ("", None, True, "none", None, ""),
        ("<think></think>x", None, False, "both_tags", "", "x"),
        ("a</think>b</think>c", None, False, "closing_tag", "a", "b</think>c"),
        ("  \n<think>a</think>b", None, False, "both_tags", "a", "b"),
        ("tail</think>b", "a", False, "apart", "a", "b"),  # some servers send the reasoning both apart and in the text
        ("", "a", True, "apart", "a", ""),
    ],
)
def test_the_odd_ones(
    content: str, reasoning: str | None, opened: bool, form: str, thought: str | None, answer: str | None
) -> None:
    found = separate_reasoning(content, reasoning, opened=opened)
    assert (found.form, found.reasoning, found.answer) == (form, thought, answer)


def request(key: str, *aliases: str) -> ChatRequest:
    return ChatRequest(key, [{"role": "user", "content": key}], Sampling(), 1, True, aliases)


def replay(folder: Path, *requests: ChatRequest) -> dict[str, ChatAnswer]:
    async def main() -> dict[str, ChatAnswer]:
        return {answer.key: answer async for answer in RecordedModel(folder, "r1").answer(requests)}

    return asyncio.run(main())


class Other:
    """Another teacher; dies before the answer to ``until``."""

    name, model = "endpoint", "deepseek-ai/DeepSeek-R1"

    def __init__(self, until: str | None = None) -> None:
        from collections import Counter

        self.errors: Counter[str] = Counter()
        self.until = until

    async def answer(self, requests: Iterable[ChatRequest]):
        for asked in requests:
            if asked.key == self.until:
                raise ModelUnavailable("gone")
            yield ChatAnswer(
                asked.key, f"ü {asked.key}\ud800", "why", "stop", "served", "fp", "http://x", "prefill", 3, 4, 0.5, 1.25, 2
            )


def record(teacher: RecordingModel, *keys: str) -> list[ChatAnswer]:
    async def main() -> list[ChatAnswer]:
        return [answer async for answer in teacher.answer([request(key) for key in keys])]

    return asyncio.run(main())


def test_what_another_teacher_answered_is_replayed_field_by_field(tmp_path: Path) -> None:
    recording = RecordingModel(Other(), tmp_path)
    assert (recording.name, recording.model) == ("endpoint", "deepseek-ai/DeepSeek-R1")
    told = record(recording, "a", "b")
    assert [path.name for path in tmp_path.iterdir()] == ["deepseek-ai_DeepSeek-R1.jsonl"]
    assert list(replay(tmp_path, request("a"), request("b"), request("unknown")).values()) == told


def test_a_line_cut_when_the_recorder_was_killed_is_left_out_and_written_over(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        record(RecordingModel(Other(until="c"), tmp_path), "a", "b", "c")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    assert set(replay(tmp_path, request("a"), request("b"))) == {"a"}
    record(RecordingModel(Other(), tmp_path), "c")
    assert set(replay(tmp_path, request("a"), request("b"), request("c"))) == {"a", "c"}


def test_a_failure_is_recorded_too(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(json.dumps({"key": "a", "content": "", "failure": "refused"}) + "\n")
    answer = replay(tmp_path, request("a"))["a"]
    assert (answer.failure, answer.finish_reason, answer.endpoint) == ("refused", None, "recorded")


def test_texts_are_found_by_the_names_a_person_gives(tmp_path: Path) -> None:
    (tmp_path / "taco" / "03").mkdir(parents=True)
    (tmp_path / "taco" / "03" / "python-1.length.md").write_text("cut")
    answer = replay(tmp_path, request("resp_1", "apps/train/9|python|1", "taco/train/3|python|1"))["resp_1"]
    assert (answer.content, answer.finish_reason) == ("cut", "length")


@pytest.mark.parametrize("line", ["[]", '{"key": "a"}', '{"content": "x"}', '{"key": "a", "content": 3}', "not json"])
def test_a_recording_that_is_wrong_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.jsonl").write_text('{"key": "a", "content": "x"}\n' + line + "\n")
    with pytest.raises(ModelUnavailable, match=r"x\.jsonl, line 2"):
        replay(tmp_path)


def test_no_folder_no_teacher(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="OCR_RECORDINGS"):
        RecordedModel(tmp_path / "nothing", "r1")
