"""What a critic says of solutions, and how often it is right. How it comes about: ``docs/papers.md``, OCR-11."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import TRUNCATED
from ocr_assets.schema.problems import Language
from ocr_assets.schema.synthesis import TeacherAnswer
from ocr_assets.schema.verification import VerdictName
from resources.lake.tables import Table

Judgement = Literal["right", "wrong"]


class CriticAnswer(TeacherAnswer):
    """One answer of the critic about one solution, raw, and the judgement that it ends with. View ``critique_texts`` has its
    whole text."""

    critique_id: Annotated[str, "Hash of what was asked: solution, prompt, model, sampling, which of the critiques"]
    solution_id: Annotated[str, "What it is about"]
    response_id: Annotated[str, "The response"]
    critique_index: Annotated[int, "Which of the critiques of this solution, from 0"]
    parse_status: Annotated[
        str, "ok; truncated, no_answer, no_judgement, empty_judgement, other_judgement, two_judgements: it judges nothing"
    ]
    judgement: Annotated[Judgement | None, "right or wrong; null: it judges nothing"]


class Critique(TypedDict):
    """A critique beside the verdict on the same solution, and whether it chooses the solution among the answers to its problem.

    The text: view ``critique_texts`` (``critique_id``, ``critique``)."""

    critique_id: Annotated[str, "The critique"]
    solution_id: Annotated[str, "What it is about"]
    response_id: Annotated[str, "The response"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[Language, "python or cpp"]
    source: Annotated[str, "Platform"]
    level: Annotated[str | None, "easy, medium, hard, by what the source says; null: it says nothing"]
    critic: Annotated[str, "Model that judges"]
    critique_index: Annotated[int, "Which of the critiques of this solution, from 0"]
    parse_status: Annotated[str, "See critic_answers; what the server refused has its failure here"]
    judgement: Annotated[Judgement | None, "right or wrong; null: it judges nothing"]
    tokens: Annotated[int | None, "Of the critique, its reasoning included"]
    verdict: Annotated[VerdictName | None, "On the solution, by its tests; null: nothing was run"]
    passes: Annotated[bool | None, "Whether the solution passes; null: the verdict is not trusted, or says neither"]
    agrees: Annotated[bool | None, "Judgement and verdict say the same; null: one of them says nothing"]
    selected: Annotated[
        bool, "Of all answers to the problem in this language, this critique is the shortest of those that judge right"
    ]


class CriticAccuracy(TypedDict):
    """How a critic's judgements agree with verdicts, and what its choice of one answer is worth, over one group."""

    critic: Annotated[str, "Model that judges"]
    grouping: Annotated[Literal["all", "source", "language", "level"], "Column grouped by"]
    value: Annotated[str, "Value of the grouping column; 'all' for all"]
    critiques: Annotated[int, "All, whatever they say"]
    no_judgement: Annotated[int, "Of these, judge nothing"]
    no_verdict: Annotated[int, "Judge, but the verdict on the solution says nothing"]
    right_passes: Annotated[int, "Judged right, and passes"]
    right_fails: Annotated[int, "Judged right, and fails"]
    wrong_passes: Annotated[int, "Judged wrong, and passes"]
    wrong_fails: Annotated[int, "Judged wrong, and fails"]
    accuracy: Annotated[float | None, "Share of judgements that agree with the verdict"]
    low: Annotated[float | None, "95 % interval of the accuracy (Wilson); a critique counts as one observation"]
    high: Annotated[float | None, "95 % interval of the accuracy (Wilson)"]
    precision: Annotated[float | None, "right_passes / all judged right"]
    recall: Annotated[float | None, "right_passes / all that pass"]
    specificity: Annotated[float | None, "wrong_fails / all that fail"]
    correlation: Annotated[float | None, "Of judgement and verdict (Matthews); null: one of them never varies"]
    choices: Annotated[int, "Problems and languages for which an answer was selected and its verdict is known"]
    selected_pass: Annotated[float | None, "Share of the selected answers that pass"]
    average_pass: Annotated[float | None, "Mean share of passing answers of the same problems: what choosing at random gives"]
    best_pass: Annotated[float | None, "Share of the same problems of which any answer passes: what a perfect choice gives"]


CRITIC_ANSWERS = Table(
    "critic_answers", CriticAnswer, ("critique_id",), "The critic's answers about solutions, raw.", figures=(TRUNCATED,)
)

CRITIQUES = Table("critiques", Critique, ("critique_id",), "Judgements beside verdicts, and the answer that they select.")

CRITIC_ACCURACY = Table(
    "critic_accuracy", CriticAccuracy, ("critic", "grouping", "value"), "How often the critic agrees with verdicts."
)
