"""Problems as they are read, made distinct and cleared for asking, with their test suites."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.figures import UNDECIDED
from resources.lake.tables import Table

Dataset = Literal["taco", "apps", "code_contests", "codeforces", "local", "published"]


Language = Literal["python", "cpp"]


TestKind = Literal["stdin", "call", "assert", "pytest"]


Contamination = Literal["clean", "cleared", "undecided", "reported"]


class Test(TypedDict):
    """One test of a problem's suite (file form: see ``grading/files.py``)."""

    id: Annotated[str, "Unique within the problem"]
    kind: Annotated[TestKind, "stdin, call, assert, pytest"]
    input: Annotated[str, 'stdin: the text; call: JSON {"args": […], "kwargs": {…}}; else empty']
    output: Annotated[str, "stdin: expected stdout; call: JSON of the expected value; else empty"]
    entry_point: Annotated[str | None, "call: function, or Class.method"]
    code: Annotated[str | None, "assert, pytest: the test's code"]
    expected_may_be_nested: Annotated[bool, "call: the expected value may stand in one more list (APPS, TACO); either is right"]
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
    """A program of the problem that judges an output, or as interactor talks to the solution."""

    language: Annotated[Language, "python or cpp"]
    source: Annotated[str, "Its code"]
    protocol: Annotated[
        Literal["testlib", "kattis", "open_r1"],
        "testlib: args input output answer, exit 0/1; kattis: exit 42/43; open_r1: args input answer output, prints 1/0",
    ]


class Files(TypedDict):
    """Files that a problem has its programs read and write. stdin and stdout serve as well."""

    input: Annotated[str | None, "Holds the test's input; null: only stdin does"]
    output: Annotated[str | None, "What is written there is the answer; null: only stdout is"]


class ReferenceSolution(TypedDict):
    """A solution that came with the source, and whether the source calls it right."""

    language: Annotated[str, "python, cpp, or another name such as python2, java"]
    code: Annotated[str, "Its text"]
    correct: Annotated[bool, "Whether the source calls it right"]


class TestSuite(TypedDict):
    """What a verdict depends on. A suite is stored once, however many problems have it, and never changed."""

    suite_id: Annotated[str, "Hash of tests, comparison, checker, interactor, limits, and files if there are any"]
    tests: Annotated[list[Test], "In the order they are run"]
    compare: Annotated[Compare | None, "null: policy tokens, decimals within 1e-6"]
    checker: Annotated[Checker | None, "The problem's own program that judges outputs; null: outputs are compared"]
    interactor: Annotated[Checker | None, "The problem's own program that talks to the solution"]
    limits: Annotated[Limits, "Of one run on one test"]
    test_count: Annotated[int, "Number of tests"]
    test_kinds: Annotated[list[str], "Kinds of its tests, each once, sorted"]
    files: Annotated[Files | None, "null: the problem names no files; stdin and stdout it is"]


class RawProblem(TypedDict):
    """A problem as read from a source, one row a source row."""

    raw_id: Annotated[str, "Hash of the row's content, dataset and split, and of its name where the source gives one"]
    dataset: Annotated[Dataset, "Which source it was read from"]
    split: Annotated[str, "The dataset's split: train, validation, test"]
    index: Annotated[str, "Its name within dataset and split; where the source gives none, the row it stands in now"]
    origin: Annotated[str, "dataset/split/index"]
    source: Annotated[str, "Platform: codeforces, atcoder, leetcode …; 'unknown' if the row does not say"]
    license: Annotated[str, "Licence of the question"]
    title: Annotated[str | None, "As the source names it"]
    url: Annotated[str | None, "Page of the problem on its platform"]
    difficulty: Annotated[str | None, "As the source says it"]
    tags: Annotated[list[str], "Topics, as the source names them"]
    statement: Annotated[str, "The question, put together as docs/papers.md, OCR-1 says"]
    starter_code: Annotated[str | None, "Code the solution must start from"]
    entry_point: Annotated[str | None, "Call-based: function or Class.method; null: the program reads stdin"]
    multiple_answers_hint: Annotated[str | None, "The sentence that allows several answers, where no checker came with it"]
    reference_solutions: Annotated[list[ReferenceSolution], "That came with the source, capped per language and correctness"]
    suite_id: Annotated[str, "Its tests as they were read: see test_suites"]
    file: Annotated[str, "File it was read from, relative to the source's folder"]
    row: Annotated[int, "Row in that file, from 0"]
    notes: Annotated[list[str], "What the reader had to leave out or repair, such as a test cut short"]


class Problem(TypedDict):
    """A distinct problem: what merging its raw rows decided. All else is read from the representative: see view ``problems``."""

    problem_id: Annotated[str, "Hash of the representative's normalized statement"]
    raw_id: Annotated[str, "The representative: the raw row whose statement stands for all"]
    raw_ids: Annotated[list[str], "All members, the representative first"]
    origins: Annotated[list[str], "Their origins, in the same order"]
    suite_id: Annotated[str, "The members' tests merged: see test_suites"]
    title: Annotated[str | None, "The first that a member has"]
    url: Annotated[str | None, "The first that a member has"]
    difficulty: Annotated[str | None, "The first that a member has"]
    tags: Annotated[list[str], "Of all members"]
    multiple_answers_hint: Annotated[str | None, "The representative's, unless the merged suite has a checker"]
    reference_solutions: Annotated[list[ReferenceSolution], "Of all members with the representative's entry_point, each once"]
    test_conflicts: Annotated[int, "Inputs for which members expect different outputs: see test_conflicts"]
    tests_left_out: Annotated[
        int, "Members' tests for another entry_point than the representative's, or of a member that contradicts it"
    ]
    merge_rule: Annotated[str, "Versions of normalizing and merging, and the layers that were on"]


class CleanProblem(TypedDict):
    """The key and the labels of a problem that may be asked of the teacher; the problem itself: view ``problems``."""

    problem_id: Annotated[str, "The problem"]
    nearest_benchmark: Annotated[str | None, "benchmark/item of the most similar item at or above the threshold"]
    nearest_cosine: Annotated[float | None, "Its similarity"]
    contamination: Annotated[Contamination, "clean: no pair; else the weightiest decision on its pairs"]
    question_tokens: Annotated[int, "Qwen tokens of the statement"]


TEST_SUITES = Table("test_suites", TestSuite, ("suite_id",), "Test suites, each stored once.", known_by_id=True)


RAW_PROBLEMS = Table(
    "raw_problems", RawProblem, ("raw_id",), "Problems as read from the sources.", partition="dataset", fate=("'kept'", "source")
)


DEDUPED_PROBLEMS = Table("deduped_problems", Problem, ("problem_id",), "Distinct problems.")


CLEAN_PROBLEMS = Table(
    "clean_problems",
    CleanProblem,
    ("problem_id",),
    "Problems that may be asked of the teacher.",
    figures=(UNDECIDED,),
)
