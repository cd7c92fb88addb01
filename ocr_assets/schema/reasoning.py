"""What the teacher's reasoning is made of: an annotator's answers, the spans that they name, and what responses have of each
pattern. How it comes about: ``docs/papers.md``, OCR-10.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import TRUNCATED
from ocr_assets.schema.problems import Language
from ocr_assets.schema.synthesis import TeacherAnswer
from ocr_assets.schema.verification import VerdictName
from resources.lake.tables import Figure, Table

Pattern = Literal[
    "problem_rephrasing",
    "new_approach",
    "self_evaluation",
    "backtracking",
    "subgoal_setup",
    "simpler_problem",
    "other",
]

AnnotationStage = Literal["initial", "final"]

SpanStatus = Literal["kept", "several_patterns", "repeated", "unaligned", "unknown_pattern", "empty", "no_such_part"]

Outcome = Literal["correct", "incorrect"]


class Part(TypedDict):
    """A part of the reasoning that the first annotation left out."""

    start: int
    end: int


class ReasoningAnnotation(TeacherAnswer):
    """One answer of the annotator: the whole reasoning cut into spans, or a pattern for each part that was left out."""

    annotation_id: Annotated[str, "Hash of what was asked: reasoning, prompt, model, sampling, try"]
    solution_id: Annotated[str, "Whose reasoning it is"]
    response_id: Annotated[str, "The response"]
    stage: Annotated[AnnotationStage, "initial: the whole is cut into spans; final: what that left out"]
    initial_id: Annotated[str | None, "final: the annotation that left these parts out"]
    try_index: Annotated[int, "Which of the tries, from 0"]
    text_hash: Annotated[str, "MD5 of the reasoning that was annotated"]
    parts: Annotated[list[Part], "final: the parts that were shown as unannotated, numbered from 1; characters from 0"]
    parse_status: Annotated[str, "ok; no_answer, truncated, no_annotation: nothing can be read, and another try may be made"]


class Span(TypedDict):
    """A piece of the reasoning with the pattern that the annotator named."""

    pattern: Annotated[Pattern | None, "null: no pattern of ours has this name"]
    said: Annotated[str, "The name as the annotator wrote it"]
    status: Annotated[SpanStatus, "kept, or why it does not count"]
    start: Annotated[int | None, "First character in the reasoning, from 0; null: the text does not stand there"]
    end: Annotated[int | None, "The character behind the last"]
    found: Annotated[str | None, "How it was found: exact, words (equal but for signs and spaces), alike, number"]
    likeness: Annotated[float, "Of the quoted words to those found there, 0 to 1"]
    note: Annotated[str, "final: the annotator's reason; else the first words of a text that was not found"]


class AlignedAnnotation(TypedDict):
    """An annotation taken apart: its spans by their place in the reasoning, and what it left out."""

    annotation_id: Annotated[str, "The annotation"]
    solution_id: Annotated[str, "Whose reasoning it is"]
    stage: Annotated[AnnotationStage, "initial or final"]
    initial_id: Annotated[str | None, "final: the annotation that left these parts out"]
    spans: Annotated[list[Span], "In the order in which they were written"]
    parts: Annotated[list[Part], "initial: what no span that counts covers, but for scraps of a few words"]
    characters: Annotated[int, "Of the reasoning, without white space"]
    covered: Annotated[int, "Of these, how many stand in spans that count"]
    aligner_version: Annotated[str, "Of our reading and aligning"]


class ReasoningPatterns(TypedDict):
    """What one response's reasoning is made of: the share of each pattern among its spans."""

    solution_id: Annotated[str, "The solution"]
    response_id: Annotated[str, "The response"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[Language, "python or cpp"]
    source: Annotated[str, "Platform"]
    level: Annotated[str | None, "easy, medium, hard, by what the source says; null: it says nothing"]
    verdict: Annotated[VerdictName | None, "null: nothing to run"]
    outcome: Annotated[Outcome | None, "What the comparison goes by; null: the verdict is not trusted, or says neither"]
    status: Annotated[
        Literal["complete", "low_coverage", "no_final", "no_spans", "unread", "failed"],
        "complete: it counts; low_coverage: too little of it has a pattern; no_final: the second annotation is missing; "
        "no_spans: no span counts; unread: the annotator's answer cannot be read; failed: it gave none",
    ]
    spans: Annotated[int, "Spans that count"]
    dropped_spans: Annotated[int, "Spans that do not: several patterns, not found, said twice, no pattern of ours"]
    unaligned_spans: Annotated[int, "Of these, texts that do not stand in the reasoning"]
    coverage: Annotated[float, "Share of the reasoning, by characters, that has one pattern"]
    problem_rephrasing: Annotated[float | None, "Share of the spans; null: there are none"]
    new_approach: Annotated[float | None, "Share of the spans"]
    self_evaluation: Annotated[float | None, "Share of the spans, verification among them"]
    backtracking: Annotated[float | None, "Share of the spans"]
    subgoal_setup: Annotated[float | None, "Share of the spans"]
    simpler_problem: Annotated[float | None, "Share of the spans"]
    other: Annotated[float | None, "Share of the spans"]
    entropy: Annotated[float | None, "Of these shares, in nats"]
    annotator: Annotated[str | None, "Model that annotated; null: none did"]


class PatternStatistic(TypedDict):
    """A pattern's share in correct against incorrect responses, over one group of them, with two tests.

    ``t``: Welch's, a response counting as one observation, as in the paper. ``sign``: of each problem that has both, whether the
    mean is higher in its correct or its incorrect responses; a two-sided binomial test, ties left out.
    """

    grouping: Annotated[Literal["all", "level", "language", "source"], "Column grouped by"]
    value: Annotated[str, "Value of the grouping column; 'all' for all"]
    measure: Annotated[str, "Pattern whose share it is, or entropy (in nats)"]
    responses: Annotated[int, "Complete responses in the group, whatever their outcome"]
    mean: Annotated[float, "Over these"]
    correct: Annotated[int, "Correct responses"]
    incorrect: Annotated[int, "Incorrect responses"]
    mean_correct: Annotated[float | None, "Mean over correct responses"]
    mean_incorrect: Annotated[float | None, "Mean over incorrect responses"]
    difference: Annotated[float | None, "mean_correct - mean_incorrect"]
    low: Annotated[float | None, "95 % interval of the difference (Welch)"]
    high: Annotated[float | None, "95 % interval of the difference (Welch)"]
    t: Annotated[float | None, "Welch's t; null: fewer than two responses on a side, or nothing varies"]
    degrees: Annotated[float | None, "Its degrees of freedom"]
    t_p: Annotated[float | None, "Two-sided p-value"]
    t_q: Annotated[float | None, "The same, corrected for the tests of this grouping (Benjamini and Hochberg)"]
    effect: Annotated[float | None, "Hedges' g: the difference in pooled standard deviations"]
    problems: Annotated[int, "Problems with correct and incorrect responses"]
    problems_more: Annotated[int, "Of these, with a higher mean in the correct ones"]
    problems_less: Annotated[int, "Of these, with a lower one"]
    problem_difference: Annotated[float | None, "Mean over problems of the difference within each"]
    sign_p: Annotated[float | None, "Two-sided p-value of the binomial test; null: no problem has a difference"]
    sign_q: Annotated[float | None, "The same, corrected as t_q"]
    sign_effect: Annotated[float | None, "problems_more / (problems_more + problems_less)"]


class PatternTransition(TypedDict):
    """How often one pattern follows another in complete responses."""

    outcome: Annotated[Literal["correct", "incorrect", "unknown"], "Of the responses"]
    pattern: Annotated[str, "The pattern, or begin"]
    next: Annotated[str, "The pattern of the next span, or end"]
    count: Annotated[int, "How often"]
    share: Annotated[float, "Of all that follows the pattern in these responses"]


COVERAGE = Figure(
    "annotated_share",
    "avg(coverage) FILTER (status NOT IN ('failed', 'unread'))",
    "Share of the reasoning that the annotator gave a pattern: where it is low, shares mean little",
    least="min_annotated",
)

REASONING_ANNOTATIONS = Table(
    "reasoning_annotations", ReasoningAnnotation, ("annotation_id",), "The annotator's answers, raw.", figures=(TRUNCATED,)
)

ALIGNED_ANNOTATIONS = Table(
    "aligned_annotations", AlignedAnnotation, ("annotation_id",), "Spans by their place in the reasoning."
)

REASONING_PATTERNS = Table(
    "reasoning_patterns", ReasoningPatterns, ("solution_id",), "What each response's reasoning is made of.", figures=(COVERAGE,)
)

PATTERN_STATISTICS = Table(
    "pattern_statistics", PatternStatistic, ("grouping", "value", "measure"), "Patterns in correct and incorrect responses."
)

PATTERN_TRANSITIONS = Table(
    "pattern_transitions", PatternTransition, ("outcome", "pattern", "next"), "Which pattern follows which."
)
