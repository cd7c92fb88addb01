"""Answers that others released become responses to the right problems, once, whatever their files are like."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ocr_assets.generation.published import Unreadable, files_below
from ocr_assets.generation.spending import spent_on
from ocr_assets.traces.assets import r1_traces
from ocr_assets.traces.published import reading
from ocr_assets.traces.published.places import Places
from ocr_assets.traces.published.reading import read_published
from resources.lake import Lake, RunInfo
from resources.settings import LakeResource, SourcesResource, TeacherResource, TokenizerResource
from tests.support.lakes import new_lake
from tests.support.published import (
    ANSWER,
    codeforces_cots,
    jsonl,
    kodcode,
    open_code_reasoning,
    open_code_reasoning_2,
    open_thoughts,
    parquet,
    read_answers,
    read_problems,
)
from tests.support.size import size


@pytest.fixture
def store(tmp_path: Path):
    with new_lake(tmp_path / "home" / "lake") as lake:
        yield lake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published"


def responses(store: Lake) -> list[dict[str, Any]]:
    return store.rows("SELECT r.*, p.origins FROM r1_traces r LEFT JOIN deduped_problems p USING (problem_id) ORDER BY r.origin")


def labels(store: Lake) -> list[dict[str, Any]]:
    return store.rows("FROM published_labels ORDER BY file, row")


def balanced(store: Lake) -> bool:
    query = "SELECT sum(CASE WHEN outcome = 'in' THEN rows ELSE -rows END) AS left FROM funnel WHERE stage = 'r1_traces'"
    return store.scalar(query) in (0, None)


@pytest.mark.long
def test_every_known_dataset_is_read_and_matched(store: Lake, folder: Path) -> None:
    parquet(folder / "ocr/split_0/train-0.parquet", [open_code_reasoning(1), open_code_reasoning(2)])
    parquet(folder / "ocr/split_1/train-0.parquet", [open_code_reasoning(3, dataset="taco", index="0")])
    parquet(
        folder / "ocr2/train/cpp.parquet", [open_code_reasoning_2(4, dataset="apps", index=2, judgement="wrong", pass_rate="-1")]
    )
    parquet(folder / "cots/solutions/train-0.parquet", [codeforces_cots(1)])
    parquet(folder / "thoughts/metadata/train-0.parquet", [open_thoughts(1), open_thoughts(2, domain="math")])
    parquet(folder / "kodcode/train-0.parquet", [kodcode(1), kodcode(2, r1_correctness="False")])
    read_problems(store, folder, sources=("taco", "apps"))
    done = read_answers(store, folder)
    assert (done.files, done.rows, done.responses, dict(done.reasons)) == (6, 9, 8, {"no code": 1})
    found = {row["origin"].partition("@")[0] + row["origin"][-2:]: row for row in responses(store)}
    assert found["nvidia/OpenCodeReasoning#0"]["license"] == "CC-BY-4.0"
    by_file = {row["origin"].split(": ")[1]: row for row in responses(store)}
    assert by_file["ocr/split_1/train-0.parquet#0"]["origins"][0] == "taco/train/0"
    assert by_file["ocr2/train/cpp.parquet#0"]["origins"][0].startswith("apps/train/")
    assert by_file["ocr2/train/cpp.parquet#0"]["language"] == "cpp", "the file says so"
    assert by_file["thoughts/metadata/train-0.parquet#0"]["think_form"] == "apart"
    cots = by_file["cots/solutions/train-0.parquet#0"]
    assert (cots["language"], cots["completion_tokens"], cots["finish_reason"]) == ("cpp", 30, "stop")
    assert by_file["kodcode/train-0.parquet#0"]["license"] == "CC-BY-NC-4.0"
    assert {row["teacher"] for row in by_file.values()} == {"published"} and {row["model"] for row in by_file.values()} == {
        "deepseek-ai/DeepSeek-R1"
    }
    said = {(row["file"], row["row"]): row for row in labels(store)}
    critique = said["ocr2/train/cpp.parquet", 0]
    assert (critique["judgement"], critique["pass_rate"], critique["correct"], critique["critic"]) == (
        "wrong",
        None,
        None,
        "Qwen/QwQ-32B",
    )
    assert said["kodcode/train-0.parquet", 0]["correct"] is True and said["kodcode/train-0.parquet", 1]["correct"] is False
    assert said["thoughts/metadata/train-0.parquet", 1]["reason"] == "no code: its domain is math"
    assert balanced(store)
    tests = store.rows(
        "SELECT index, test_count, test_kinds, license FROM raw_problems JOIN test_suites USING (suite_id) WHERE dataset = 'published'"
    )
    by_dataset = {row["index"].partition(":")[0]: row for row in tests}
    assert by_dataset["open-thoughts/OpenThoughts-114k"]["test_kinds"] == ["stdin"]
    assert by_dataset["KodCode/KodCode-V1-SFT-R1"]["test_kinds"] == ["pytest"]
    assert by_dataset["open-r1/codeforces-cots"]["test_count"] == 1


@pytest.mark.long
def test_a_second_run_reads_nothing_and_a_file_that_changed_is_read_again(store: Lake, folder: Path) -> None:
    path = jsonl(folder / "a.jsonl", [open_code_reasoning(1), open_code_reasoning(2)])
    read_problems(store, folder)
    assert read_answers(store, folder).responses == 2
    before = (responses(store), labels(store))
    again = read_answers(store, folder)
    assert (again.files, again.rows) == (0, 0) and (responses(store), labels(store)) == before
    jsonl(path, [open_code_reasoning(number) for number in (1, 2, 3)])
    read_problems(store, folder)
    assert read_answers(store, folder).files == 1 and len(responses(store)) == 3


@pytest.mark.long
def test_the_same_dataset_twice_is_there_once(store: Lake, folder: Path) -> None:
    rows = [open_code_reasoning(1), open_code_reasoning(2)]
    jsonl(folder / "first" / "a.jsonl", rows)
    parquet(folder / "second" / "b.parquet", [*rows, *rows])
    read_problems(store, folder)
    read_answers(store, folder)
    assert len(responses(store)) == 2 and len(labels(store)) == 2
    assert store.scalar("SELECT sum(rows) FROM published_files") == 6, "what was read says how many were doubled"
    assert balanced(store)


@pytest.mark.slow
def test_one_name_for_two_rows_and_one_answer_under_two_names(store: Lake, folder: Path) -> None:
    """Ids that repeat hide nothing, and the same text under another name is one response with two labels."""
    one, other = open_code_reasoning(1), open_code_reasoning(1, output=ANSWER + "\nIt runs in constant time.")
    named_otherwise = {**one, "id": "another"}
    jsonl(folder / "a.jsonl", [one, other, named_otherwise])
    read_problems(store, folder)
    read_answers(store, folder)
    assert len(responses(store)) == 2
    assert [row["response_id"] for row in labels(store)].count(responses(store)[0]["response_id"]) in (1, 2)
    assert len(labels(store)) == 3 and balanced(store)
    assert store.rows("SELECT outcome, rows FROM funnel WHERE stage = 'r1_traces' AND outcome = 'merged'") == [
        {"outcome": "merged", "rows": 1}
    ]


@pytest.mark.long
def test_what_matches_no_problem_waits_with_the_reason_until_its_source_is_read(store: Lake, folder: Path) -> None:
    jsonl(
        folder / "a.jsonl", [open_code_reasoning(1, dataset="taco", index=0), open_code_reasoning(2, dataset="taco", index=9_999)]
    )
    read_problems(store, None, sources=())
    done = read_answers(store, folder)
    assert done.responses == 0 and dict(done.reasons) == {"no problem": 2} and balanced(store)
    assert labels(store)[0]["reason"] == "no problem: nothing stands at taco/train[0]; its source is not read"
    assert read_answers(store, folder).files == 0, "nothing has changed"
    read_problems(store, None)
    done = read_answers(store, folder)
    assert (done.files, done.responses) == (1, 1) and dict(done.reasons) == {"no problem": 1}
    assert read_answers(store, folder).files == 0, "the other row still waits, and the file is not read again for it"
    assert balanced(store)


@pytest.mark.long
def test_a_statement_leads_to_the_same_problem_of_another_source(store: Lake, folder: Path) -> None:
    """Deduplication says which problem a statement is: its tests are TACO's, not none."""
    read_problems(store, None)
    taco = store.rows(
        "SELECT statement, problem_id FROM raw_problems JOIN deduped_problems ON list_contains(raw_ids, raw_problems.raw_id) WHERE dataset = 'taco' ORDER BY row LIMIT 1"
    )[0]
    jsonl(folder / "a.jsonl", [open_code_reasoning(1, input=taco["statement"].replace("\n", "  \n"))])
    read_problems(store, folder)
    read_answers(store, folder)
    assert [row["problem_id"] for row in responses(store)] == [taco["problem_id"]]


@pytest.mark.long
def test_positions_count_all_rows_of_a_split_over_its_files(store: Lake, tmp_path: Path) -> None:
    """As ``load_dataset`` counts: broken rows too, the largest folder, and none behind a file that is missing or broken."""

    def places(files: dict[str, list[tuple[int, bool]]], broken: str | None = None) -> dict[str, str | None]:
        with new_lake(tmp_path / str(len(list(tmp_path.iterdir()))) / "lake") as lake:
            fill(lake, files, broken)
            wanted = [f"taco/train[{n}]" for n in range(6)]
            known = Places(lake)
            return {place: known.find([place]).problem_id for place in wanted}

    def fill(lake: Lake, files: dict[str, list[tuple[int, bool]]], broken: str | None) -> None:
        from tests.support.rows import problem, put_problems

        problems, bad = [], []
        for name, rows in files.items():
            for row, (number, usable) in enumerate(rows):
                if usable:
                    problems.append(
                        problem(number, dataset="taco", split="train", file=name, row=row, raw_ids=[f"raw_{number:020x}"])
                    )
                else:
                    bad.append({"file": name, "row": row, "reason": "bad: x", "content": ""})
        if broken:
            bad.append({"file": broken, "row": -1, "reason": "unreadable file: x", "content": ""})
        with lake.write(RunInfo("x"), "raw_problems") as write:
            put_problems(write, problems)
            write.quarantine(bad, scope="taco")

    def ids(*numbers: int | None) -> dict[str, str | None]:
        whole = [*numbers, *[None] * (6 - len(numbers))]
        return {f"taco/train[{n}]": None if number is None else f"prob_{number:020x}" for n, number in enumerate(whole)}

    assert places(
        {"ALL/train-00000-of-00002.parquet": [(1, True), (2, False), (3, True)], "ALL/train-00001-of-00002.parquet": [(4, True)]}
    ) == ids(1, None, 3, 4)
    assert places({"ALL/train.jsonl": [(1, True), (2, True)], "EASY/train.jsonl": [(3, True)]}) == ids(1, 2)
    assert places({"train-00000-of-00003.parquet": [(1, True)], "train-00002-of-00003.parquet": [(4, True)]}) == ids(1), (
        "00001 is missing"
    )
    assert places({"a.jsonl": [(1, True)], "c.jsonl": [(4, True)]}, broken="b.jsonl") == ids(1), (
        "nobody knows how long b.jsonl is"
    )


@pytest.mark.long
def test_rows_and_files_that_cannot_be_used_are_kept_with_the_reason(store: Lake, folder: Path) -> None:
    good = open_code_reasoning(1)
    path = jsonl(folder / "a.jsonl", [good])
    with path.open("ab") as file:
        file.write(b'{"input": "cut\n[1, 2]\n\xff\xfe\n')
        file.write(b'{"id": "x", "input": "Add.", "output": "\\ud800", "dataset": "taco", "split": "train", "solution": ""}\n')
        file.write(b'{"id": "y", "input": "Add.", "output": null, "dataset": "taco", "split": "train", "solution": ""}\n')
        file.write(
            b'{"id": ["z"], "input": {"a": 1}, "output": "text", "dataset": {}, "split": 3, "solution": [], "index": "\xc2\xb2"}\n'
        )
    parquet(folder / "b.parquet", [open_code_reasoning(2)])
    whole = (folder / "b.parquet").read_bytes()
    (folder / "c.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "d.jsonl").write_bytes(b"")
    jsonl(folder / "e.jsonl", [{"this": "is", "none": "of ours"}])
    read_problems(store, folder)
    done = read_answers(store, folder)
    assert done.responses == 2
    reasons = [row["reason"] for row in labels(store) if row["reason"]]
    for part in (
        "broken JSON",
        "no object: list",
        "broken text",
        "no output: the column is empty",
        "unreadable file",
        "no column response",
        "no place",
    ):
        assert any(part in reason for reason in reasons), (part, reasons)
    assert balanced(store)
    assert read_answers(store, folder).files == 0
    assert store.scalar("SELECT count(*) FROM quarantine WHERE scope = 'published'") > 0


@pytest.mark.long
def test_a_damaged_parquet_file_keeps_the_rows_before_the_fault(store: Lake, folder: Path) -> None:
    rows = [open_code_reasoning(number, output=ANSWER + f"\n{number}" * 2_000) for number in range(60)]
    path = parquet(folder / "a.parquet", rows, row_group_size=10, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40_000] = bytes(40_000)
    path.write_bytes(bytes(content))
    read_problems(store, None, sources=())
    done = read_answers(store, folder, batch_rows=7)
    kept = store.scalar("SELECT count(*) FROM published_labels WHERE row >= 0")
    assert 10 <= kept < 60 or kept == 60, "either the fault shows, or it lies in the text of rows"
    assert done.rows == kept


@pytest.mark.long
@pytest.mark.sized
def test_rows_of_fifty_megabytes_pass_one_at_a_time(store: Lake, folder: Path) -> None:
    long = "<think>\n" + "wait, " * size(400_000, 8_000_000) + "\n</think>\n\n```python\nprint(1)\n```\n"
    parquet(folder / "a.parquet", [open_code_reasoning(n, output=long + str(n)) for n in range(2)])
    read_problems(store, folder, sources=())
    assert read_answers(store, folder).responses == 2
    assert store.scalar("SELECT min(length(content)) FROM r1_traces") > len(long)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_as_an_undisturbed_one(tmp_path: Path, folder: Path) -> None:
    rows = [open_code_reasoning(number, output=f"{ANSWER}\n{number}") for number in range(60)]
    jsonl(folder / "a.jsonl", rows[:30])
    parquet(folder / "b.parquet", rows[30:], row_group_size=4)

    def table(home: Path) -> list[Any]:
        with new_lake(home / "lake") as lake:
            traces = lake.rows("SELECT * EXCLUDE (created_at) FROM r1_traces ORDER BY response_id")
            edges = lake.rows("SELECT child, parent, relation, reason FROM record_edge WHERE stage = 'r1_traces' ORDER BY ALL")
            return [
                traces,
                lake.rows("FROM published_labels ORDER BY published_id"),
                lake.rows("FROM published_files ORDER BY file"),
                edges,
            ]

    def committed(home: Path) -> int:
        with sqlite3.connect(home / "lake" / "catalog.sqlite") as catalog:
            return int(catalog.execute("SELECT count(*) FROM ducklake_snapshot").fetchone()[0])

    homes = [tmp_path / name for name in ("killed", "undisturbed")]
    for home in homes:
        with new_lake(home / "lake") as lake:
            read_problems(lake, folder, sources=())
    with new_lake(homes[1] / "lake") as lake:
        read_answers(lake, folder)
    before = committed(homes[0])
    command = [sys.executable, "-m", "tests.support.published", str(homes[0]), str(folder), "4"]
    root = Path(__file__).resolve().parents[2]
    reader = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL)
    while reader.poll() is None and committed(homes[0]) < before + 3:
        time.sleep(0.02)
    reader.kill()
    assert reader.wait() != 0, "it was at work"
    with new_lake(homes[0] / "lake") as lake:
        there = len(lake.rows("SELECT response_id FROM r1_traces"))
        assert 0 < there < 60
        assert read_answers(lake, folder).rows == 60 - there, "what was committed is not read again"
    assert table(homes[0]) == table(homes[1])


@pytest.mark.slow
def test_the_asset_reads_what_is_new_and_is_settled_after(tmp_path: Path, folder: Path) -> None:
    jsonl(folder / "a.jsonl", [open_code_reasoning(1)])
    with new_lake(tmp_path / "home" / "lake") as lake:
        read_problems(lake, folder, sources=())
    instance = dg.DagsterInstance.ephemeral()

    def run(taco: str = "") -> dict[str, Any]:
        resources = {
            "lake": LakeResource(home=str(tmp_path / "home")),
            "sources": SourcesResource(taco=taco, published=str(folder)),
            "teacher": TeacherResource(kind="published"),
            "tokenizer": TokenizerResource(),
        }
        done = dg.materialize([r1_traces], resources=resources, instance=instance)
        (event,) = done.asset_materializations_for_node("r1_traces")
        return {name: value.value for name, value in event.metadata.items()}

    first = run()
    assert (first["new rows"], first["rows read"], first["files read"]) == (1, 1, 1) and str(folder) in first["teacher"]
    assert run(taco="hub")["rows read"] == 1, "told again, nothing was done: another source's address is nothing to this asset"
    jsonl(folder / "b.jsonl", [open_code_reasoning(1), open_code_reasoning(2)])
    second = run()
    assert (second["new rows"], second["rows read"], second["rows that became no response"]) == (0, 2, {"no problem": 1})
    with new_lake(tmp_path / "home" / "lake") as lake:
        assert spent_on(lake, "deepseek-ai/DeepSeek-R1").requests == 0, "others paid"


def test_a_wrong_column_map_says_what_columns_there_are(folder: Path) -> None:
    jsonl(folder / "a.jsonl", [{"text": ANSWER, "question": "Add."}])
    for toml, said in (
        ('[columns]\nresponse = "answer"', "no column answer; it has question, text"),
        ('[columns]\nanswer = "text"', "answer is none of response, reasoning"),
        ('[columns]\nresponse = "text"', "no column says which problem a row answers"),
        ('name = 3\n[columns]\nresponse = "text"', "valid string"),
        ("[columns", "published.toml"),
        ('licence = "MIT"', "not permitted"),
    ):
        (folder / "published.toml").write_text(toml)
        (found,) = files_below(folder, "here")
        assert isinstance(found, Unreadable) and said in found.reason, found


@pytest.mark.slow
def test_own_rows_are_read_by_their_column_map(store: Lake, folder: Path) -> None:
    tests = [{"kind": "stdin", "input": "1 2\n", "output": "3\n"}]
    rows = [
        {
            "text": ANSWER,
            "question": "Add the two given numbers.",
            "cases": tests,
            "ok": "yes",
            "who": "someone",
            "terms": "mit",
            "lang": None,
            "n": 3.0,
        },
        {
            "text": ANSWER,
            "question": None,
            "cases": None,
            "ok": None,
            "who": None,
            "terms": None,
            "lang": "C++",
            "n": "many",
            "origin": "taco/train/0",
        },
    ]
    jsonl(folder / "a.jsonl", rows)
    columns = {
        "response": "text",
        "statement": "question",
        "tests": "cases",
        "correct": "ok",
        "model": "who",
        "license": "terms",
        "language": "lang",
        "completion_tokens": "n",
    }
    lines = "\n".join(f'{ours} = "{theirs}"' for ours, theirs in columns.items())
    (folder / "published.toml").write_text(f'name = "mine"\nlicense = "cc-by-4.0"\n[columns]\n{lines}\n')
    read_problems(store, folder)
    assert read_answers(store, folder).responses == 2
    one, other = responses(store)
    assert (one["model"], one["license"], one["language"], one["completion_tokens"]) == ("someone", "MIT", "python", 3)
    assert (other["model"], other["license"], other["language"], other["completion_tokens"]) == (
        "unknown",
        "CC-BY-4.0",
        "cpp",
        None,
    )
    assert other["origins"][0] == "taco/train/0"
    assert store.scalar("SELECT test_count FROM problems JOIN test_suites USING (suite_id) WHERE dataset = 'published'") == 1


@pytest.mark.long
def test_a_share_of_the_rows_is_part_of_a_larger_share(store: Lake, folder: Path) -> None:
    jsonl(folder / "a.jsonl", [open_code_reasoning(number) for number in range(200)])
    read_problems(store, folder, sources=())
    read_answers(store, folder, share=0.1)
    few = {row["published_id"] for row in labels(store)}
    assert 5 <= len(few) <= 40
    read_answers(store, folder, share=0.4)
    more = {row["published_id"] for row in labels(store)}
    assert few < more and len(more) < 140
    read_answers(store, folder)
    assert len(labels(store)) == 200 and more < {row["published_id"] for row in labels(store)}


def own_rows(folder: Path, *rows: dict[str, Any]) -> None:
    jsonl(folder / "a.jsonl", rows)
    (folder / "published.toml").write_text("name = 'own'\n")


@pytest.mark.long
def test_what_was_mended_is_no_longer_said_to_be_broken(store: Lake, folder: Path) -> None:
    """Rows and files that became no response leave with the reason, in all parts of a file, once they are readable."""
    good, bad = ({"response": text, "statement": "Add."} for text in (ANSWER, None))
    own_rows(folder, good, bad, bad, bad)
    for name in ("mended", "removed"):
        (folder / f"{name}.parquet").write_bytes(b"none")
    read_problems(store, folder, sources=())
    read_answers(store, folder)
    assert [label["reason"] is None for label in labels(store)] == [True] + 5 * [False]
    own_rows(folder, good, {**good, "response": ANSWER + "mended"}, bad)
    parquet(folder / "mended.parquet", [{**good, "response": ANSWER + "parquet"}])
    (folder / "removed.parquet").unlink()
    read_answers(store, folder, batch_rows=1)
    assert [(label["file"], label["row"], label["reason"] is None) for label in labels(store)] == [
        ("a.jsonl", 0, True), ("a.jsonl", 1, True), ("a.jsonl", 2, False), ("mended.parquet", 0, True),
    ]  # fmt: skip
    assert balanced(store) and len(responses(store)) == 3


@pytest.mark.slow
def test_two_folders_with_a_file_of_one_name_do_not_take_each_others_rows(store: Lake, tmp_path: Path) -> None:
    roots = [(name, tmp_path / name) for name in ("here", "there")]
    for name, root in roots:
        own_rows(root, {"response": ANSWER, "origin": f"taco/train/{name}"})
    read_published(store, RunInfo("read"), roots, print)
    own_rows(roots[0][1], {"response": ANSWER, "origin": "taco/train/elsewhere"})
    read_published(store, RunInfo("read"), roots, print)
    assert {label["places"][0] for label in labels(store)} >= {"taco/train/there", "taco/train/elsewhere"}


@pytest.mark.long
def test_no_value_of_a_row_stops_the_others(store: Lake, folder: Path) -> None:
    row = {"response": ANSWER, "statement": "Add."}
    absurd = {**row, "prompt_tokens": 1e300, "completion_tokens": "9" * 30}
    own_rows(folder, absurd, {**row, "finish_reason": "st\ud800op"}, {**row, "response": ANSWER + "2"})
    read_problems(store, folder, sources=())
    read_answers(store, folder)
    assert [label["reason"] for label in labels(store)] == [None, "broken text: surrogates not allowed at 2", None]
    assert [row["prompt_tokens"] for row in responses(store)] == [None, None]


@pytest.mark.long
def test_a_run_that_goes_on_sees_the_problems_that_came_meanwhile(
    store: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_rows(folder, *({"response": f"{ANSWER}{n}", "statement": f"Add {n}."} for n in range(3)))
    commit = reading._Batch.commit

    def killed(batch: Any, lake: Lake, run: RunInfo) -> None:
        commit(batch, lake, run)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(reading._Batch, "commit", killed)
        read_answers(store, folder, batch_rows=1)
    read_problems(store, folder, sources=())
    read_answers(store, folder)
    assert [label["reason"] for label in labels(store)] == [None, None, None]
