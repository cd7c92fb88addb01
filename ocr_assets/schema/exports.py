"""Rows of the releases, which are Parquet files: no table of the lake holds them."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from ocr_assets.schema.critiques import Judgement
from ocr_assets.schema.problems import Language
from ocr_assets.schema.synthesis import Style, TestedName
from ocr_assets.schema.traces import ParseStatus
from ocr_assets.schema.verification import VerdictName
from resources.lake.tables import Table


class SftRow(TypedDict):
    """A row of the release: the OpenCodeReasoning columns, then our labels."""

    id: Annotated[str, "The triplet's id"]
    input: Annotated[str, "The question; with questions=index a dash, and it is found by dataset, split and index"]
    output: Annotated[str, "The whole response, think tags restored"]
    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    split: Annotated[str, "train, validation, test"]
    index: Annotated[str, "The problem's name within dataset and split"]
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
    response_license: Annotated[str | None, "Licence under which the answer was published; null: it was asked for here"]
    response_origin: Annotated[str | None, "Where the answer was published; null: it was asked for here"]


SFT_DATASET = Table("sft_dataset", SftRow, ("id",), "The SFT release: Parquet files in the OpenCodeReasoning schema.")


class AnswerLabels(TypedDict):
    """What a released answer is labelled with, in every form but OpenCodeReasoning's own."""

    language: Annotated[Language, "python or cpp"]
    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    difficulty: Annotated[str | None, "As the source says it"]
    verdict: Annotated[VerdictName | None, "What the sandbox found; null: nothing to run"]
    trusted: Annotated[bool, "False where the verdict may be wrong, or there is none"]
    pass_rate: Annotated[float | None, "tests_passed / tests_total"]
    contamination: Annotated[str, "clean, cleared, undecided, reported"]
    reasoning_tokens: Annotated[int, "Of the reasoning"]
    response_tokens: Annotated[int, "Of the whole response"]
    problem_id: Annotated[str, "The problem"]
    response_id: Annotated[str, "The response"]
    solution_id: Annotated[str, "The solution"]
    model: Annotated[str, "The teacher"]
    response_license: Annotated[str | None, "Licence under which the answer was published; null: it was asked for here"]
    response_origin: Annotated[str | None, "Where the answer was published; null: it was asked for here"]


class Ocr2Row(TypedDict):
    """A row in the columns of nvidia/OpenCodeReasoning-2, then our labels."""

    id: Annotated[str, "The triplet's id"]
    question_id: Annotated[str, "The problem: the same for all its rows"]
    question: Annotated[str, "The question; with questions=index a dash, and it is found by dataset, split and index"]
    r1_generation: Annotated[str, "The whole response, think tags restored"]
    qwq_critique: Annotated[str | None, "The critic's whole answer about the solution; null: none was asked (asset critiques)"]
    solution: Annotated[str | None, "Only the code"]
    judgement: Annotated[
        Judgement | None, "What the critique ends with: right or wrong; null: it judges nothing, or there is none"
    ]
    pass_rate: Annotated[str, "tests_passed / tests_total; -1: not run"]
    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    split: Annotated[str, "train, validation, test"]
    difficulty: Annotated[str | None, "As the source says it"]
    index: Annotated[str, "The problem's name within dataset and split"]
    language: Annotated[Language, "python or cpp"]
    verdict: Annotated[VerdictName | None, "What the sandbox found; null: nothing to run"]
    trusted: Annotated[bool, "False where the verdict may be wrong, or there is none"]
    contamination: Annotated[str, "clean, cleared, undecided, reported"]
    response_tokens: Annotated[int, "Of the whole response"]
    model: Annotated[str, "The teacher"]
    response_license: Annotated[str | None, "Licence under which the answer was published; null: it was asked for here"]
    response_origin: Annotated[str | None, "Where the answer was published; null: it was asked for here"]
    critic: Annotated[str | None, "Who wrote the critique"]
    selected: Annotated[bool | None, "Of all answers to the problem, the one with the shortest critique that judges right"]


class Turn(TypedDict):
    """A turn of a chat that asks."""

    role: Annotated[str, "system, user"]
    content: Annotated[str, "Its text"]


class ChatTurn(TypedDict):
    """A turn of a chat."""

    role: Annotated[str, "system, user, assistant"]
    content: Annotated[str, "Its text"]
    reasoning_content: Annotated[str | None, "The reasoning, where it stands apart from the text (reasoning=split)"]


class _Messages(TypedDict):
    id: Annotated[str, "The triplet's id"]
    messages: Annotated[list[ChatTurn], "What was asked, and the answer"]


class MessagesRow(_Messages, AnswerLabels):
    """A question and its answer as the turns of one chat, then our labels."""


class _PromptCompletion(TypedDict):
    id: Annotated[str, "The triplet's id"]
    prompt: Annotated[list[Turn], "What was asked"]
    completion: Annotated[list[ChatTurn], "The answer"]


class PromptCompletionRow(_PromptCompletion, AnswerLabels):
    """A question and its answer apart, so that only the answer is trained on, then our labels."""


# A field of this name is a word of Python's.
ConversationTurn = TypedDict("ConversationTurn", {"from": str, "value": str})


class _ShareGpt(TypedDict):
    id: Annotated[str, "The triplet's id"]
    conversations: Annotated[list[ConversationTurn], "What was asked, and the answer"]


class ShareGptRow(_ShareGpt, AnswerLabels):
    """A question and its answer as ShareGPT writes them, then our labels."""


class PreferenceRow(TypedDict):
    """Two answers to one question: one whose program passed all tests, and one of about the same length whose program failed."""

    id: Annotated[str, "Of the pair"]
    prompt: Annotated[list[Turn], "What was asked"]
    chosen: Annotated[list[ChatTurn], "The answer that passed"]
    rejected: Annotated[list[ChatTurn], "The answer that failed"]
    failure: Annotated[VerdictName, "How it failed"]
    failure_reason: Annotated[str, "The same with the first failure"]
    rejected_pass_rate: Annotated[float | None, "Share of tests that it passed"]
    language: Annotated[Language, "python or cpp"]
    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    difficulty: Annotated[str | None, "As the source says it"]
    contamination: Annotated[str, "clean, cleared, undecided, reported"]
    chosen_tokens: Annotated[int, "Of the response that passed"]
    rejected_tokens: Annotated[int, "Of the one that failed"]
    problem_id: Annotated[str, "The problem"]
    chosen_response_id: Annotated[str, "The response that passed"]
    rejected_response_id: Annotated[str, "The one that failed"]
    chosen_model: Annotated[str, "Its teacher"]
    rejected_model: Annotated[str, "Its teacher"]
    chosen_license: Annotated[str | None, "Licence under which the chosen answer was published; null: it was asked for here"]
    rejected_license: Annotated[str | None, "The same of the rejected one"]


class ProblemLabels(TypedDict):
    """What a released problem is labelled with."""

    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    split: Annotated[str, "train, validation, test"]
    index: Annotated[str, "Its name within dataset and split"]
    difficulty: Annotated[str | None, "As the source says it"]
    tests_total: Annotated[int, "Tests in the suite"]
    suite_tpr: Annotated[float | None, "Share of reference solutions the suite accepts"]
    suite_tnr: Annotated[float | None, "Share of rejected submissions and mutants it does not accept"]
    judged: Annotated[int, "Teachers' programs for it that were judged"]
    solve_rate: Annotated[float | None, "Share of them that passed; null: none was judged"]
    contamination: Annotated[str, "clean, cleared, undecided, reported"]
    problem_id: Annotated[str, "The problem"]


class _Grpo(TypedDict):
    id: Annotated[str, "Of problem and language"]
    prompt: Annotated[list[Turn], "What is asked: the teacher's prompt"]
    problem: Annotated[str, "JSON: the problem as `ocr-assets verify` reads it, with tests and checker (docs/grading.md, §2)"]
    language: Annotated[Language, "python or cpp"]


class GrpoRow(_Grpo, ProblemLabels):
    """A problem to train on by reward: what is asked, and what decides. Read by TRL's GRPOTrainer."""


class RewardModel(TypedDict):
    """How verl finds the reward."""

    style: Annotated[str, "rule"]
    ground_truth: Annotated[str, "JSON: the problem with its tests, or inputs and outputs"]


class VerlExtra(TypedDict):
    """What verl passes on to the reward function, and shows in its logs."""

    index: Annotated[str, "The row's id"]
    problem_id: Annotated[str, "The problem"]
    language: Annotated[str, "python or cpp"]


class _Verl(TypedDict):
    id: Annotated[str, "Of problem and language"]
    data_source: Annotated[str, "What verl chooses a reward by: the dataset, as verl writes it"]
    prompt: Annotated[list[Turn], "What is asked: the teacher's prompt"]
    ability: Annotated[str, "code"]
    reward_model: Annotated[RewardModel, "How the reward is found"]
    extra_info: Annotated[VerlExtra, "What the reward function is given besides"]
    language: Annotated[Language, "python or cpp"]


class VerlRow(_Verl, ProblemLabels):
    """A problem to train on by reward, in verl's columns."""


class VerificationTest(TypedDict):
    """A test as open-r1 writes it."""

    fn_name: Annotated[str | None, "null: the program reads standard input"]
    input: str
    output: str
    type: Annotated[str, "stdin_stdout"]


class VerificationInfo(TypedDict):
    """What open-r1's reward for code reads."""

    language: Annotated[str, "python"]
    test_cases: list[VerificationTest]


class _OpenR1(TypedDict):
    id: Annotated[str, "Of problem and language"]
    problem: Annotated[str, "What is asked: the teacher's prompt, as one text"]
    prompt: Annotated[list[Turn], "The same as turns"]
    verification_info: Annotated[VerificationInfo, "The tests"]
    language: Annotated[Language, "python or cpp"]


class OpenR1Row(_OpenR1, ProblemLabels):
    """A problem to train on by reward, in open-r1's columns; only problems that its plain comparison is right for."""


class LiveCodeBenchRow(TypedDict):
    """A problem in the columns of livecodebench/code_generation_lite, then our labels."""

    question_title: Annotated[str, "As the source names it; empty: it does not"]
    question_content: Annotated[str, "The statement"]
    platform: Annotated[str, "As the source says it; LiveCodeBench's own loader knows leetcode, atcoder and codeforces only"]
    question_id: Annotated[str, "The problem"]
    contest_id: Annotated[str, "dataset/split/index"]
    contest_date: Annotated[str | None, "null: the sources do not say"]
    starter_code: Annotated[str, "Code the solution must start from; empty: none"]
    difficulty: Annotated[str | None, "As the source says it"]
    public_test_cases: Annotated[str, "JSON: the tests that the statement shows (input, output, testtype)"]
    private_test_cases: Annotated[str, "JSON: the others"]
    metadata: Annotated[str, "JSON: func_name, where a function is called"]
    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    contamination: Annotated[str, "clean, cleared, undecided, reported"]
    tests_total: Annotated[int, "Tests in the suite"]
    solve_rate: Annotated[float | None, "Share of judged programs that passed; null: none was judged"]


class _Verify(TypedDict):
    problem_id: Annotated[str, "The problem"]
    question: Annotated[str, "The statement"]
    starter_code: Annotated[str | None, "Code the solution must start from"]
    entry_point: Annotated[str | None, "Function or Class.method; null: the program reads standard input"]
    tests: Annotated[str, "JSON: the list of tests (docs/grading.md, §2)"]
    limits: Annotated[str, "JSON"]
    compare: Annotated[str | None, "JSON; null: the default"]
    checker: Annotated[str | None, "JSON; null: outputs are compared"]
    interactor: Annotated[str | None, "JSON; null: none"]
    files: Annotated[str | None, "JSON; null: stdin and stdout"]


class VerifyLabels(TypedDict):
    """What else is known of a problem."""

    source: Annotated[str, "Platform"]
    license: Annotated[str, "Licence of the question"]
    dataset: Annotated[str, "taco, apps, code_contests, codeforces, local"]
    split: Annotated[str, "train, validation, test"]
    index: Annotated[str, "Its name within dataset and split"]
    difficulty: Annotated[str | None, "As the source says it"]
    contamination: Annotated[str, "clean, cleared, undecided, reported"]
    solve_rate: Annotated[float | None, "Share of judged programs that passed; null: none was judged"]


class VerifyRow(_Verify, VerifyLabels):
    """A problem with everything that a verdict depends on, as `ocr-assets verify` reads it."""


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

# The tables of profiles that no release has by itself: a project file names one (``[releases.NAME]``, ``profile``).
OCR2 = Table("ocr2", Ocr2Row, ("id",), "Answers in OpenCodeReasoning-2's columns.")
MESSAGES = Table("messages", MessagesRow, ("id",), "Answers as chats, for supervised training.")
PROMPT_COMPLETION = Table("prompt_completion", PromptCompletionRow, ("id",), "Answers apart from what was asked.")
SHAREGPT = Table("sharegpt", ShareGptRow, ("id",), "Answers as ShareGPT writes them.")
PREFERENCE = Table("preference", PreferenceRow, ("id",), "Pairs of an answer that passed and one that failed.")
GRPO = Table("grpo", GrpoRow, ("id",), "Problems with their tests, for TRL's GRPOTrainer.")
VERL = Table("verl", VerlRow, ("id",), "Problems with their tests, for verl.")
OPEN_R1 = Table("open_r1", OpenR1Row, ("id",), "Problems with their tests, for open-r1.")
LIVECODEBENCH = Table("livecodebench", LiveCodeBenchRow, ("question_id",), "Problems in LiveCodeBench's columns.")
VERIFY = Table("verify", VerifyRow, ("problem_id",), "Problems as `ocr-assets verify` reads them.")
