"""Which problems restate a benchmark item: nearest neighbours by cosine similarity, then judges' votes, then a decision.

OCR (step 3): threshold 0.7, two judges for each pair above it. Here each judge is asked in both orders and only a bare yes in
both counts as its yes; an answer that never came is no vote, never "clean". Pure functions; the asset does the asking.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import jinja2
import numpy as np
import numpy.typing as npt

from ocr_assets.jsonl import read_jsonl
from ocr_assets.records import CleanProblem, ContaminationPair, Decision, JudgeVote, Problem, content_id
from resources.lake import Edge
from resources.teacher.api import ChatRequest, Sampling

THRESHOLD = 0.7
NEIGHBOURS = 5  # benchmark items kept for each problem
MAX_QUESTION_TOKENS = 3_200  # OCR: longer questions are not asked
TEST_SPLITS = {("code_contests", "test"), ("codeforces", "test")}  # excluded from the release (OCR, step 1)
JUDGE_SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_tokens=16)
Order = Literal["problem_first", "benchmark_first"]
ORDERS: tuple[Order, Order] = ("problem_first", "benchmark_first")
QUESTION_FIELDS = ("question", "prompt", "question_content", "text", "description", "instruct_prompt", "content")
ID_FIELDS = ("task_id", "question_id", "id", "name")


@dataclass(frozen=True)
class BenchmarkItem:
    """A benchmark's item: only its question matters here."""

    benchmark: str
    item_id: str
    question: str


def read_benchmark(path: Path) -> list[BenchmarkItem]:
    """Items of a benchmark file; the benchmark is called by the file's name. JSONL (.gz, .zst) or Parquet.

    The question is the first present of prompt (HumanEval), text (MBPP), question_content (LiveCodeBench), description
    (CodeContests), instruct_prompt (BigCodeBench), question, content. Raises ``ValueError`` naming file and row.
    """
    benchmark = path.name.split(".")[0]
    items = []
    for number, row in _rows(path):
        question = next((row[name] for name in QUESTION_FIELDS if isinstance(row.get(name), str) and row[name].strip()), None)
        if question is None:
            raise ValueError(f"{path}, row {number}: no question; one of {', '.join(QUESTION_FIELDS)} must hold text")
        item_id = next((str(row[name]) for name in ID_FIELDS if row.get(name) is not None), str(number))
        items.append(BenchmarkItem(benchmark, item_id, question))
    return items


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        yield from enumerate(pq.read_table(path).to_pylist())
    else:
        yield from read_jsonl(path)


def neighbours(
    problems: npt.NDArray[np.float32], items: npt.NDArray[np.float32], threshold: float = THRESHOLD, block: int = 2048
) -> Iterator[tuple[int, int, float]]:
    """(problem row, item row, cosine) of pairs at or above ``threshold``, at most ``NEIGHBOURS`` a problem, nearest first.

    Both matrices hold unit vectors. Exact search in blocks: memory is ``block`` × items, whatever the number of problems.
    """
    if not len(problems) or not len(items):
        return
    for start in range(0, len(problems), block):
        scores = problems[start : start + block] @ items.T
        for row, column_scores in enumerate(scores):
            near = np.flatnonzero(column_scores >= threshold)
            for column in near[np.argsort(-column_scores[near], kind="stable")][:NEIGHBOURS]:
                yield start + row, int(column), float(column_scores[column])


@dataclass(frozen=True)
class JudgePrompt:
    """The judges' template and its hash; a file given by the user replaces ours."""

    text: str

    @classmethod
    def load(cls, path: Path | None = None) -> JudgePrompt:
        source = path if path is not None else files(__package__).joinpath("templates", "judge.jinja")
        return cls(source.read_text(encoding="utf-8"))

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def request(self, pair: Mapping[str, Any], statement: str, origins: Sequence[str], model: str, order: Order) -> ChatRequest:
        """The question to one judge in one order."""
        texts = (statement, pair["item_question"])
        first, second = texts if order == "problem_first" else reversed(texts)
        content = jinja2.Template(self.text, undefined=jinja2.StrictUndefined).render(first=first, second=second)
        item = f"{pair['benchmark']}/{pair['item_id']}"
        return ChatRequest(
            key=content_id("vote", pair["pair_id"], model, order, self.hash),
            messages=[{"role": "user", "content": content.strip()}],
            sampling=JUDGE_SAMPLING,
            aliases=[f"judge|{model}|{origin}|{item}|{order}" for origin in origins]
            + [f"judge|*|{origin}|{item}|{order}" for origin in origins],
        )


def vote_of(answer: str) -> Literal["yes", "no"]:
    """Only a bare yes counts as yes (a reasoning model's thoughts before it are left aside)."""
    said = answer.rpartition("</think>")[2]
    return "yes" if re.fullmatch(r"\W*yes\W*", said.strip(), re.IGNORECASE) else "no"


def decide(votes: Sequence[JudgeVote], judges: Sequence[str]) -> tuple[Decision, str]:
    """The decision on a pair: confirmed if any judge says yes in both orders; else undecided if any vote is missing (or there
    are no judges); else cleared."""
    by_judge = {judge: {v["order"]: v["vote"] for v in votes if v["judge"] == judge} for judge in judges}
    for judge, said in by_judge.items():
        if all(said.get(order) == "yes" for order in ORDERS):
            return "confirmed", f"{judge} says yes in both orders"
    missing = [judge for judge, said in by_judge.items() if any(said.get(order, "none") == "none" for order in ORDERS)]
    if not judges or missing:
        return "undecided", f"no vote from {', '.join(missing) if missing else 'any judge'}"
    return "cleared", "no judge says yes in both orders"


def pair_row(problem: Mapping[str, Any], item: BenchmarkItem, cosine: float) -> ContaminationPair:
    """A pair before it is judged."""
    return {
        "pair_id": content_id("pair", problem["problem_id"], item.benchmark, item.item_id, item.question),
        "problem_id": problem["problem_id"],
        "benchmark": item.benchmark,
        "item_id": item.item_id,
        "item_question": item.question,
        "cosine": round(cosine, 4),
        "votes": [],
        "decision": "undecided",
        "reason": "not judged",
    }


def drop_reason(problem: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]], tokens: int) -> str | None:
    """Why a problem is not asked of the teacher, or None. ``pairs``: its rows of the contamination report."""
    if (problem["dataset"], problem["split"]) in TEST_SPLITS:
        return "test split of its source"
    confirmed = next((pair for pair in pairs if pair["decision"] == "confirmed"), None)
    if confirmed is not None:
        return f"contaminated: {confirmed['benchmark']}/{confirmed['item_id']}"
    if tokens > MAX_QUESTION_TOKENS:
        return f"question longer than {MAX_QUESTION_TOKENS} tokens"
    return None


def clean(
    problems: Iterable[tuple[Problem, Sequence[Mapping[str, Any]], int]],
) -> Iterator[CleanProblem | Edge]:
    """Problems with their pairs and question tokens in; for each a clean problem and its edge, or the edge that drops it."""
    for problem, pairs, tokens in problems:
        reason = drop_reason(problem, pairs, tokens)
        if reason is not None:
            yield {"child": "clean_problems", "parent": problem["problem_id"], "relation": "dropped", "reason": reason}
            continue
        nearest = max(pairs, key=lambda pair: pair["cosine"], default=None)
        undecided = any(pair["decision"] == "undecided" for pair in pairs)
        yield {
            **problem,
            "nearest_benchmark": None if nearest is None else f"{nearest['benchmark']}/{nearest['item_id']}",
            "nearest_cosine": None if nearest is None else nearest["cosine"],
            "contamination": "undecided" if undecided else "cleared" if pairs else "clean",
            "question_tokens": tokens,
        }
