"""Rows of the releases, which are Parquet files: no table of the lake holds them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.problems import Language
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
