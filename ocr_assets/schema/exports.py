"""Rows of the releases, which are Parquet files: no table of the lake holds them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.problems import Language
from ocr_assets.schema.synthesis import Style, TestedName
from ocr_assets.schema.traces import ParseStatus
from ocr_assets.schema.verification import VerdictName
from resources.lake.tables import Table


class SftRow(TypedDict):
    """A row of the release: the OpenCodeReasoning columns, then our labels."""

    id: Annotated[str, "The triplet's id"]
    input: Annotated[str, "The question"]
    output: Annotated[str, "The whole response, think tags restored"]
    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    split: Annotated[str, "train, validation, test"]
    difficulty: Annotated[str | None, "As the source says it"]
    solution: Annotated[str | None, "Only the code"]
    language: Annotated[Language, "python or cpp"]
    verdict: Annotated[VerdictName | None, "What the sandbox found; null: nothing to run"]
    reason: Annotated[str, "Why"]
    trusted: Annotated[bool, "False where the verdict may be wrong, or there is none"]
    tests_passed: Annotated[int | None, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    pass_rate: Annotated[float | None, "tests_passed / tests_total"]
    suite_status: Annotated[Literal["qualified", "quarantined", "unknown"], "Whether reference solutions pass the suite"]
    suite_tpr: Annotated[float | None, "Share of reference solutions the suite accepts"]
    suite_tnr: Annotated[float | None, "Share of rejected submissions and mutants it does not accept"]
    parse_status: Annotated[ParseStatus, "ok, or why there is no code"]
    labels: Annotated[list[str], "Of parsing: code_in_reasoning, no_think_open, several_fences, truncated"]
    contamination: Annotated[str, "clean, cleared, undecided"]
    reasoning_tokens: Annotated[int, "Of the reasoning"]
    response_tokens: Annotated[int, "Of the whole response"]
    problem_id: Annotated[str, "The problem"]
    response_id: Annotated[str, "The response"]
    solution_id: Annotated[str, "The solution"]
    verdict_id: Annotated[str | None, "The verdict; null: nothing was run"]
    model: Annotated[str, "The teacher"]


SFT_DATASET = Table("sft_dataset", SftRow, ("id",), "The SFT release: Parquet files in the OpenCodeReasoning schema.")


class KodCodeRow(TypedDict):
    """A row in the columns of KodCode/KodCode-V1, then our labels."""

    version: Annotated[str, "v1.0"]
    style: Annotated[Style, "instruct, complete, online_judge"]
    subset: Annotated[str, "As KodCode writes it: Prefill, Leetcode, Code_Contests …"]
    question_id: Annotated[str, "{Subset}_{n}_I (instruct), _C (complete), _O (online judge)"]
    question: Annotated[str, "As a student sees it"]
    solution: Annotated[str, "That passes the tests"]
    test: Annotated[str, "pytest suite that imports from solution; online_judge: JSON list of {input, output}"]
    test_info: Annotated[list[TestedName], "What the tests call"]
    gpt_pass_sequence: Annotated[list[int], "1 where an attempt was verified, in order"]
    gpt_pass_trial_num: Annotated[int, "How many were"]
    gpt_difficulty: Annotated[str, "easy from 2/3 on, medium, hard below 1/3"]
    gpt_pass_percentage: Annotated[float, "The share of them"]
    trials: Annotated[str, "JSON: each attempt's code, tests and outcome, by name"]
    chosen_trial: Annotated[str, "Name of the attempt that solution and test are from"]
    metadata: Annotated[str, "JSON: method, seeds, model"]
    benchmark_similarity: Annotated[float | None, "Cosine of the nearest benchmark item"]
    benchmark_instruction: Annotated[str | None, "That item's question"]
    benchmark_task_id: Annotated[str | None, "benchmark/item of that item"]
    filter_reason: Annotated[str | None, "null: what was filtered is not released"]
    trusted: Annotated[bool, "The tests prove what they say"]
    kill_rate: Annotated[float | None, "Share of wrong programs that the tests notice"]
    statement_coverage: Annotated[float | None, "Share of statements that the tests execute"]
    branch_coverage: Annotated[float | None, "Share of branches that they take"]
    triplet_id: Annotated[str, "The triplet"]


# A field of this name is a word of Python's.
ConversationTurn = TypedDict("ConversationTurn", {"from": str, "value": str})


class KodCodeAnswerRow(KodCodeRow):
    """A row in the columns of KodCode/KodCode-V1-SFT-R1, one an answer, then our labels."""

    id: Annotated[str, "Of the answer"]
    r1_pass_sequence: Annotated[list[int], "1 where one of the question's answers passed, in order"]
    r1_pass_trial_num: Annotated[int, "How many did"]
    r1_correctness: Annotated[str, "True or False: whether this one passes the tests"]
    r1_solution: Annotated[str | None, "Its code; null: none could be read"]
    conversations: Annotated[list[ConversationTurn], "Question and whole answer, think tags restored"]
    response_id: Annotated[str, "The response"]
    model: Annotated[str, "The teacher"]


KODCODE_V1 = Table("kodcode_v1", KodCodeRow, ("question_id",), "Synthetic triplets: Parquet files in KodCode-V1's columns.")
KODCODE_SFT_R1 = Table("kodcode_sft_r1", KodCodeAnswerRow, ("id",), "Answers to them, in KodCode-V1-SFT-R1's columns.")
KODCODE_RL = Table("kodcode_rl", KodCodeRow, ("question_id",), "Triplets whose tests can reward, in KodCode's columns.")
