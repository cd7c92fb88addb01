"""What KodCode's half makes: synthetic questions, what they were made from, and what was found of them; then solutions with
tests of their own, self-verified, in several styles, and the answers to them.

How ids are made: ``ids.py``. What happens at each step: ``docs/papers.md``, KC-1 to KC-9.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import SELF_FAULTS, TRUNCATED, VERIFIED
from resources.lake.tables import Table

Method = Literal["prefill", "seed_questions", "snippets", "documentation", "filter"]


SeedKind = Literal["problem", "snippet", "documentation", "question"]


QuestionStatus = Literal["kept", "refused", "filtered", "malformed", "failed"]


QuestionFate = Literal["clean", "duplicate", "contaminated"]


class SyntheticQuestion(TypedDict):
    """One question that a model was asked to make, whatever came of it: the raw answer, and what it was taken for."""

    question_id: Annotated[str, "Hash of what was asked: subset, first seed, prompt template, model, sampling, sample index"]
    subset: Annotated[str, "Which definition asked for it"]
    method: Annotated[Method, "prefill, seed_questions, snippets, documentation, filter"]
    seed_ids: Annotated[list[str], "What it was made from: prob_ or seed_ ids, the first in the question's id; none for prefill"]
    seed_name: Annotated[str, "The first seed as a person knows it: origin of a problem, file:function, package.module.name"]
    sample_index: Annotated[int, "Which of the samples from this seed, from 0"]
    status: Annotated[
        QuestionStatus,
        "kept; refused: the model found the seed too poor; filtered: the definition's rules say no; malformed: no question "
        "could be read; failed: no answer came",
    ]
    reason: Annotated[str, "Reason code, with particulars behind a colon; ok where it is kept"]
    question: Annotated[str | None, "The question's text; null: none could be read"]
    quality: Annotated[str | None, "filter: very poor, poor, average, good, excellent"]
    category: Annotated[str | None, "filter: what the instruction asks for, such as coding, debugging, mathematics"]
    form: Annotated[str | None, "filter: function, online_judge, class, other"]
    rule: Annotated[str, "Hash of parser and of the definition's rules: another one reads the stored answer again"]
    template: Annotated[str, "Prompt template's name"]
    template_hash: Annotated[str, "Hash of the template's text"]
    prompt_hash: Annotated[str, "Hash of the rendered messages; they stand in the table prompts"]
    model: Annotated[str, "Model asked for"]
    served_model: Annotated[str | None, "Model as the server reports it"]
    revision: Annotated[str | None, "Build or weights behind that name, as the server reports them"]
    teacher: Annotated[str, "recorded, endpoint, vllm"]
    endpoint: Annotated[str | None, "Who answered"]
    sampling: Annotated[str, "JSON of temperature, top_p, max_tokens, and stop texts if there are any"]
    seed: Annotated[int | None, "Random seed sent with the request"]
    content: Annotated[str, "Text as it came"]
    reasoning: Annotated[str | None, "reasoning_content, where the server sends it apart"]
    finish_reason: Annotated[str | None, "stop, length …"]
    prompt_tokens: Annotated[int | None, "See tokens_from"]
    completion_tokens: Annotated[int | None, "See tokens_from"]
    tokens_from: Annotated[Literal["server", "counted"], "server: as it counts; counted: Qwen tokens of the texts"]
    cost: Annotated[float | None, "US dollars: as the server says, else by the prices set; null: none are"]
    latency_s: Annotated[float | None, "From asking to answer, seconds, of the try that was answered"]
    attempts: Annotated[int, "Tries until the answer"]
    failure: Annotated[
        str | None, "null: answered; else context_too_long, refused, bad_request, malformed: not asked again by itself"
    ]
    message: Annotated[str | None, "failure: what the server said"]
    created_at: Annotated[datetime, "When (UTC)"]


class QuestionSeed(TypedDict):
    """A text that a question was made from and that is no problem of ours: a snippet, a page, somebody's instruction."""

    seed_id: Annotated[str, "Hash of kind and text"]
    kind: Annotated[SeedKind, "snippet, documentation, question"]
    name: Annotated[str, "file:function, package.module.name, or the row's own name"]
    place: Annotated[str, "Where it was read: file and line, distribution and version, file and row"]
    license: Annotated[str | None, "As its place says it"]
    text: Annotated[str, "As it was shown to the model"]


class QuestionMeasure(TypedDict):
    """A kept question that was compared with all others, with the problems and with the benchmarks."""

    question_id: Annotated[str, "The question"]
    text_hash: Annotated[str, "Hash of the text that was compared"]
    settings: Annotated[str, "Embedding model and version of the measures"]
    statement_key: Annotated[str, "Hash of the normalized text: equal where a problem_id or another question's is"]
    items: Annotated[str, "Hash of the benchmark items it was compared with"]
    item_key: Annotated[str | None, "The benchmark item nearest to it; null: there are no items"]
    cosine: Annotated[float | None, "Similarity of that item"]


class QuestionPair(TypedDict):
    """A question and another, or a problem, whose embeddings are near each other."""

    pair_id: Annotated[str, "Hash of both and of the settings"]
    question_id: Annotated[str, "The question; of two the one with the larger id"]
    other_id: Annotated[str, "The other question, or the problem"]
    settings: Annotated[str, "Embedding model and version of the measures"]
    cosine: Annotated[float, "Similarity, from 0.9 on"]
    is_variant: Annotated[bool, "Each names a number, or one of two opposites, that the other does not"]


class ComparedProblem(TypedDict):
    """A problem that all measured questions were compared with."""

    problem_id: Annotated[str, "The problem"]
    text_hash: Annotated[str, "Hash of the statement that was compared"]
    settings: Annotated[str, "Embedding model and version of the measures"]


class QuestionScreening(TypedDict):
    """A kept question's fate: whether it stands for itself, restates another question or problem, or a benchmark item."""

    question_id: Annotated[str, "The question"]
    subset: Annotated[str, "Which definition asked for it"]
    fate: Annotated[QuestionFate, "clean: asked for solutions; duplicate; contaminated"]
    duplicate_of: Annotated[str | None, "The question (syn_) or problem (prob_) that stays in its place"]
    duplicate_similarity: Annotated[float | None, "Cosine of the nearest of those it was merged with; 1: equal texts"]
    benchmark_similarity: Annotated[float | None, "Cosine of the nearest benchmark item"]
    benchmark_instruction: Annotated[str | None, "That item's question"]
    benchmark_task_id: Annotated[str | None, "benchmark/item of that item"]
    filter_reason: Annotated[str | None, "null: clean; else why it is left out"]


SYNTHETIC_QUESTIONS = Table(
    "synthetic_questions",
    SyntheticQuestion,
    ("question_id",),
    "Questions that models were asked to make, with the raw answers.",
    partition="subset",
    fate=("status", "split_part(reason, ':', 1)"),
    figures=(TRUNCATED,),
)


QUESTION_SEEDS = Table("question_seeds", QuestionSeed, ("seed_id",), "What questions were made from, but for problems.")


QUESTION_MEASURES = Table("question_measures", QuestionMeasure, ("question_id",), "Questions that were compared.")


QUESTION_PAIRS = Table("question_pairs", QuestionPair, ("pair_id",), "Questions near to others or to problems.")


COMPARED_PROBLEMS = Table("compared_problems", ComparedProblem, ("problem_id",), "Problems that questions were compared with.")


QUESTION_SCREENING = Table(
    "question_screening", QuestionScreening, ("question_id",), "Which kept questions are duplicates, contaminated or clean."
)


class TeacherAnswer(TypedDict):
    """What every answer of the teacher's is kept with, whatever it was asked for."""

    template: Annotated[str, "Prompt template's name"]
    template_hash: Annotated[str, "Hash of the template's text"]
    prompt_hash: Annotated[str, "Hash of the rendered messages; they stand in the table prompts"]
    model: Annotated[str, "Model asked for"]
    served_model: Annotated[str | None, "Model as the server reports it"]
    revision: Annotated[str | None, "Build or weights behind that name, as the server reports them"]
    teacher: Annotated[str, "recorded, endpoint, vllm"]
    endpoint: Annotated[str | None, "Who answered"]
    sampling: Annotated[str, "JSON of temperature, top_p, max_tokens"]
    seed: Annotated[int | None, "Random seed sent with the request"]
    content: Annotated[str, "Text as it came"]
    reasoning: Annotated[str | None, "reasoning_content, where the server sends it apart"]
    finish_reason: Annotated[str | None, "stop, length …"]
    prompt_tokens: Annotated[int | None, "See tokens_from"]
    completion_tokens: Annotated[int | None, "See tokens_from"]
    tokens_from: Annotated[Literal["server", "counted"], "server: as it counts; counted: Qwen tokens of the texts"]
    cost: Annotated[float | None, "US dollars: as the server says, else by the prices set; null: none are"]
    latency_s: Annotated[float | None, "From asking to answer, seconds, of the try that was answered"]
    attempts: Annotated[int, "Tries until the answer"]
    failure: Annotated[str | None, "null: answered; else context_too_long, refused, bad_request, malformed"]
    message: Annotated[str | None, "failure: what the server said"]
    parser_version: Annotated[str, "Of our parser"]
    created_at: Annotated[datetime, "When (UTC)"]


Style = Literal["instruct", "complete", "online_judge"]


class TestedName(TypedDict):
    """A function or class that tests call, as KodCode describes it."""

    function_name: str
    parameter_list: str
    function_declaration: str
    docstring: str


class SyntheticAttempt(TeacherAnswer):
    """One completion that was to hold a solution and its tests, taken apart (the raw answer with it)."""

    attempt_id: Annotated[str, "Hash of what was asked: question, prompt, model, sampling, attempt index"]
    question_id: Annotated[str, "The question"]
    attempt_index: Annotated[int, "Which of the attempts, from 0"]
    parse_status: Annotated[
        str, "ok, or why there is no solution or no test: no_answer, no_solution, two_solutions, no_test, two_tests, nested, …"
    ]
    solution: Annotated[str | None, "Code of the solution"]
    test: Annotated[str | None, "Code of the pytest suite, with the import of the solution"]
    test_info: Annotated[list[TestedName], "What of the solution the suite calls"]


class StyleConversion(TeacherAnswer):
    """A verified triplet put into another style by the teacher, taken apart (the raw answer with it)."""

    conversion_id: Annotated[str, "Hash of what was asked: attempt, style, prompt, model, sampling, try"]
    question_id: Annotated[str, "The question"]
    attempt_id: Annotated[str, "The verified attempt whose solution and tests it stands on"]
    style: Annotated[Style, "complete or online_judge"]
    try_index: Annotated[int, "Which of the tries, from 0"]
    parse_status: Annotated[str, "ok, or the reason code why nothing can be used"]
    question: Annotated[str | None, "The task in the new style: code to be completed, or a statement"]
    solution: Annotated[str | None, "online_judge: the program that reads standard input"]
    test: Annotated[str | None, "online_judge: JSON list of {input, output}"]


class KodCodeResponse(TeacherAnswer):
    """One of the teacher's k answers to a triplet's question, taken apart (the raw answer with it)."""

    response_id: Annotated[str, "Hash of what was asked: triplet, prompt, model, sampling, response index"]
    question_id: Annotated[str, "The question"]
    triplet_id: Annotated[str, "The triplet whose tests decide"]
    response_index: Annotated[int, "Which of the k, from 0"]
    parse_status: Annotated[str, "ok, or the reason code why there is no code (as in solutions)"]
    solution: Annotated[str | None, "Code, under the names that the tests call"]
    renamed: Annotated[str | None, "old → new, where the answer had named its function or class otherwise"]


SelfVerdict = Literal["verified", "weak", "vacuous", "suspect", "leaks", "failed", "sandbox_error"]


class WrongProgram(TypedDict):
    """A wrong program that a suite was tried on."""

    role: Annotated[str, "stub: functions emptied; constant: they answer one value; mutant: one small fault"]
    change: Annotated[str, "What was done to the solution"]
    verdict: Annotated[str, "accepted: the tests did not notice"]


class SelfVerification(TypedDict):
    """What the sandbox found of a solution and the tests that it stands on."""

    verification_id: Annotated[str, "Hash of role, subject, settings and grader version"]
    subject_id: Annotated[str, "The attempt, conversion or response"]
    question_id: Annotated[str, "The question"]
    role: Annotated[Literal["attempt", "complete", "online_judge", "response"], "What was verified"]
    plan: Annotated[str, "Hash of the settings that it was verified with"]
    status: Annotated[
        SelfVerdict,
        "verified; weak: below a threshold; vacuous: the tests let an empty program, a constant or all wrong programs pass; "
        "suspect: false tests pass as well; leaks: a completion task that passes by itself; failed; sandbox_error: no verdict",
    ]
    verdict: Annotated[str, "The solution's verdict by its tests (docs/grading.md, §1)"]
    message: Annotated[str, "Why it is not verified"]
    untrusted_reason: Annotated[str | None, "Why passing proves little (docs/grading.md, §3.4)"]
    statements: Annotated[int | None, "Statements of the solution; null: not measured"]
    statement_coverage: Annotated[float | None, "Share of them that the tests execute"]
    branches: Annotated[int | None, "Branches of the solution; null: not measured"]
    branch_coverage: Annotated[float | None, "Share of them that the tests take"]
    wrong_programs: Annotated[list[WrongProgram], "Wrong programs that the tests were tried on"]
    kill_rate: Annotated[float | None, "Share of them that the tests notice; null: none was tried"]
    cpu_s: Annotated[float, "CPU seconds of the suite on the solution"]
    image: Annotated[str, "Digest of the sandbox image"]
    isolation_level: Annotated[str, "What locked it in"]
    grader_version: Annotated[str, "Whose verdict it is"]
    created_at: Annotated[datetime, "When (UTC)"]


class SyntheticTriplet(TypedDict):
    """A question in one of its styles, with solution and tests that prove each other, or what became of it instead."""

    triplet_id: Annotated[str, "Hash of question and style"]
    kodcode_id: Annotated[str, "{Subset}_{n}_I, _C or _O, as KodCode names its rows; n from the question's hash"]
    subset_title: Annotated[str, "The subset as KodCode writes it"]
    question_id: Annotated[str, "The question"]
    subset: Annotated[str, "Which definition asked for it"]
    style: Annotated[Style, "instruct: as asked; complete: code to be completed; online_judge: standard input and output"]
    attempt_id: Annotated[str | None, "The chosen attempt; null: none was verified"]
    conversion_id: Annotated[str | None, "The conversion; null: the instruct style"]
    question: Annotated[str, "As a student sees it"]
    solution: Annotated[str | None, "null: no attempt was verified"]
    test: Annotated[str | None, "pytest suite; online_judge: JSON list of {input, output}"]
    status: Annotated[Literal["verified", "unsolved"], "unsolved: no attempt was verified; kept on record"]
    pass_sequence: Annotated[list[int], "1 where the attempt was verified, by attempt index"]
    pass_trial_num: Annotated[int, "How many were"]
    pass_percentage: Annotated[float, "The share of them"]
    difficulty: Annotated[Literal["easy", "medium", "hard", "fail"], "easy from 2/3 on, hard below 1/3, fail at 0"]
    trusted: Annotated[bool, "The tests prove what they say (docs/grading.md, §3.4)"]
    kill_rate: Annotated[float | None, "Strength of the tests"]
    statement_coverage: Annotated[float | None, "Share of statements executed"]
    branch_coverage: Annotated[float | None, "Share of branches taken"]
    benchmark_similarity: Annotated[float | None, "Cosine of the nearest benchmark item"]
    benchmark_instruction: Annotated[str | None, "That item's question"]
    benchmark_task_id: Annotated[str | None, "benchmark/item of that item"]


SYNTHETIC_ATTEMPTS = Table(
    "synthetic_attempts",
    SyntheticAttempt,
    ("attempt_id",),
    "Solutions with tests of their own, each with the raw answer.",
    figures=(TRUNCATED,),
)


SELF_VERIFICATION = Table(
    "self_verification",
    SelfVerification,
    ("verification_id",),
    "What the sandbox found of synthetic solutions and their tests.",
    figures=(
        VERIFIED,
        SELF_FAULTS,
    ),
)


SYNTHETIC_TRIPLETS = Table(
    "synthetic_triplets", SyntheticTriplet, ("triplet_id",), "Questions with solution and tests that prove each other, by style."
)


STYLE_CONVERSIONS = Table(
    "style_conversions",
    StyleConversion,
    ("conversion_id",),
    "Verified triplets put into other styles, each with the raw answer.",
    figures=(TRUNCATED,),
)


KODCODE_RESPONSES = Table(
    "kodcode_responses",
    KodCodeResponse,
    ("response_id",),
    "The teacher's answers to synthetic questions, raw and taken apart.",
    figures=(TRUNCATED,),
)
