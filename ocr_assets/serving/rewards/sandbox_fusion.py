"""SandboxFusion's requests and answers, so that what speaks to it (verl's ``sandbox_fusion`` reward, its own client) can be
pointed here: ``POST /run_code`` runs a program as it is, ``POST /submit`` judges an answer by the tests that come with it.

Source: ``sandbox/server/sandbox_api.py`` and ``sandbox/runners/types.py`` of bytedance/SandboxFusion, its client's models
(``sandbox_fusion`` 0.3.7). What differs: only Python and C++ are run; ``run_timeout`` is CPU time, and three seconds more on the
clock; compiling has limits of its own; no answer says ``SandboxError``, since clients count that as wrong: a fault is HTTP 504.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationError

from ocr_assets.grading.version import JUDGE_MACRO
from ocr_assets.schema import Language
from ocr_assets.serving.rewards.judge import LANGUAGES, Judge, KnownSuite, UnusableProblem, known_suite
from ocr_assets.serving.rewards.requests import Refused
from resources.sandbox.api import Outcome, Program, Run, RunLimits, RunOutcome

GRACE_S = 3.0  # on the clock beyond the CPU time: what sleeps is stopped before a client that waits ten seconds more gives up
OUTPUT_MB = 16  # of stdout and stderr, which travel as a whole
LONGEST_S = 3600.0
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")  # of a file below the working folder
Model = TypeVar("Model", bound=BaseModel)
Seconds = Annotated[float, Field(gt=0, le=LONGEST_S, allow_inf_nan=False)]


def _decoded(value: Any) -> Any:
    """Some datasets carry JSON in strings."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _whole(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"half a character (a lone surrogate) at {error.start}") from error
    return value


Text = Annotated[str, AfterValidator(_whole)]


class RunCode(BaseModel):
    """What ``/run_code`` takes."""

    code: Text
    language: str
    stdin: Text | None = None
    compile_timeout: Seconds = 10
    run_timeout: Seconds = 10
    memory_limit_MB: int = -1
    files: dict[str, str | None] = {}
    fetch_files: list[str] = []


class Config(BaseModel):
    """The part of ``config`` of ``/submit`` that is heeded."""

    language: str | None = None
    run_timeout: Seconds | None = None
    provided_data: Annotated[dict[str, Any] | list[dict[str, Any]] | None, BeforeValidator(_decoded)] = None
    extra: dict[str, Any] | None = None


class Submit(BaseModel):
    """What ``/submit`` takes."""

    dataset: str
    id: int | str
    completion: Text
    config: Config = Config()


def program_of(body: Mapping[str, Any], memory_mb: int, *, online_judge: bool = True) -> Program:
    """What a ``run_code`` request has run. ``memory_mb``: the most that there is, and what a request without limit gets;
    ``online_judge``: C++ finds ``ONLINE_JUDGE`` defined. Raises ``Refused``."""
    request = _read(RunCode, body)
    language = _language(request.language)
    files = {name: _content(name, content) for name, content in request.files.items() if content is not None}
    for name in [*files, *request.fetch_files]:
        if len(name) > 200 or not _NAME.fullmatch(name):
            raise Refused(422, f"files: {name[:100]!r} is no name of a file below the program's folder")
    memory = request.memory_limit_MB if 0 < request.memory_limit_MB < memory_mb else memory_mb
    limits = RunLimits(
        cpu_s=request.run_timeout, wall_s=request.run_timeout + GRACE_S, memory_mb=memory, output_mb=OUTPUT_MB, processes=64
    )
    run = Run(stdin=(request.stdin or "").encode(), files=files, collect=tuple(dict.fromkeys(request.fetch_files)))
    return Program(language, request.code, [run], limits, defines=[JUDGE_MACRO] if online_judge else [])


def ran(program: Program, outcome: Outcome) -> dict[str, Any]:
    """The answer to ``run_code``."""
    if not outcome.compiled and program.language == "cpp":
        status = "Finished" if outcome.diagnosed else "TimeLimitExceeded"
        return _answer("Failed", compiled=_command(status, 1 if outcome.diagnosed else None, "", outcome.compile_message))
    if not outcome.compiled:  # an interpreter says so when it runs the program
        return _answer("Failed", run=_command("Finished", 1, "", outcome.compile_message))
    run = outcome.runs[0]
    late = run.status in ("time_limit", "idle_limit")
    code = None if late else _return_code(run)
    told = _command("TimeLimitExceeded" if late else "Finished", code, _text(run.stdout), _stderr(run), run.wall_s, run.cpu_s)
    files = {name: base64.b64encode(content).decode() for name, content in run.files.items()}
    compiled = _command("Finished", 0, "", "") if program.language == "cpp" else None
    return _answer("Success" if run.status == "ok" else "Failed", compiled, told, files)


class Submission:
    """A ``submit`` request, ready to be judged. Raises ``Refused``."""

    def __init__(self, body: Mapping[str, Any], judge: Judge) -> None:
        request = _read(Submit, body)
        self._id, self.completion = request.id, request.completion
        self.language: Language = _language(request.config.language or "python")
        self.all_tests = bool((request.config.extra or {}).get("run_all_cases"))
        self.known = _suite(request, judge)

    def told(self, code: str | None, verdict: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to it, of a verdict with its tests."""
        return {
            "id": self._id,
            "accepted": verdict["verdict"] == "accepted",
            "extracted_code": code or "",
            "full_code": code,
            "test_code": None,
            "tests": [self._test(verdict["verdict"], test) for test in verdict["tests"]]
            or [{"passed": False, "exec_info": self._without_tests(verdict), "test_info": None}],
            "extracted_type": "empty" if code is None else "fenced",
            "extra": {name: verdict[name] for name in ("verdict", "message", "trusted", "untrusted_reason", "tests_total")},
        }

    def _test(self, verdict: str, test: Mapping[str, Any]) -> dict[str, Any]:
        passed = test["verdict"] == "accepted"
        ran_well = passed or test["verdict"] == "wrong_answer"
        late = test["verdict"] in ("time_limit", "idle_limit")
        code = test["exit_code"] if test["exit_code"] is not None else -(test["signal"] or 1)
        run = _command(
            "TimeLimitExceeded" if late else "Finished",
            None if late else 0 if ran_well else code or 1,
            test["stdout_head"] or "",
            test["stderr_head"] or "",
            test["wall_s"],
            test["cpu_s"],
        )
        info = _answer("Success" if ran_well else "Failed", run=run, message=test["message"])
        return {"passed": passed, "exec_info": info, "test_info": {"index": test["index"], "verdict": test["verdict"]}}

    def _without_tests(self, verdict: Mapping[str, Any]) -> dict[str, Any]:
        compiled = _command("Finished", 1, "", verdict["message"])
        return _answer("Failed", compiled=compiled, message=verdict["message"])


def _suite(request: Submit, judge: Judge) -> KnownSuite:
    given = request.config.provided_data
    data = next((one for one in given if str(one.get("id")) == str(request.id)), None) if isinstance(given, list) else given
    if data is None:
        known = judge.held(str(request.id)) or judge.held(f"{request.dataset}/{request.id}")
        if known is None:
            raise Refused(422, "config.provided_data brings no tests for this id, and the server holds no such problem")
        return known
    tests = _decoded(data.get("test", data.get("tests")))
    timeout = request.config.run_timeout
    limits = data.get("limits") or ({} if timeout is None else {"cpu_s": timeout, "language_factor": {"python": 1, "cpp": 1}})
    try:
        return known_suite({**data, "limits": limits} if "tests" in data else {"limits": limits, **_tests(tests)})
    except UnusableProblem as error:
        raise Refused(422, f"config.provided_data: {error}") from error


def _tests(tests: Any) -> dict[str, Any]:
    """SandboxFusion's tests as ours: pairs of stdin and stdout (or of files, by their names), or assertions."""
    if isinstance(tests, dict):
        tests = tests.get("code")
    if isinstance(tests, str) and tests.strip():
        return {"tests": [{"kind": "assert", "code": tests}]}
    if not isinstance(tests, list) or not tests:
        raise UnusableProblem('"test" must be a list of tests or the text of assertions')
    if all(isinstance(test, str) for test in tests):
        return {"tests": [{"kind": "assert", "code": test} for test in tests]}
    rows, names = list[dict[str, Any]](), {"input": set[str](), "output": set[str]()}
    for number, test in enumerate(tests):
        row: dict[str, Any] = {"kind": "stdin"}
        for side, usual in (("input", "stdin"), ("output", "stdout")):
            values = test.get(side) if isinstance(test, dict) else None
            if not isinstance(values, dict) or len(values) > 1:
                raise UnusableProblem(f'test[{number}]: "{side}" must be an object with one name, such as {usual}')
            name, value = next(iter(values.items()), (usual, ""))
            names[side].add("" if name == usual else name)
            row[side] = value
        rows.append(row)
    if any(len(found) > 1 for found in names.values()):
        raise UnusableProblem("all tests have to use the same file, or stdin and stdout")
    files = {side: next(iter(found)) or None for side, found in names.items()}
    return {"tests": rows, "files": files if any(files.values()) else None}


def _read(model: type[Model], body: Mapping[str, Any]) -> Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        said = [f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors(include_url=False)[:5]]
        raise Refused(422, "; ".join(said)[:1000]) from error


def _language(name: str) -> Language:
    for language in LANGUAGES:
        if name == language:
            return language
    raise Refused(422, f"language: {name[:50]!r} is not run here; python and cpp are")


def _content(name: str, content: str) -> bytes:
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(422, f"files: the content of {name[:100]!r} is not base64") from error


def _return_code(run: RunOutcome) -> int:
    """As Python's ``subprocess`` says it; never 0 where a limit was crossed."""
    code = -run.signal if run.signal else run.exit_code or 0
    return code if run.status == "ok" or code else -9 if run.status == "memory_limit" else 1


def _stderr(run: RunOutcome) -> str:
    said = _text(run.stderr)
    return said if run.status in ("ok", "runtime_error", "time_limit", "idle_limit") else f"{said}\n{run.status}: {run.error}"


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")


def _command(status: str, code: int | None, stdout: str, stderr: str, wall_s: float = 0.0, cpu_s: float = 0.0) -> dict[str, Any]:
    return {
        "status": status, "execution_time": wall_s, "cpu_time": cpu_s, "return_code": code, "stdout": stdout, "stderr": stderr,
    }  # fmt: skip


def _answer(
    status: str,
    compiled: Mapping[str, Any] | None = None,
    run: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
    message: str = "",
) -> dict[str, Any]:
    return {
        "status": status, "message": message, "compile_result": compiled, "run_result": run, "executor_pod_name": None,
        "files": dict(files or {}),
    }  # fmt: skip


__all__ = ["Submission", "program_of", "ran"]
