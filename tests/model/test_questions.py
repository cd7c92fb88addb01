"""Questions asked for over HTTP, each method by its own request; nothing asked twice; another rule reads again and asks nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ocr_assets import samples
from ocr_assets.synthesis import questions
from ocr_assets.synthesis.subsets.definition import Subset, load_subsets
from resources.lake import Lake, RunInfo
from resources.models.api import ModelUnavailable
from resources.models.budget import Budget
from resources.models.endpoint import EndpointModel
from tests.support.asking_questions import ask
from tests.support.fake_teacher import FakeTeacher
from tests.support.lakes import new_lake
from tests.support.rows import problem, put_problems

ROOT = Path(__file__).resolve().parents[2]
QUESTION = "<question>Write a function f(x) that returns the double of x.</question>"


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with new_lake(tmp_path / "lake") as store:
        yield store


def defined(folder: Path, text: str, name: str = "mine") -> Subset:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text)
    return load_subsets(folder)[name]


def teacher(server: FakeTeacher, **more: Any) -> EndpointModel:
    return EndpointModel("r1", [server.url], concurrency=4, timeout_s=30, **more)


def rows(lake: Lake, columns: str = "*") -> list[dict[str, Any]]:
    return lake.rows(f"SELECT {columns} FROM synthetic_questions ORDER BY seed_name, sample_index")


def tokenizer(folder: Path) -> str:
    """A tokenizer of single bytes, with a chat template like Qwen's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = {token: number for number, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    raw = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=raw)
    fast.chat_template = (
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    fast.save_pretrained(folder)
    return str(folder)


def test_prefill_leaves_the_users_turn_open_and_stops_at_the_line_break(lake: Lake, tmp_path: Path) -> None:
    subset = defined(tmp_path / "s", 'title = "M"\nmethod = "prefill"\n[ask]\nsamples = 3\n')
    with FakeTeacher(lambda body: f" adds {body['seed']} to a number.") as server:
        done = ask(lake, tmp_path, subset, teacher(server, tokenizer=tokenizer(tmp_path / "t"), think_mode="template"))
        assert done.tally.stored == 3
        for path, body in server.bodies:
            assert path == "/v1/completions" and "messages" not in body
            assert body["prompt"] == "<|im_start|>user\nWrite a Python function that" and body["stop"] == ["\n"]
    found = rows(lake)
    assert {row["question"] for row in found} == {
        f"Write a Python function that adds {row['seed']} to a number." for row in found
    }
    assert len({row["seed"] for row in found}) == 3, "each sample is drawn with a seed of its own"
    assert {(row["method"], row["status"], len(row["seed_ids"])) for row in found} == {("prefill", "kept", 0)}
    assert json.loads(found[0]["sampling"])["stop"] == ["\n"]


def test_a_template_that_changes_what_users_say_cannot_be_cut_open(lake: Lake, tmp_path: Path) -> None:
    folder = tokenizer(tmp_path / "t")
    file = next(path for path in Path(folder).iterdir() if "m.content" in path.read_text())
    file.write_text(file.read_text().replace("m.content", "m.content | upper"))
    subset = defined(tmp_path / "s", 'title = "M"\nmethod = "prefill"\n')
    with FakeTeacher(lambda body: "x") as server, pytest.raises(ModelUnavailable, match="cannot be left open"):
        ask(lake, tmp_path, subset, teacher(server, tokenizer=folder))


def test_without_a_tokenizer_it_is_said_what_is_missing_and_what_can_be_left_out(lake: Lake, tmp_path: Path) -> None:
    subset = defined(tmp_path / "s", 'title = "M"\nmethod = "prefill"\n')
    (tmp_path / "empty").mkdir()
    with (
        FakeTeacher(lambda body: "x") as server,
        pytest.raises(ModelUnavailable, match=r"OCR_TEACHER_TOKENIZER.*the subset prefill"),
    ):
        ask(lake, tmp_path, subset, teacher(server, tokenizer=str(tmp_path / "empty")))


def test_seed_questions_are_shown_together_and_each_is_first_once(lake: Lake, tmp_path: Path) -> None:
    with lake.write(RunInfo("test"), "clean_problems") as write:
        put_problems(write, [problem(n, origin=f"taco/train/{n}", entry_point="f" if n < 4 else None) for n in range(6)])
    subset = load_subsets()["leetcode"]
    with FakeTeacher(lambda body: QUESTION) as server:
        ask(lake, tmp_path, subset, teacher(server))
        assert {path for path, _ in server.bodies} == {"/v1/chat/completions"} and len(server.bodies) == 4
        for _, body in server.bodies:
            assert [turn["role"] for turn in body["messages"]] == ["user"]
            assert all(f"Number {number}:" in body["messages"][0]["content"] for number in (1, 2, 3))
            assert "stop" not in body
    found = rows(lake)
    assert sorted(row["seed_ids"][0] for row in found) == [f"prob_{number:020x}" for number in range(4)]
    assert all(len(set(row["seed_ids"])) == 3 for row in found)
    assert found[0]["seed_name"] == "taco/train/0"
    edges = lake.rows("SELECT child, parent, relation FROM record_edge WHERE stage = 'synthetic_questions'")
    assert len(edges) == 12 and {edge["relation"] for edge in edges} == {"derived"}
    assert lake.scalar("SELECT count(*) FROM question_seeds") == 0, "problems stand in tables of their own"


def test_another_problem_does_not_have_its_neighbours_asked_for_again(lake: Lake, tmp_path: Path) -> None:
    subset = load_subsets()["leetcode"]
    with FakeTeacher(lambda body: QUESTION) as server:
        for count in (4, 5):
            with lake.write(RunInfo("test"), "clean_problems") as write:
                put_problems(write, [problem(number, entry_point="f") for number in range(count)])
            ask(lake, tmp_path, subset, teacher(server))
        assert len(server.bodies) == 5


@pytest.mark.long
@pytest.mark.parametrize(("name", "least"), [("algorithm", 4), ("data_structure", 3), ("docs", 20), ("package", 3), ("evol", 3)])
def test_each_seed_of_a_bundled_subset_is_asked_about_once(lake: Lake, tmp_path: Path, name: str, least: int) -> None:
    subset = load_subsets()[name]
    with FakeTeacher(lambda body: QUESTION) as server:
        first = ask(lake, tmp_path, subset, teacher(server), seed_folder=samples.SEEDS)
        again = ask(lake, tmp_path, subset, teacher(server), seed_folder=samples.SEEDS)
        texts = [body["messages"][0]["content"] for _, body in server.bodies]
    assert first.tally.stored == len(set(texts)) == len(texts) >= least and again.tally.asked == 0
    found = rows(lake, "question_id, seed_ids, seed_name, status")
    kept_seeds = {row["seed_id"]: row for row in lake.rows("FROM question_seeds")}
    for row in found:
        assert row["status"] == "kept" and kept_seeds[row["seed_ids"][0]]["name"] == row["seed_name"]
        assert any(kept_seeds[row["seed_ids"][0]]["text"] in text for text in texts)
    (step,) = lake.rows("FROM trace(?)", [found[0]["question_id"]])
    assert step["stands_in"] == kept_seeds[found[0]["seed_ids"][0]]["place"]


def test_filtered_instructions_are_themselves_the_questions(lake: Lake, tmp_path: Path) -> None:
    def tags(body: dict[str, Any]) -> str:
        asks_for_code = "Write" in body["messages"][0]["content"].partition("<instruction>")[2].partition("</instruction>")[0]
        return json.dumps({"quality": "good", "category": "coding" if asks_for_code else "other", "form": "function"})

    with FakeTeacher(tags) as server:
        ask(lake, tmp_path, load_subsets()["filter"], teacher(server), seed_folder=samples.SEEDS)
        assert {body["temperature"] for _, body in server.bodies} == {0.0}
    texts = {row["name"]: row["text"] for row in lake.rows("FROM question_seeds")}
    found = rows(lake)
    assert {row["status"] for row in found} == {"kept", "filtered"}
    assert all(row["question"] == texts[row["seed_name"]] and row["category"] in ("coding", "other") for row in found)


DEFINITION = 'title = "M"\nmethod = "snippets"\n[seeds]\npath = "code"\nleast_characters = 5\n'


def snippets(folder: Path, count: int) -> None:
    (folder / "code").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / "code" / f"f{number}.py").write_text(f"def f{number}():\n    return {number}\n")


@pytest.mark.long
def test_more_samples_and_seeds_ask_for_what_is_missing_only(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    snippets(folder, 3)
    with FakeTeacher(lambda body: QUESTION) as server:
        asked = []
        for more in ("", "[ask]\nsamples = 2\n", "[ask]\nsamples = 2\ntemperature = 0.5\n"):
            asked.append(ask(lake, tmp_path, defined(folder, DEFINITION + more), teacher(server)).tally.stored)
        snippets(folder, 4)
        asked.append(ask(lake, tmp_path, defined(folder, DEFINITION), teacher(server)).tally.stored)
        (folder / "own.jinja").write_text("Ask about {{ seed }}.")
        asked.append(
            ask(lake, tmp_path, defined(folder, DEFINITION + '[ask]\ntemplate = "own.jinja"\n'), teacher(server)).tally.stored
        )
    assert asked == [3, 3, 6, 1, 4]


def test_a_bound_on_questions_holds_over_all_runs(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with FakeTeacher(lambda body: QUESTION) as server:
        asked = []
        for seeds, bound in ((3, 2), (6, 2), (6, 5)):
            snippets(folder, seeds)
            asked.append(
                ask(lake, tmp_path, defined(folder, f"{DEFINITION}[ask]\nquestions = {bound}\n"), teacher(server)).tally.stored
            )
    assert asked == [2, 0, 3]


def test_the_budget_is_one_for_questions_and_what_was_spent_before(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    snippets(folder, 6)
    subset = defined(folder, DEFINITION)
    with FakeTeacher(lambda body: QUESTION) as server:
        first = ask(lake, tmp_path, subset, teacher(server), Budget(max_requests=4))
        second = ask(lake, tmp_path, subset, teacher(server), Budget(max_requests=5))
    assert (first.tally.stored, second.tally.stored) == (4, 1)
    assert first.tally.stopped is not None and first.tally.stopped.startswith("max_requests")


def test_another_rule_reads_stored_answers_again_and_asks_nothing(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    snippets(folder, 2)
    with FakeTeacher(lambda body: QUESTION) as server:
        ask(lake, tmp_path, defined(folder, DEFINITION), teacher(server))
        before = rows(lake)
        stricter = defined(folder, DEFINITION + "[keep]\nleast_characters = 500\n")
        assert ask(lake, tmp_path, stricter, teacher(server)).tally.asked == 0
        assert {(row["status"], row["reason"].partition(":")[0]) for row in rows(lake)} == {("filtered", "too_short")}
        ask(lake, tmp_path, defined(folder, DEFINITION), teacher(server))
        assert rows(lake) == before and len(server.bodies) == 2


def test_prefill_and_filter_are_read_again_with_what_they_were_given(lake: Lake, tmp_path: Path) -> None:
    tags = json.dumps({"quality": "average", "category": "coding", "form": "function"})
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "rows.jsonl").write_text(json.dumps({"text": "Write a function that doubles a number."}))
    text = 'title = "M"\nmethod = "filter"\n[seeds]\npath = "rows.jsonl"\nleast_characters = 5\n'
    begun = 'title = "M"\nmethod = "prefill"\n[ask]\nsamples = 1\n'
    looser = '[keep]\nquality = ["average"]\n'
    with FakeTeacher(lambda body: tags if "messages" in body else " adds one.") as server:
        model = teacher(server, tokenizer=tokenizer(tmp_path / "t"))
        for subset in (defined(tmp_path / "s", text), defined(tmp_path / "p", begun, "begun")):
            ask(lake, tmp_path, subset, model)
        assert {row["status"] for row in rows(lake)} == {"filtered", "kept"}
        for subset in (defined(tmp_path / "s", text + looser), defined(tmp_path / "p", begun + looser, "begun")):
            assert questions.read_again(lake, RunInfo("again"), [subset]) == 1
    assert {row["question"] for row in rows(lake)} == {
        "Write a function that doubles a number.",
        "Write a Python function that adds one.",
    }
    assert {row["status"] for row in rows(lake)} == {"kept"}


def test_reasoning_before_the_answer_is_no_part_of_it(lake: Lake, tmp_path: Path) -> None:
    snippets(tmp_path / "s", 1)
    subset = defined(tmp_path / "s", DEFINITION)
    with FakeTeacher(lambda body: f"<think>Perhaps <question>this?</question></think>\n{QUESTION}") as server:
        ask(lake, tmp_path, subset, teacher(server))
    assert [row["question"] for row in rows(lake)] == ["Write a function f(x) that returns the double of x."]


def test_the_ten_lines_of_the_documentation_make_a_subset(lake: Lake, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "synthesis.md").read_text(encoding="utf-8")
    definition = page.partition("```toml\n")[2].partition("```")[0]
    assert len(definition.splitlines()) <= 10
    folder = tmp_path / "own"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "means.py").write_text(
        "def harmonic(values):\n    return len(values) / sum(1 / value for value in values)\n"
    )
    subset = defined(folder, definition, "numeric")
    with FakeTeacher(lambda body: QUESTION) as server:
        ask(lake, tmp_path, subset, teacher(server))
        assert len(server.bodies) == 2 and {body["temperature"] for _, body in server.bodies} == {0.8}
    assert [(row["subset"], row["seed_name"], row["status"]) for row in rows(lake)] == [
        ("numeric", "means.py:harmonic", "kept")
    ] * 2
