"""Which columns each column of an asset's rows is worked out from: the column lineage that the UI draws.

A row type has two mappings: tables → the columns that are carried over from them as they are, and columns → what they are worked
out from, as ``table.column``, several by comma. Columns that only say how or when a row was made (a teacher's tokens, a verdict's
seconds, hashes of what was asked) come from nowhere but the step itself, and are left out. Row-by-row lineage is in the lake
(``record_edge``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resources.lake.tables import Table

_MERGED = "title url difficulty tags multiple_answers_hint reference_solutions suite_id raw_id"
_LABELS = (
    "language dataset source split license difficulty solution verdict reason trusted tests_passed tests_total pass_rate "
    "suite_status suite_tpr suite_tnr problem_id response_id solution_id verdict_id"
)
_SAMPLED = "problem_id benchmark task_id"
_TRIPLET = (
    "style question solution test benchmark_similarity benchmark_instruction benchmark_task_id trusted kill_rate "
    "statement_coverage branch_coverage triplet_id"
)

_ORIGINS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "Problem": (
        {"raw_problems": _MERGED},
        {
            "problem_id": "raw_problems.statement",
            "raw_ids": "raw_problems.raw_id",
            "origins": "raw_problems.origin",
            "test_conflicts": "raw_problems.suite_id",
            "tests_left_out": "raw_problems.suite_id",
        },
    ),
    "ContaminationPair": (
        {"deduped_problems": "problem_id"},
        {"cosine": "raw_problems.statement", "overlap": "raw_problems.statement", "layer": "raw_problems.statement"},
    ),
    "CleanProblem": (
        {"deduped_problems": "problem_id"},
        {
            "nearest_benchmark": "contamination_report.benchmark, contamination_report.item_id",
            "nearest_cosine": "contamination_report.cosine",
            "contamination": "contamination_report.decision",
            "question_tokens": "raw_problems.statement",
        },
    ),
    "SyntheticQuestion": ({}, {"seed_ids": "clean_problems.problem_id", "seed_name": "raw_problems.origin"}),
    "QuestionScreening": (
        {"synthetic_questions": "question_id subset"},
        {
            "fate": "synthetic_questions.question, raw_problems.statement",
            "duplicate_of": "synthetic_questions.question_id, deduped_problems.problem_id",
            "duplicate_similarity": "synthetic_questions.question, raw_problems.statement",
            "benchmark_similarity": "synthetic_questions.question",
        },
    ),
    "SyntheticAttempt": ({"synthetic_questions": "question_id"}, {"content": "synthetic_questions.question"}),
    "SelfVerification": (
        {"synthetic_attempts": "question_id"},
        {
            "subject_id": "synthetic_attempts.attempt_id",
            "status": "synthetic_attempts.solution, synthetic_attempts.test",
            "verdict": "synthetic_attempts.solution, synthetic_attempts.test",
            "statement_coverage": "synthetic_attempts.solution, synthetic_attempts.test",
            "branch_coverage": "synthetic_attempts.solution, synthetic_attempts.test",
            "kill_rate": "synthetic_attempts.solution, synthetic_attempts.test",
        },
    ),
    "StyleConversion": (
        {"synthetic_attempts": "question_id attempt_id"},
        {"content": "synthetic_attempts.solution, synthetic_attempts.test"},
    ),
    "SyntheticTriplet": (
        {
            "synthetic_questions": "question_id subset",
            "synthetic_attempts": "attempt_id",
            "style_conversions": "conversion_id style",
            "self_verification": "kill_rate statement_coverage branch_coverage",
            "question_screening": "benchmark_similarity benchmark_instruction benchmark_task_id",
        },
        {
            "question": "synthetic_questions.question, style_conversions.question",
            "solution": "synthetic_attempts.solution, style_conversions.solution",
            "test": "synthetic_attempts.test, style_conversions.test",
            "status": "self_verification.status",
            "pass_sequence": "self_verification.status",
            "pass_trial_num": "self_verification.status",
            "pass_percentage": "self_verification.status",
            "difficulty": "self_verification.status",
            "trusted": "self_verification.untrusted_reason",
        },
    ),
    "KodCodeResponse": ({"synthetic_triplets": "question_id triplet_id"}, {"content": "synthetic_triplets.question"}),
    "Response": ({"clean_problems": "problem_id"}, {"content": "raw_problems.statement, raw_problems.starter_code"}),
    "Solution": (
        {"r1_traces": "response_id problem_id language"},
        {
            "parse_status": "r1_traces.content, r1_traces.finish_reason",
            "labels": "r1_traces.content, r1_traces.reasoning",
            "reasoning": "r1_traces.content, r1_traces.reasoning",
            "answer": "r1_traces.content",
            "code": "r1_traces.content, raw_problems.entry_point",
            "code_hash": "r1_traces.content",
        },
    ),
    "SuiteValidation": (
        {"deduped_problems": "problem_id suite_id"},
        {
            "code": "deduped_problems.reference_solutions",
            "verdict": "deduped_problems.reference_solutions, deduped_problems.suite_id",
        },
    ),
    "SuiteQuality": (
        {"suite_validation": "problem_id suite_id"},
        {
            **dict.fromkeys(
                ("status", "references_passed", "rejected_failed", "mutants_failed", "true_positive_rate", "true_negative_rate"),
                "suite_validation.role, suite_validation.verdict",
            ),
            "python_need_s": "suite_validation.cpu_s",
            "cpp_need_s": "suite_validation.cpu_s",
        },
    ),
    "Verdict": (
        {"solutions": "solution_id problem_id language", "deduped_problems": "suite_id"},
        {
            "verdict": "solutions.code, deduped_problems.suite_id",
            "tests": "solutions.code, deduped_problems.suite_id",
            "cpu_limit_s": "suite_quality.python_need_s, suite_quality.cpp_need_s",
        },
    ),
    "Triplet": (
        {
            "solutions": "problem_id response_id solution_id language",
            "verdicts": "verdict_id suite_id verdict tests_passed tests_total",
            "raw_problems": "dataset source split license",
            "deduped_problems": "difficulty",
        },
        {
            "question": "raw_problems.statement",
            "solution": "solutions.code",
            "reason": "verdicts.message, solutions.parse_status",
            "trusted": "verdicts.untrusted_reason, suite_quality.status, deduped_problems.multiple_answers_hint",
            "pass_rate": "verdicts.tests_passed, verdicts.tests_total",
            "suite_status": "suite_quality.status",
            "suite_tpr": "suite_quality.true_positive_rate",
            "suite_tnr": "suite_quality.true_negative_rate",
            "graded_at": "verdicts.created_at",
            "response_license": "r1_traces.license",
            "response_origin": "r1_traces.origin",
        },
    ),
    "TokenStatistic": (
        {},
        {
            "value": "verified_triplets.source, verified_triplets.language, verified_triplets.verdict, r1_traces.model",
            "difficulty": "verified_triplets.difficulty",
            "truncated_share": "solutions.labels",
            "looped_share": "solutions.reasoning",
            **dict.fromkeys(
                ("total", "mean", "minimum", "p50", "p99", "maximum"),
                "verified_triplets.question, solutions.reasoning, solutions.answer, solutions.code",
            ),
        },
    ),
    "Subset": (
        {},
        {
            "rows": "verified_triplets.triplet_id",
            "problems": "verified_triplets.problem_id",
            "accepted_share": "verified_triplets.verdict",
            "pass_rate": "verified_triplets.pass_rate",
            "trusted_share": "verified_triplets.trusted",
            "hard_share": "verified_triplets.difficulty",
            "tokens": "verified_triplets.question, solutions.reasoning, solutions.answer",
            "truncated_share": "solutions.labels",
            "looped_share": "solutions.reasoning",
            "sources": "verified_triplets.source",
        },
    ),
    "ReasoningPatterns": (
        {"verified_triplets": "problem_id response_id solution_id language source verdict"},
        {
            "level": "verified_triplets.difficulty",
            "outcome": "verified_triplets.verdict, verified_triplets.trusted",
            **dict.fromkeys(
                (
                    "status",
                    "spans",
                    "coverage",
                    "problem_rephrasing",
                    "new_approach",
                    "self_evaluation",
                    "backtracking",
                    "subgoal_setup",
                    "simpler_problem",
                    "other",
                    "entropy",
                ),
                "solutions.reasoning",
            ),
        },
    ),
    "Critique": (
        {"verified_triplets": "solution_id response_id problem_id language source verdict"},
        {
            "level": "verified_triplets.difficulty",
            "judgement": "verified_triplets.question, verified_triplets.solution",
            "passes": "verified_triplets.verdict, verified_triplets.trusted",
            "agrees": "verified_triplets.question, verified_triplets.solution, verified_triplets.verdict",
            "selected": "verified_triplets.question, verified_triplets.solution",
        },
    ),
    "SftRow": (
        {
            "verified_triplets": f"{_LABELS} response_license response_origin",
            "solutions": "parse_status labels",
            "clean_problems": "contamination",
            "r1_traces": "model",
        },
        {
            "id": "verified_triplets.triplet_id",
            "input": "verified_triplets.question",
            "output": "r1_traces.content",
            "reasoning_tokens": "solutions.reasoning",
            "response_tokens": "r1_traces.content",
        },
    ),
    "KodCodeRow": (
        {"synthetic_triplets": _TRIPLET, "synthetic_attempts": "test_info"},
        {
            "question_id": "synthetic_triplets.kodcode_id",
            "subset": "synthetic_triplets.subset_title",
            "gpt_pass_sequence": "synthetic_triplets.pass_sequence",
            "gpt_pass_trial_num": "synthetic_triplets.pass_trial_num",
            "gpt_difficulty": "synthetic_triplets.difficulty",
            "gpt_pass_percentage": "synthetic_triplets.pass_percentage",
            "trials": "synthetic_attempts.solution, synthetic_attempts.test, self_verification.status",
            "metadata": "synthetic_questions.method, synthetic_questions.seed_ids, synthetic_questions.model",
        },
    ),
    "KodCodeAnswerRow": (
        {"kodcode_responses": "response_id model"},
        {
            "id": "kodcode_responses.response_id",
            "r1_solution": "kodcode_responses.solution",
            "conversations": "synthetic_triplets.question, kodcode_responses.content, kodcode_responses.reasoning",
            "r1_correctness": "self_verification.status",
            "r1_pass_sequence": "self_verification.status",
            "r1_pass_trial_num": "self_verification.status",
        },
    ),
    "MixedRow": (
        {"sft_dataset": "problem_id language verdict difficulty"},
        {"released_id": "sft_dataset.id, kodcode_sft_r1.id"},
    ),
    "PackedExample": (
        {"training_mix": "example_id mix"},
        {"tokens": "sft_dataset.input, sft_dataset.output", "loss_tokens": "sft_dataset.output"},
    ),
    "FinetunedModel": ({"packed_sft": "mix"}, {"data_version": "packed_sft.bin_id", "tokens": "packed_sft.tokens"}),
    "EvaluationSample": (
        {"benchmark_problems": _SAMPLED},
        {
            "content": "benchmark_problems.question, benchmark_problems.prompt",
            "model": "finetuned_model.model_id",
            "language": "benchmark_problems.languages",
        },
    ),
    "EvaluationVerdict": (
        {"evaluation_samples": "problem_id language", "benchmark_problems": "image"},
        {
            "solution_id": "evaluation_samples.code_hash",
            "suite_id": "benchmark_problems.suites",
            "verdict": "evaluation_samples.code, evaluation_samples.published_code, benchmark_problems.suites",
        },
    ),
    "Evaluation": (
        {"evaluation_samples": "model benchmark language prompt_style sampling"},
        {
            "value": "evaluation_verdicts.verdict",
            "standard_error": "evaluation_verdicts.verdict",
            "slice": "benchmark_problems.difficulty, benchmark_problems.platform, benchmark_problems.published",
        },
    ),
    "EvaluationComparison": (
        {"evaluation_samples": "model benchmark language"},
        {"difference": "evaluation_verdicts.verdict", "standard_error": "evaluation_verdicts.verdict"},
    ),
}


def origins(table: Table) -> dict[str, list[tuple[str, str]]]:
    """Column → the (table, column) pairs that it is worked out from, for the columns that have any."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in _row_types(table.row):
        carried, named = _ORIGINS.get(row, ({}, {}))
        for source, columns in carried.items():
            for column in columns.split():
                found.setdefault(column, []).append((source, column))
        for column, places in named.items():
            found.setdefault(column, []).extend(_place(place) for place in places.split(","))
    return found


def _row_types(row: type) -> Sequence[str]:
    """The names of a row type and of those that it adds columns to, the latter first."""
    bases = [base for base in getattr(row, "__orig_bases__", ()) if isinstance(base, type)]
    return [*(name for base in bases for name in _row_types(base)), row.__name__]


def _place(text: str) -> tuple[str, str]:
    table, _, column = text.strip().partition(".")
    return table, column


__all__ = ["origins"]
