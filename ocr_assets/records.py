"""The row types that pass between stages: the one place to learn the data.

Each class is a row, each attribute a column: its type, whether it may be null, its meaning. Below the classes stand the
tables of the lake with their keys, in the order the data flows. Behaviour does not belong here; the stage folders hold it.

Ids are content hashes with a prefix that names the noun (``raw_``, ``prob_``, ``resp_``, ``sol_``, ``ver_``, ``trip_``),
so the same input has the same id on every machine and an id alone tells which table to look in.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypedDict

from resources.tables import Table
from resources.teacher.reasoning import ThinkForm

Dataset = Literal["taco", "apps", "code_contests", "codeforces", "local"]
Language = Literal["python", "cpp"]
TestKind = Literal["stdin", "call", "assert", "pytest"]
VerdictName = Literal[
    "accepted",
    "suspect",
    "wrong_answer",
    "time_limit",
    "idle_limit",
    "memory_limit",
    "output_limit",
    "runtime_error",
    "compile_error",
    "sandbox_error",
]
ParseStatus = Literal["ok", "no_think_close", "truncated", "no_fence", "empty"]
FenceRule = Literal["only", "defines_entry", "last_parsing", "last"]
Decision = Literal["confirmed", "cleared", "undecided", "reported"]
Contamination = Literal["clean", "cleared", "undecided", "reported"]
DuplicateLayer = Literal["near", "semantic"]


_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def content_id(prefix: str, *parts: object) -> str:
    """``prefix_`` and 20 hex digits (80 bits) of the BLAKE2b hash of ``parts``, each serialised as canonical JSON."""
    payload = _CANONICAL.encode(parts)
    return f"{prefix}_{hashlib.blake2b(payload.encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


class Test(TypedDict):
    """One test of a problem's suite (file form: see ``verification/files.py``)."""

    id: Annotated[str, "Unique within the problem"]
    kind: Annotated[TestKind, "stdin, call, assert, pytest"]
    input: Annotated[str, 'stdin: the text; call: JSON {"args": […], "kwargs": {…}}; else empty']
    output: Annotated[str, "stdin: expected stdout; call: JSON of the expected value; else empty"]
    entry: Annotated[str | None, "call: function, or Class.method"]
    code: Annotated[str | None, "assert, pytest: the test's code"]
    wrapped: Annotated[bool, "call: the expected value may be wrapped in one more list (APPS, TACO); either form is right"]
    public: Annotated[bool, "Shown in the statement"]
    origin: Annotated[str, "public, private, generated, example, official … as the source names it"]


class Limits(TypedDict):
    """Limits of one run of a solution on one test; null means the platform's default."""

    cpu_s: Annotated[float | None, "CPU seconds of the whole process group, for C++"]
    wall_s: Annotated[float | None, "Wall seconds; only catches sleepers"]
    memory_mb: Annotated[float | None, "Peak memory, MiB"]
    output_mb: Annotated[float | None, "stdout + stderr, MiB"]
    processes: Annotated[int | None, "Processes and threads at once"]
    python_factor: Annotated[float | None, "Multiplies cpu_s for Python; null: the setting (3)"]
    cpp_factor: Annotated[float | None, "Multiplies cpu_s for C++; null: the setting (1)"]


class Compare(TypedDict):
    """How an output is compared with the expected one; null fields mean the default."""

    policy: Annotated[Literal["tokens", "exact", "lines", "unordered_lines", "unordered_tokens"], "Splitting and order"]
    float_abs: Annotated[float | None, "Absolute tolerance; set: applies to every numeric token"]
    float_rel: Annotated[float | None, "Relative tolerance; set: applies to every numeric token"]
    case: Annotated[Literal["sensitive", "insensitive"], "Whether letter case counts"]


class Checker(TypedDict):
    """A program of the problem's that judges an output (or talks to the solution, as interactor)."""

    language: Annotated[Language, "python or cpp"]
    source: Annotated[str, "Its code"]
    protocol: Annotated[
        Literal["testlib", "kattis", "open_r1"],
        "testlib: args input output answer, exit 0/1; kattis: exit 42/43; open_r1: args input answer output, prints 1/0",
    ]


class ReferenceSolution(TypedDict):
    """A solution that came with the source, and whether the source calls it right."""

    language: Annotated[str, "python, cpp, or another name such as python2, java"]
    code: Annotated[str, "Its text"]
    correct: Annotated[bool, "Whether the source calls it right"]


class _ProblemContent(TypedDict):
    dataset: Annotated[Dataset, "Where it was read from"]
    split: Annotated[str, "train, validation, test"]
    index: Annotated[str, "Row or name within dataset and split"]
    origin: Annotated[str, "dataset/split/index"]
    source: Annotated[str, "Platform: codeforces, atcoder, leetcode …; 'unknown' if the row does not say"]
    license: Annotated[str, "Licence of the question"]
    title: Annotated[str | None, "As the source names it"]
    url: Annotated[str | None, "Where the problem stands"]
    difficulty: Annotated[str | None, "As the source says it"]
    tags: Annotated[list[str], "Topics, as the source names them"]
    statement: Annotated[str, "The question, built as pipeline.md says"]
    starter_code: Annotated[str | None, "Code the solution must start from"]
    entry: Annotated[str | None, "Call-based: function or Class.method; null: the program reads stdin"]
    tests: Annotated[list[Test], "The suite"]
    compare: Annotated[Compare | None, "null: policy tokens, decimals within 1e-6"]
    checker: Annotated[Checker | None, "The problem's own judge of outputs"]
    interactor: Annotated[Checker | None, "The problem's own partner in talk"]
    checker_needed: Annotated[str | None, "The sentence that allows several answers, where no checker came with it"]
    limits: Annotated[Limits, "Of one run on one test"]
    reference_solutions: Annotated[list[ReferenceSolution], "That came with the source, capped per language and correctness"]


class RawProblem(_ProblemContent):
    """A problem as read from a source, one row a source row."""

    raw_id: Annotated[str, "Hash of the row's content and place"]
    file: Annotated[str, "File it was read from, relative to the source's folder"]
    row: Annotated[int, "Row in that file, from 0"]
    notes: Annotated[list[str], "What the reader had to leave out or mend, such as a test cut short"]


class Problem(_ProblemContent):
    """A distinct problem: the canonical member of its duplicates, with their tests and origins merged in."""

    problem_id: Annotated[str, "Hash of the normalized statement"]
    raw_id: Annotated[str, "The canonical member"]
    raw_ids: Annotated[list[str], "All members, the canonical one first"]
    origins: Annotated[list[str], "Their origins, in the same order"]
    suite_id: Annotated[str, "Hash of tests, checker, compare and limits: what a verdict depends on"]
    test_conflicts: Annotated[int, "Inputs for which members expect different outputs: see test_conflicts"]
    tests_left_out: Annotated[int, "Members' tests of another entry than the canonical one's, or of a member that contradicts it"]
    merge_rule: Annotated[str, "Versions of normalizing and merging, and the layers that were on"]


class StatementKey(TypedDict):
    """What a raw row's statement is called: equal keys, equal normalized statements."""

    raw_id: Annotated[str, "The raw row"]
    statement_key: Annotated[str, "Hash of the normalized statement; the problem_id, if the row becomes canonical"]
    rule: Annotated[str, "Version of the normalization, and whether the exact layer is on"]


class NearSignature(TypedDict):
    """A statement in the index of the near layer: statements that share a value at one place are compared."""

    statement_key: Annotated[str, "The statement"]
    settings: Annotated[str, "What the signature was made with"]
    bands: Annotated[list[int], "Hash of each LSH band of its MinHash"]


class SemanticEntry(TypedDict):
    """A statement that the semantic layer has compared with all others."""

    statement_key: Annotated[str, "The statement"]
    model: Annotated[str, "Embedding model"]


class DuplicatePair(TypedDict):
    """Two statements that are alike but not equal, what was measured, and whether they are taken for one problem."""

    pair_id: Annotated[str, "Hash of the statements, layer and settings"]
    left_key: Annotated[str, "The statement with the smaller key"]
    right_key: Annotated[str, "The other"]
    layer: Annotated[DuplicateLayer, "near: shared wording; semantic: embeddings"]
    settings: Annotated[str, "What the score was measured with"]
    score: Annotated[float, "near: Jaccard similarity of the word shingles; semantic: cosine"]
    told_apart: Annotated[bool, "Each names a number, or one of two opposites, that the other does not"]
    tests_shared: Annotated[int | None, "Inputs both have tests for; null: not looked at, the score is too low"]
    tests_disagreeing: Annotated[int | None, "Of these, inputs with different expected outputs"]
    tests_of: Annotated[str, "Hash of the raw rows whose tests were compared"]
    decision: Annotated[Literal["merged", "variant", "below", "off", "pending"], "merged: one problem; variant: two versions"]
    reason: Annotated[str, "Why"]


class TestConflict(TypedDict):
    """An input for which two members of a merged problem expect different outputs: a false merge, or a broken test."""

    conflict_id: Annotated[str, "Hash of problem, member and test"]
    problem_id: Annotated[str, "The merged problem"]
    raw_id: Annotated[str, "The member whose test was left out"]
    origin: Annotated[str, "Its origin"]
    canonical_origin: Annotated[str, "Origin of the member whose test was kept"]
    kind: Annotated[TestKind, "stdin, call, assert, pytest"]
    input: Annotated[str, "The input"]
    kept: Annotated[str, "Output expected by the kept test"]
    left_out: Annotated[str, "Output expected by the other"]


class BenchmarkItem(TypedDict):
    """An item of a benchmark that training data must not restate; only its question matters here."""

    item_key: Annotated[str, "Hash of benchmark, id and question"]
    benchmark: Annotated[str, "Benchmark name"]
    version: Annotated[str, "Version or release that brought it; empty: the benchmark has none"]
    item_id: Annotated[str, "Item within the benchmark"]
    question: Annotated[str, "Its text"]
    published: Annotated[str | None, "Day of its contest, where the benchmark says it"]
    file: Annotated[str, "File it was read from"]


class Screened(TypedDict):
    """A problem or benchmark item that has been compared with all those on the other side."""

    subject: Annotated[str, "problem_id or item_key"]
    text_hash: Annotated[str, "Hash of the problem's statement as it was compared"]
    settings: Annotated[str, "What the comparison depends on: embedding model, n-grams, neighbours kept"]


class ContaminationScore(TypedDict):
    """How much a problem and a benchmark item resemble each other. Thresholds and policies decide from these."""

    pair_id: Annotated[str, "Hash of problem and item"]
    problem_id: Annotated[str, "The problem"]
    item_key: Annotated[str, "The item"]
    benchmark: Annotated[str, "Its benchmark"]
    cosine: Annotated[float, "Similarity of the embeddings"]
    overlap: Annotated[float, "Share of the item's word n-grams that stand in the problem; 0 for very short items"]
    exact: Annotated[bool, "Equal normalized texts"]


class JudgeVote(TypedDict):
    """One answer of one judge to one order of a pair."""

    vote_id: Annotated[str, "Hash of pair, judge, order and template"]
    pair_id: Annotated[str, "The pair"]
    judge: Annotated[str, "Model name"]
    order: Annotated[Literal["problem_first", "benchmark_first"], "Which text came first"]
    vote: Annotated[
        Literal["yes", "no", "none"], "Only a bare yes is yes; none: the judge cannot answer this, or did not come to the point"
    ]
    answer: Annotated[str, "Raw answer, or the failure"]
    template_hash: Annotated[str, "Hash of the template's text"]
    prompt_tokens: Annotated[int | None, "See tokens_from"]
    completion_tokens: Annotated[int | None, "See tokens_from"]
    cost: Annotated[float | None, "US dollars, as the server reports them, else by OCR_JUDGE_PRICES; null: not known"]
    # Null in votes of before these were kept.
    tokens_from: Annotated[Literal["server", "counted"] | None, "server: as it counts; counted: Qwen tokens of the texts"]
    prompt_hash: Annotated[str | None, "Hash of the rendered messages; they stand in the table prompts"]
    served_model: Annotated[str | None, "Model as the server reports it"]
    revision: Annotated[str | None, "Build or weights behind that name, as the server reports them"]
    endpoint: Annotated[str | None, "Who answered"]
    sampling: Annotated[str | None, "JSON of temperature, top_p, max_tokens"]
    reasoning: Annotated[str | None, "reasoning_content, where the server sends it apart"]
    finish_reason: Annotated[str | None, "stop, length …"]
    latency_s: Annotated[float | None, "From asking to answer, seconds, of the try that was answered"]
    attempts: Annotated[int | None, "Tries until the answer"]
    created_at: Annotated[datetime | None, "When (UTC)"]


class HumanDecision(TypedDict):
    """What a person decided about a pair; the latest counts, under every policy."""

    decision_id: Annotated[str, "Hash of the other columns"]
    pair_id: Annotated[str, "The pair"]
    decision: Annotated[Literal["confirmed", "cleared"], "confirmed: the problem restates the item"]
    name: Annotated[str, "Who decided"]
    reason: Annotated[str, "Why"]
    decided_at: Annotated[datetime, "When (UTC)"]


class ContaminationPair(TypedDict):
    """A problem and a benchmark item that a layer found, and what was decided about them."""

    pair_id: Annotated[str, "Hash of problem and item"]
    problem_id: Annotated[str, "The problem"]
    benchmark: Annotated[str, "Benchmark name"]
    version: Annotated[str, "The item's version"]
    item_id: Annotated[str, "Item within the benchmark"]
    item_question: Annotated[str, "The item's text"]
    layer: Annotated[Literal["exact", "ngram", "embedding"], "The most certain layer that found the pair"]
    cosine: Annotated[float, "Similarity of the embeddings"]
    overlap: Annotated[float, "Share of the item's word n-grams that stand in the problem"]
    yes: Annotated[list[str], "Judges that say yes in both orders"]
    votes: Annotated[int, "Answers of the present judges to the present prompt: see judge_votes"]
    decision: Annotated[Decision, "confirmed: dropped; cleared; undecided: not released; reported: by policy no more than told"]
    reason: Annotated[str, "Why"]
    decided_by: Annotated[str | None, "The person; null: decided by rule"]


class CleanProblem(Problem):
    """A problem that may be asked of the teacher."""

    nearest_benchmark: Annotated[str | None, "benchmark/item of the most similar item at or above the threshold"]
    nearest_cosine: Annotated[float | None, "Its similarity"]
    contamination: Annotated[Contamination, "clean: no pair; else the weightiest decision on its pairs"]
    question_tokens: Annotated[int, "Qwen tokens of the statement"]


class Response(TypedDict):
    """One answer of the teacher, raw, or the labelled permanent failure to get one."""

    response_id: Annotated[str, "Hash of what was asked: problem, prompt, model, sampling, sample index"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[Language, "python or cpp"]
    sample_index: Annotated[int, "Which of the samples, from 0"]
    template: Annotated[str, "Prompt template's name"]
    template_hash: Annotated[str, "Hash of the template's text"]
    prompt_hash: Annotated[str, "Hash of the rendered messages; they stand in the table prompts"]
    model: Annotated[str, "Model asked for"]
    served_model: Annotated[str | None, "Model as the server reports it"]
    revision: Annotated[str | None, "Build or weights behind that name, as the server reports them"]
    teacher: Annotated[str, "recorded, endpoint, vllm"]
    endpoint: Annotated[str | None, "Who answered"]
    think_mode: Annotated[str, "How <think> was opened: template, prefill, completion, none"]
    think_form: Annotated[ThinkForm, "How the reasoning arrived: apart, both_tags, closing_tag, unclosed, none"]
    sampling: Annotated[str, "JSON of temperature, top_p, max_tokens"]
    seed: Annotated[int | None, "Sent with the request"]
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
    created_at: Annotated[datetime, "When (UTC)"]
    message: Annotated[str | None, "failure: what the server said, for malformed the beginning of what it sent"]


class Prompt(TypedDict):
    """A prompt as it was sent, once, however many responses it brought."""

    prompt_hash: Annotated[str, "Hash of the rendered messages"]
    template: Annotated[str, "Prompt template's name"]
    template_hash: Annotated[str, "Hash of the template's text"]
    messages: Annotated[str, "JSON list of the turns: role, content"]


class Solution(TypedDict):
    """A response taken apart: reasoning, answer, code."""

    solution_id: Annotated[str, "The solution"]
    response_id: Annotated[str, "The response"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[Language, "python or cpp"]
    parse_status: Annotated[ParseStatus, "ok, or why there is no code"]
    labels: Annotated[list[str], "code_in_reasoning, no_think_open, several_fences, truncated; sorted"]
    fence_rule: Annotated[FenceRule | None, "Which rule chose the code"]
    fences: Annotated[int, "Blocks of the asked language after the reasoning"]
    reasoning: Annotated[str | None, "The text inside <think>"]
    answer: Annotated[str | None, "The text after the reasoning"]
    code: Annotated[str | None, "Its text"]
    code_hash: Annotated[str | None, "Equal code, equal hash"]
    parses: Annotated[bool | None, "Tree-sitter finds no error; null: no code"]
    syntax_error: Annotated[str | None, "First error: line and text"]
    parser_version: Annotated[str, "Of our parser"]


class TestVerdict(TypedDict):
    """What became of one test."""

    index: Annotated[int, "Position in the suite, from 0"]
    verdict: Annotated[VerdictName, "What the sandbox found; null: nothing to run"]
    cpu_s: Annotated[float, "CPU seconds of the process family"]
    wall_s: Annotated[float, "Wall seconds"]
    memory_mb: Annotated[float, "Peak, MiB"]
    exit_code: Annotated[int | None, "null: ended by a signal"]
    signal: Annotated[int | None, "Number of the signal"]
    message: Annotated[str, "First differing place, error text"]
    stdout_head: Annotated[str | None, "First 200 characters of what a failed test wrote"]
    stderr_head: Annotated[str | None, "The same of stderr"]


class Verdict(TypedDict):
    """What a sandbox and a comparison found about one solution and one suite."""

    verdict_id: Annotated[str, "Hash of solution, suite and grader version"]
    solution_id: Annotated[str, "The solution"]
    problem_id: Annotated[str, "The problem"]
    suite_id: Annotated[str, "The suite it was judged by"]
    language: Annotated[Language, "python or cpp"]
    verdict: Annotated[VerdictName, "What the sandbox found; null: nothing to run"]
    tests_passed: Annotated[int, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    first_failure: Annotated[int | None, "Index of the first test that failed"]
    cpu_s: Annotated[float, "Highest of a test"]
    wall_s: Annotated[float, "Highest of a test"]
    memory_mb: Annotated[float, "Highest of a test"]
    tests: Annotated[list[TestVerdict], "The tests that ran, in order"]
    message: Annotated[str, "Of the first failure"]
    cpu_limit_s: Annotated[float, "CPU seconds a test was allowed, on the reference host"]
    image: Annotated[str, "Sandbox image and digest"]
    isolation_level: Annotated[str, "What locked the program in: docker+uid+seccomp:…, docker+runsc+uid, process …"]
    grader_version: Annotated[str, "Of our grader"]
    host_speed: Annotated[float, "Speed of the host relative to the reference loop"]
    flags: Annotated[list[str], "For people, not for the verdict: what in the code could deceive a test, such as os._exit"]
    created_at: Annotated[datetime, "When (UTC)"]


class SuiteEvidence(TypedDict):
    """A program whose verdict is known beforehand, before a suite: what the suite says of it says how good the suite is."""

    evidence_id: Annotated[str, "Hash of suite, plan, role, language and code"]
    problem_id: Annotated[str, "The problem"]
    suite_id: Annotated[str, "The suite"]
    plan: Annotated[str, "Hash of the problem's reference solutions and of how many were asked for"]
    role: Annotated[Literal["known_good", "known_bad", "mutant"], "mutant: of a known-good one that passes"]
    language: Annotated[Language, "python or cpp"]
    code: Annotated[str, "Its text"]
    mutation: Annotated[str | None, "mutant: line, what stood there, what stands there now"]
    verdict: Annotated[VerdictName, "What the suite says"]
    tests_passed: Annotated[int, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    first_failure: Annotated[int | None, "Index of the first test that failed"]
    cpu_s: Annotated[float, "Highest of a test"]
    memory_mb: Annotated[float, "Highest of a test"]
    message: Annotated[str, "Of the first failure"]
    image: Annotated[str, "Sandbox image and digest"]
    grader_version: Annotated[str, "Of our grader"]
    host_speed: Annotated[float, "Speed of the host relative to the reference loop"]
    created_at: Annotated[datetime, "When (UTC)"]


class SuiteQuality(TypedDict):
    """How far the verdicts of a problem's suite can be trusted. Rates leave out programs that do not compile here."""

    problem_id: Annotated[str, "The problem"]
    suite_id: Annotated[str, "Its present suite"]
    status: Annotated[
        Literal["qualified", "quarantined", "unknown"],
        "quarantined: known-good programs fail, so the suite or its checker is broken; unknown: no evidence",
    ]
    reason: Annotated[str, "Why"]
    known_good: Annotated[int, "Known-good programs that were run"]
    known_good_passed: Annotated[int, "Of them accepted, as they should be"]
    known_bad: Annotated[int, "Known-bad programs that were run"]
    known_bad_failed: Annotated[int, "Of them not accepted, as they should be"]
    mutants: Annotated[int, "Mutants that were run"]
    mutants_failed: Annotated[int, "Of them not accepted; some mutants are right, so all can be too much to ask"]
    true_positive_rate: Annotated[float | None, "known_good_passed / known_good"]
    true_negative_rate: Annotated[float | None, "(known_bad_failed + mutants_failed) / (known_bad + mutants)"]
    python_need_s: Annotated[float | None, "CPU seconds of the slowest accepted known-good Python program, reference host"]
    cpp_need_s: Annotated[float | None, "The same for C++"]


class Triplet(TypedDict):
    """Question, solution and suite with their verdict: the table of labels. View ``triplets`` adds the tests."""

    triplet_id: Annotated[str, "Hash of solution and suite"]
    problem_id: Annotated[str, "The problem"]
    response_id: Annotated[str, "The response"]
    solution_id: Annotated[str, "The solution"]
    verdict_id: Annotated[str | None, "The verdict; null: nothing was run"]
    suite_id: Annotated[str, "The suite it was judged by"]
    language: Annotated[Language, "python or cpp"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    source: Annotated[str, "Platform"]
    split: Annotated[str, "train, validation, test"]
    license: Annotated[str, "Licence of the question"]
    difficulty: Annotated[str | None, "As the source says it"]
    question: Annotated[str, "The statement"]
    solution: Annotated[str | None, "The code"]
    verdict: Annotated[VerdictName | None, "null: nothing to run; see reason"]
    reason: Annotated[str, "accepted, or why not: verdict and first failure, or the parse status"]
    trusted: Annotated[
        bool,
        "False where the verdict may be wrong, or there is none: several answers allowed and no checker, a quarantined suite",
    ]
    tests_passed: Annotated[int | None, "Tests that passed"]
    tests_total: Annotated[int, "Tests in the suite"]
    pass_rate: Annotated[float | None, "tests_passed / tests_total"]
    suite_status: Annotated[Literal["qualified", "quarantined", "unknown"], "See suite_quality"]
    suite_tpr: Annotated[float | None, "Share of known-good programs the suite accepts"]
    suite_tnr: Annotated[float | None, "Share of known-bad programs and mutants it does not accept"]
    judged_at: Annotated[datetime | None, "When the verdict was made (UTC)"]


class TokenCount(TypedDict):
    """Qwen tokens of one triplet's texts."""

    triplet_id: Annotated[str, "Hash of solution and suite"]
    question_tokens: Annotated[int, "Of the question"]
    reasoning_tokens: Annotated[int, "Of the reasoning"]
    solution_tokens: Annotated[int, "Of the code"]
    response_tokens: Annotated[int, "The whole response"]


class TokenStatistic(TypedDict):
    """Distribution of token counts over one group of triplets."""

    grouping: Annotated[Literal["all", "source", "language", "verdict"], "Column grouped by"]
    value: Annotated[str, "Value of the grouping column; 'all' for all"]
    text: Annotated[Literal["question", "reasoning", "solution", "response"], "Which text was counted"]
    rows: Annotated[int, "Triplets in the group"]
    total: Annotated[int, "Sum of tokens"]
    mean: Annotated[float, "Mean tokens"]
    minimum: Annotated[int, "Fewest tokens"]
    p05: Annotated[float, "Quantile 0.05"]
    p25: Annotated[float, "Quantile 0.25"]
    p50: Annotated[float, "Median"]
    p75: Annotated[float, "Quantile 0.75"]
    p95: Annotated[float, "Quantile 0.95"]
    p99: Annotated[float, "Quantile 0.99"]
    maximum: Annotated[int, "Most tokens"]


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
    suite_status: Annotated[Literal["qualified", "quarantined", "unknown"], "Whether known-good programs pass the suite"]
    suite_tpr: Annotated[float | None, "Share of known-good programs the suite accepts"]
    suite_tnr: Annotated[float | None, "Share of known-bad programs and mutants it does not accept"]
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


RAW_PROBLEMS = Table("raw_problems", RawProblem, ("raw_id",), "Problems as read from the sources.")
DEDUPED_PROBLEMS = Table("deduped_problems", Problem, ("problem_id",), "Distinct problems.")
STATEMENT_KEYS = Table("statement_keys", StatementKey, ("raw_id",), "Which normalized statement each raw row has.")
NEAR_INDEX = Table("near_index", NearSignature, ("statement_key",), "Signatures of the near layer.")
SEMANTIC_INDEX = Table("semantic_index", SemanticEntry, ("statement_key",), "Statements the semantic layer has compared.")
DUPLICATE_PAIRS = Table("duplicate_pairs", DuplicatePair, ("pair_id",), "Statements alike, their scores and what followed.")
TEST_CONFLICTS = Table("test_conflicts", TestConflict, ("conflict_id",), "Tests of merged problems that contradict each other.")
BENCHMARK_ITEMS = Table("benchmark_items", BenchmarkItem, ("item_key",), "What problems are held against.")
SCREENED = Table("screened", Screened, ("subject",), "Problems and items that have been compared with all others.")
CONTAMINATION_SCORES = Table(
    "contamination_scores", ContaminationScore, ("pair_id",), "Each problem's nearest benchmark items, and shared n-grams."
)
JUDGE_VOTES = Table("judge_votes", JudgeVote, ("vote_id",), "What judges answered about pairs.")
HUMAN_DECISIONS = Table("human_decisions", HumanDecision, ("decision_id",), "What people decided about pairs.")
CONTAMINATION_REPORT = Table(
    "contamination_report", ContaminationPair, ("pair_id",), "Every pair that a layer found, and the decision on it."
)
CLEAN_PROBLEMS = Table("clean_problems", CleanProblem, ("problem_id",), "Problems that may be asked of the teacher.")
R1_TRACES = Table("r1_traces", Response, ("response_id",), "The teacher's raw responses.")
PROMPTS = Table("prompts", Prompt, ("prompt_hash", "template_hash"), "Prompts as they were sent.")
SOLUTIONS = Table("solutions", Solution, ("solution_id",), "Responses taken apart.")
SUITE_EVIDENCE = Table(
    "suite_evidence", SuiteEvidence, ("evidence_id",), "Programs of known worth before the suites of their problems."
)
SUITE_QUALITY = Table("suite_quality", SuiteQuality, ("problem_id",), "How far each suite's verdicts can be trusted.")
VERDICTS = Table("verdicts", Verdict, ("verdict_id",), "What the sandbox found.")
VERIFIED_TRIPLETS = Table("verified_triplets", Triplet, ("triplet_id",), "Question, solution, tests and verdict.")
TOKEN_COUNTS = Table("token_counts", TokenCount, ("triplet_id",), "Tokens of each triplet.")
TOKEN_STATISTICS = Table("token_statistics", TokenStatistic, ("grouping", "value", "text"), "Token distributions.")
SFT_DATASET = Table("sft_dataset", SftRow, ("id",), "The rows of the latest SFT release.")

TABLES = (
    RAW_PROBLEMS,
    DEDUPED_PROBLEMS,
    STATEMENT_KEYS,
    NEAR_INDEX,
    SEMANTIC_INDEX,
    DUPLICATE_PAIRS,
    TEST_CONFLICTS,
    BENCHMARK_ITEMS,
    SCREENED,
    CONTAMINATION_SCORES,
    JUDGE_VOTES,
    HUMAN_DECISIONS,
    CONTAMINATION_REPORT,
    CLEAN_PROBLEMS,
    R1_TRACES,
    PROMPTS,
    SOLUTIONS,
    SUITE_EVIDENCE,
    SUITE_QUALITY,
    VERDICTS,
    VERIFIED_TRIPLETS,
    TOKEN_COUNTS,
    TOKEN_STATISTICS,
    SFT_DATASET,
)


def json_text(value: object) -> str:
    """Compact JSON that keeps non-ASCII text readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def suite_id(problem: Mapping[str, Any]) -> str:
    """Hash of what a verdict depends on: tests, comparison, checker, interactor, limits."""
    return content_id("suite", *(problem[name] for name in ("tests", "compare", "checker", "interactor", "limits")))
