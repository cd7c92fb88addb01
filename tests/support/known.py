"""Real programs with known verdicts, read from the shared data folder: what they are judged by and what must come out."""

import gzip
import itertools
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocr_assets.programs.suites import Suite, suite_from_json


@dataclass(frozen=True)
class Known:
    """A program, its suite and the verdicts that are right."""

    name: str
    language: str
    code: str
    suite: Suite
    right: frozenset[str]


ACCEPTED = frozenset({"accepted"})
REJECTED = frozenset({"wrong_answer", "runtime_error", "time_limit", "memory_limit", "output_limit", "idle_limit"})
DECLARED = {
    "accepted": ACCEPTED,
    "wrong_answer": frozenset({"wrong_answer"}),
    "time_limit_exceeded": frozenset({"time_limit"}),
    "run_time_error": frozenset({"runtime_error", "memory_limit"}),
}
# Declared for PyPy; under CPython they exceed any sensible limit, as the data's own record of its runs says.
FOR_PYPY = {"profitabletrip"}
FOR_PYTHON_2 = {"per-linear.py"}


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def humaneval(data: Path) -> Iterator[Known]:
    for row in rows(data / "humaneval/HumanEval.jsonl.gz"):
        code = row["prompt"] + row["canonical_solution"]
        test = f"{row['test']}\ncheck({row['entry_point']})\n"
        yield Known(row["task_id"], "python", code, suite_from_json({"tests": [{"kind": "assert", "code": test}]}), ACCEPTED)


def mbpp(data: Path) -> Iterator[Known]:
    for row in rows(data / "mapcoder/MBPP.jsonl.gz"):
        setup = row["test_setup_code"]
        asserts = row["test_list"] + row["challenge_test_list"]
        tests = [{"kind": "assert", "code": f"{setup}\n{code}" if setup else code} for code in asserts]
        yield Known(f"MBPP/{row['task_id']}", "python", row["code"], suite_from_json({"tests": tests}), ACCEPTED)


def leetcode(data: Path) -> Iterator[Known]:
    for row in rows(data / "leetcodedataset/LeetCodeDataset-v0.2.0-test.jsonl.gz"):
        if row["task_id"] == "word-ladder-ii":  # its answer depends on the order of a set
            continue
        test = f"{row['test']}\ncheck({row['entry_point']})\n"
        code = f"{row['prompt']}\n{row['completion']}"
        suite = suite_from_json({"tests": [{"kind": "assert", "code": test}], "limits": {"cpu_s": 10, "memory_mb": 1024}})
        yield Known(f"leetcode/{row['task_id']}", "python", code, suite, ACCEPTED)


def quixbugs(data: Path) -> Iterator[Known]:
    with zipfile.ZipFile(data / "quixbugs/quixbugs.zip") as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist() if not name.endswith("/")}
    for name in sorted(files):
        kind, _, base = name.partition("/")
        problem = base.removesuffix(".py")
        if kind not in ("python_programs", "correct_python_programs") or f"python_testcases/test_{problem}.py" not in files:
            continue
        right = ACCEPTED if kind == "correct_python_programs" else REJECTED
        cases = files.get(f"json_testcases/{problem}.json")
        if cases is None:
            yield Known(f"quixbugs/{name}", "python", *_quixbugs_pytest(files, problem, files[name]), right)
            continue
        tests = []
        for line in cases.splitlines():
            if line.strip() and not (problem in SLOW and SLOW[problem] in line):
                args, expected = json.loads(line)
                tests.append(
                    {"kind": "call", "entry": problem, "args": args if isinstance(args, list) else [args], "expected": expected}
                )
        code = files[name]
        if problem in GENERATORS:
            code += f"\n\n_generator = {problem}\n{problem} = lambda *args: list(_generator(*args))\n"
        suite = {"tests": tests, "limits": QUIXBUGS_LIMITS, **COMPARE.get(problem, {})}
        yield Known(f"quixbugs/{name}", "python", code, suite_from_json(suite), right)


def _quixbugs_pytest(files: dict[str, str], problem: str, program: str) -> tuple[str, Suite]:
    """The programs on graphs come with pytest files, which import them and their Node from folders."""
    node = files["python_programs/node.py"]
    program = re.sub(r"^from \.?node import.*$", "", program, flags=re.MULTILINE)
    test = files[f"python_testcases/test_{problem}.py"]
    test = re.sub(r"^if pytest\.use_correct:\n.*\nelse:\n.*$", "from solution import *", test, flags=re.MULTILINE)
    test = re.sub(r"^from node import.*$", "from solution import Node", test, flags=re.MULTILINE)
    return f"{node}\n\n{program}", suite_from_json({"tests": [{"kind": "pytest", "code": test}], "limits": QUIXBUGS_LIMITS})


# Their own runner leaves out these unless slow tests are asked for: the first would take hours, the second half a minute.
SLOW = {"levenshtein": "amanaplanacanalpanama", "knapsack": "6404180"}
QUIXBUGS_LIMITS = {"cpu_s": 1, "memory_mb": 1024}
GENERATORS = {"flatten", "hanoi", "powerset_generator", "kheapsort"}
COMPARE = {"sqrt": {"compare": {"float_abs": 0.01}}}


# References with `return` outside a function: no Python program, and only a grader that wraps code in one takes them.
NOT_PYTHON = {2287: (2, 4, 9)}


def apps_references(data: Path) -> Iterator[Known]:
    for row in rows(data / "coderl_apps/apps_hf_schema.jsonl"):
        io_pairs = json.loads(row["input_output"])
        entry = io_pairs.get("fn_name")
        tests = [
            {"kind": "stdin", "input": given, "output": out}
            if entry is None
            else {"kind": "call", "entry": entry, "args": given, "expected": out, "wrapped": True}
            for given, out in zip(io_pairs["inputs"], io_pairs["outputs"], strict=True)
        ]
        suite = suite_from_json({"tests": tests, "limits": {"cpu_s": 4}})
        for number, code in enumerate(json.loads(row["solutions"])):
            right = frozenset({"compile_error"}) if number in NOT_PYTHON.get(row["problem_id"], ()) else ACCEPTED
            yield Known(f"apps/{row['problem_id']}/{number}", "python", code, suite, right)


# Right, but close to the time the data's own runs allowed: its verdict depends on the machine.
SLOW_THERE = {94}


def kodcode_trials(data: Path) -> Iterator[Known]:
    for number, row in enumerate(rows(data / "kodcode/trials_with_verdicts.jsonl.gz")):
        if "import expit" in row["test_code"]:
            continue  # of scipy, which the image does not hold
        suite = suite_from_json(
            {"tests": [{"kind": "pytest", "code": row["test_code"]}], "limits": {"cpu_s": 10, "memory_mb": 512}}
        )
        right = ACCEPTED if row["verdict"].lower().startswith("pass") else REJECTED | {"compile_error"}
        if number in SLOW_THERE:
            right |= ACCEPTED
        yield Known(
            f"kodcode/{number}/{row['stage']}/{row['subset']}/{row['question_id']}/{row['trial']}",
            "python", row["solution"], suite, right,
        )  # fmt: skip


def packages(data: Path) -> Iterator[Known]:
    """Submissions of the problem packages: the folder they lie in declares the verdict."""
    folder = data / "problem_packages"
    limits = {(r["contest"], r["problem"], r["submission"]): r for r in rows(folder / "manifest.jsonl")}
    for path in sorted(folder.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        problems: dict[str, dict[str, bytes]] = {}
        for name, content in files.items():
            if name.count("/") > 1:  # else a file of the contest's
                _, problem, rest = name.split("/", 2)
                problems.setdefault(problem, {})[rest] = content
        for problem, inside in sorted(problems.items()):
            mine = [record for (c, p, _), record in limits.items() if (c, p) == (path.stem, problem)]
            if not mine:
                continue
            suite = _package_suite(inside, max(record["time_limit_used"] for record in mine))
            for name in sorted(inside):
                record = limits.get((path.stem, problem, name))
                if record is None:
                    continue
                language = "python" if record["language"] in ("py", "python", "python3") else "cpp"
                right = DECLARED[name.split("/")[1]]
                if name.rpartition("/")[2] in FOR_PYTHON_2:
                    right = frozenset({"compile_error"})
                if problem in FOR_PYPY and language == "python" and record["observed"] != record["expected"]:
                    right = frozenset({"time_limit"})
                yield Known(f"{path.stem}/{problem}/{name}", language, inside[name].decode("utf-8", "replace"), suite, right)


def _package_suite(inside: dict[str, bytes], cpu_s: float) -> Suite:
    settings = inside["problem.yaml"].decode()
    tests = [
        {"kind": "stdin", "input": content.decode(), "output": inside[name[:-3] + ".ans"].decode()}
        for name, content in sorted(inside.items())
        if name.startswith("data/") and name.endswith(".in")
    ]
    problem: dict[str, Any] = {"tests": tests, "limits": {"cpu_s": cpu_s, "memory_mb": 2048, "processes": 64}}
    flags = re.search(r"^validator_flags:\s*(.*)$", settings, re.MULTILINE)
    words = flags[1].strip("'\" ").split() if flags else []
    tolerance = {}
    for word, value in itertools.pairwise(words):
        if word in ("float_tolerance", "float_absolute_tolerance"):
            tolerance["float_abs"] = float(value)
        if word in ("float_tolerance", "float_relative_tolerance"):
            tolerance["float_rel"] = float(value)
    # The format's default validator ignores case unless told otherwise.
    problem["compare"] = {**tolerance, "case": "sensitive" if "case_sensitive" in words else "insensitive"}
    if re.search(r"^validation:\s*custom", settings, re.MULTILINE):
        validator = {name: text.decode() for name, text in inside.items() if name.startswith("output_validators/")}
        problem["checker"] = {**_one_file(validator), "protocol": "kattis"}
    return suite_from_json(problem)


def _one_file(files: dict[str, str]) -> dict[str, str]:
    """A validator of several files as one: its own headers are put where they are included."""
    headers = {Path(name).name: text for name, text in files.items() if name.endswith((".h", ".hpp"))}
    for name, text in files.items():
        if name.endswith((".cc", ".cpp")):
            included: set[str] = set()

            def inline(match: re.Match[str], included: set[str] = included) -> str:
                if match[1] not in headers:
                    return match[0]
                if match[1] in included:
                    return ""
                included.add(match[1])
                return re.sub(r'^\s*#include "([^"]+)"', inline, headers[match[1]], flags=re.MULTILINE)

            return {"language": "cpp", "source": re.sub(r'^\s*#include "([^"]+)"', inline, text, flags=re.MULTILINE)}
    (python,) = [text for name, text in files.items() if name.endswith(".py")]
    return {"language": "python", "source": python}


def all_known(data: Path) -> dict[str, Iterator[Known]]:
    return {
        "humaneval": humaneval(data), "mbpp": mbpp(data), "leetcode": leetcode(data), "quixbugs": quixbugs(data),
        "apps": apps_references(data), "kodcode": kodcode_trials(data), "packages": packages(data),
    }  # fmt: skip
