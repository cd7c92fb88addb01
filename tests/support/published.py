"""Files of published answers in their true schemas, and a lake with the problems that they answer. ``python -m
tests.support.published HOME FOLDER BATCH_ROWS`` reads such a folder as the asset does, in small batches: a process for tests to kill."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ocr_assets import samples
from ocr_assets.problems.dedup.deduplicate import deduplicate
from ocr_assets.problems.dedup.settings import DedupSettings
from ocr_assets.problems.sources.read import read_published as read_published_problems
from ocr_assets.problems.sources.read import read_source, store_rows
from ocr_assets.traces.published.reading import Done, read_published
from resources.lake import Lake, RunInfo
from tests.support.lakes import new_lake

CODE = "print(sum(map(int, input().split())))"
ANSWER = f"<think>\nAdd them.\n</think>\n\n```python\n{CODE}\n```\n"
CPP = "<think>\nAdd them.\n</think>\n\n```cpp\n#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b; }\n```\n"


def open_code_reasoning(number: int, **values: Any) -> dict[str, Any]:
    """A row of configuration split_0, or with ``index`` of split_1 (its input is "-")."""
    return {
        "id": f"{number:032x}", "input": "-" if "index" in values else f"Add the two numbers, variant {number}.", "output": ANSWER,
        "source": "codeforces", "license": "cc-by-4.0", "dataset": "code_contests", "split": "train", "difficulty": "7",
        "solution": CODE, **values,
    }  # fmt: skip


def open_code_reasoning_2(number: int, **values: Any) -> dict[str, Any]:
    return {
        "question": "-", "r1_generation": ANSWER, "qwq_critique": "<think>Fine.</think>\n<judgement>right</judgement>",
        "solution": CODE, "judgement": "right", "pass_rate": "1.0", "source": "aizu", "license": "apache-2.0", "dataset": "taco",
        "split": "train", "difficulty": "EASY", "index": "0", "id": f"{number:032x}", "question_id": "q", **values,
    }  # fmt: skip


def codeforces_cots(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": "1/A", "aliases": None, "contest_id": "1", "contest_name": "One", "contest_type": "CF", "contest_start": 0,
        "contest_start_year": 2010, "index": "A", "time_limit": 1.0, "memory_limit": 256.0, "title": "Sum",
        "description": f"Add the two numbers {number}.", "input_format": "Two numbers.", "output_format": "Their sum.",
        "examples": [{"input": "1 2", "output": "3"}], "note": None, "editorial": None, "prompt": "Solve it.",
        "generation": CPP, "finish_reason": "stop",
        "api_metadata": {"completion_tokens": 30, "completion_tokens_details": None, "prompt_tokens": 20,
                         "prompt_tokens_details": None, "total_tokens": 50},
        "interaction_format": None, "messages": [{"content": "Solve it.", "role": "user"}, {"content": CPP, "role": "assistant"}],
        **values,
    }  # fmt: skip


def open_thoughts(number: int, **values: Any) -> dict[str, Any]:
    return {
        "problem": f"Print the sum of the two given numbers. Case {number}.", "deepseek_reasoning": "Add them.",
        "deepseek_solution": f"It is the sum.\n\n```python\n{CODE}\n```\n", "ground_truth_solution": CODE, "domain": "code",
        "source": "taco", "test_cases": json.dumps({"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}), "starter_code": "",
        **values,
    }  # fmt: skip


def kodcode(number: int, **values: Any) -> dict[str, Any]:
    function = "```python\ndef add(a, b):\n    return a + b\n```"
    return {
        "version": "1", "style": "instruct", "subset": "Prefill", "question_id": f"Prefill_{number}_I",
        "question": f"Write add(a, b). Case {number}.", "solution": "def add(a, b):\n    return a + b\n",
        "test": "from solution import add\n\ndef test_add():\n    assert add(1, 2) == 3\n",
        "test_info": [{"function_name": "add", "parameter_list": "(a, b)", "function_declaration": "def add(a, b):", "docstring": ""}],
        "gpt_difficulty": "easy", "r1_pass_sequence": [True], "r1_pass_trial_num": 1, "r1_correctness": "True",
        "r1_solution": "def add(a, b):\n    return a + b", "metadata": {"subset": "x"},
        "conversations": [{"from": "human", "value": "Write add."}, {"from": "gpt", "value": f"<think>\nEasy.\n</think>\n\n{function}"}],
        **values,
    }  # fmt: skip


def parquet(path: Path, rows: Sequence[Mapping[str, Any]], **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path, **options)
    return path


def jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_problems(store: Lake, folder: Path | None, sources: Sequence[str] = ("taco",)) -> None:
    """The problems of the bundled sources and those that the published files bring, made distinct."""
    run = RunInfo("problems")
    with store.write(run, "raw_problems") as write:
        for dataset in sources:
            store_rows(write, dataset, read_source(samples.SOURCES / dataset, dataset))  # type: ignore[arg-type]
        if folder is not None:
            store_rows(write, "published", read_published_problems([("here", folder)]))
    with store.write(run, "deduped_problems") as write:
        deduplicate(store, write, partial(store.write, run, "deduped_problems"), DedupSettings(), None)


def read_answers(store: Lake, folder: Path, **more: Any) -> Done:
    return read_published(store, RunInfo("read"), [("here", folder)], lambda line: None, **more)


def main(home: str, folder: str, batch_rows: str) -> None:
    with new_lake(Path(home) / "lake") as store:
        print(read_answers(store, Path(folder), batch_rows=int(batch_rows)).line())


if __name__ == "__main__":
    main(*sys.argv[1:])
