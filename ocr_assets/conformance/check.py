"""A grader's verdicts against the right ones: vocabularies made alike, each case right, wrong or unsupported.

Pure functions; asking the grader is ``own.py`` and ``ocr_assets/conformance/graders.py``, printing is ``report.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ocr_assets.conformance.cases import VERDICTS, Case
from ocr_assets.conformance.graders import Answer

Mark = Literal["right", "wrong", "unsupported"]
UNSUPPORTED = "unsupported"  # a grader's word for: I cannot judge this kind of problem at all
# Other graders' words, as they stand after `_plain`. Many have one word for both kinds of time limit, or for all errors.
_WORDS: dict[str, tuple[str, ...]] = {
    "ac": ("accepted",), "ok": ("accepted",), "pass": ("accepted",), "passed": ("accepted",), "correct": ("accepted",),
    "true": ("accepted",), "success": ("accepted",), "accept": ("accepted",),
    "wa": ("wrong_answer",), "presentation_error": ("wrong_answer",), "pe": ("wrong_answer",),
    "tle": ("time_limit", "idle_limit"), "time_limit_exceeded": ("time_limit", "idle_limit"),
    "timeout": ("time_limit", "idle_limit"), "timelimit": ("time_limit", "idle_limit"),
    "ile": ("idle_limit",), "idleness_limit_exceeded": ("idle_limit",),
    "mle": ("memory_limit",), "memory_limit_exceeded": ("memory_limit",), "oom": ("memory_limit",),
    "ole": ("output_limit",), "output_limit_exceeded": ("output_limit",),
    "re": ("runtime_error",), "rte": ("runtime_error",), "run_time_error": ("runtime_error",),
    "runtimeerror": ("runtime_error",), "runtime_failed": ("runtime_error",), "nzec": ("runtime_error",),
    "ce": ("compile_error",), "compilation_error": ("compile_error",), "compile_failed": ("compile_error",),
    "ie": ("sandbox_error",), "je": ("sandbox_error",), "internal_error": ("sandbox_error",),
    "judge_error": ("sandbox_error",), "system_error": ("sandbox_error",), "error": ("sandbox_error",),
}  # fmt: skip
_NONE = ("ungradable", "sandbox_error")  # nothing is known about the program
_ACCEPTED, _REJECTED = ("accepted",), tuple(v for v in VERDICTS if v not in ("accepted", *_NONE))


@dataclass(frozen=True)
class Vocabulary:
    """How to read another grader's verdicts. ``words``: its own words, each with the verdicts it may mean; they go before
    the built-in ones. ``pass_fail``: it only says passed or not."""

    words: Mapping[str, Sequence[str]]
    pass_fail: bool = False

    def meaning(self, said: object) -> tuple[str, ...]:
        """The verdicts ``said`` may mean; none if the word is unknown. Of booleans and numbers 1 is passed, all else not."""
        if isinstance(said, str) and said in self.words:
            return tuple(self.words[said])
        if isinstance(said, bool | int | float):
            return _ACCEPTED if said == 1 else _REJECTED
        if not isinstance(said, str):
            return ()
        word = _plain(said)
        if word in VERDICTS:
            return (word,)
        if word in ("false", "fail", "failed", "wrong", "incorrect", "rejected", "reject"):
            return _REJECTED if self.pass_fail else ("wrong_answer",)
        return _WORDS.get(word, ())


OURS = Vocabulary({})


def _plain(word: str) -> str:
    return "_".join(word.lower().replace("-", " ").replace("_", " ").split())


@dataclass(frozen=True)
class Result:
    """What the grader said of a case and whether it is right. ``said``: its own word; ``problem``: why it is wrong."""

    case: Case
    mark: Mark
    said: str
    problem: str = ""
    message: str = ""

    def public(self) -> dict[str, Any]:
        """The result as one JSON object."""
        case = self.case
        return {
            "case_id": case.case_id, "group": case.group, "language": case.language, "mark": self.mark,
            "expected": list(case.expected), "said": self.said, "problem": self.problem, "message": self.message,
            "why": case.why,
        }  # fmt: skip


def results(cases: Iterable[Case], answers: Iterable[Answer], vocabulary: Vocabulary = OURS) -> Iterator[Result]:
    """One result a case, in order; ``answers`` must be as many."""
    for case, answer in zip(cases, answers, strict=True):
        yield result(case, answer, vocabulary)


def result(case: Case, answer: Answer, vocabulary: Vocabulary = OURS) -> Result:
    """Whether ``answer`` is right for ``case``."""
    if answer.fault:
        return Result(case, "wrong", "nothing", "the grader gave no verdict", answer.fault)
    said = answer.verdict if isinstance(answer.verdict, str) else str(answer.verdict)
    if isinstance(answer.verdict, str) and _plain(said) == UNSUPPORTED:
        return Result(case, "unsupported", said, "", answer.message)
    meaning = vocabulary.meaning(answer.verdict)
    if not meaning:
        return Result(case, "wrong", said, "the word is unknown; say what it means with --map", answer.message)
    if vocabulary.pass_fail:
        right = ("accepted" in meaning and "accepted" in case.expected) or (
            "accepted" not in meaning and case.expected != ("accepted",)
        )
        if set(case.expected) <= set(_NONE) and not {"accepted", *_NONE}.intersection(meaning):
            # Passed or not is all it can say, and neither is true of a problem whose own checker is broken.
            return Result(case, "unsupported", said, "", answer.message)
    else:
        right = any(verdict in case.expected for verdict in meaning)
    if not right:
        return Result(case, "wrong", said, f"must be {' or '.join(case.expected)}", answer.message)
    told = answer.first_failure
    if case.first_failure is not None and told is not None and told != case.first_failure:
        return Result(case, "wrong", said, f"test {case.first_failure} decides, not test {told}", answer.message)
    return Result(case, "right", said, "", answer.message)
