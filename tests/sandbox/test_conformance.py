"""The conformance suite: its data, our own verdicts on all of it, other graders through their adapters, wrong ones caught."""

import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ocr_assets.cli import main
from ocr_assets.conformance import check
from ocr_assets.conformance.cases import FOLDER, GROUPS, Case, expand, load
from ocr_assets.conformance.graders import Answer, FileGrader, GraderUnavailable, HttpGrader, LineGrader
from ocr_assets.conformance.others import published_graders
from ocr_assets.conformance.own import OwnGrader
from ocr_assets.platform.row_files import BadInput
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.images import engine, ensure_image
from tests.support.size import size

ALL = load()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[DockerSandbox]:
    with DockerSandbox() as pool:
        yield pool


SLOW = (
    "language_cpp", "call_cpp", "attacks_compiler",  # compiled, or compiling for as long as they may
    "limits", "interactors", "checkers", "attacks_results", "attacks_resources", "attacks_processes",
)  # fmt: skip


@pytest.mark.sized
@pytest.mark.timeout(1800)  # compilers are slow where others want the cores too
@pytest.mark.parametrize("group", GROUPS)
def test_our_verdicts_are_right(sandbox: DockerSandbox, group: str) -> None:
    cases = [case for case in ALL if case.group == group][:: size(6 if group in SLOW else 3, 1)]
    found = list(check.results(cases, OwnGrader(sandbox).answers([case.request() for case in cases])))
    assert len(found) == len(cases)
    wrong = [(r.case.case_id, r.said, r.case.expected, r.message) for r in found if r.mark != "right"]
    assert not wrong, wrong


ONLY_PYTHON = (
    "call", "assert", "pytest", "declared_skips", "platform", "hash_order", "language_python", "attacks_suites",
)  # fmt: skip


# ---- data --------------------------------------------------------------------------------------------------------


def test_every_group_has_cases_in_files_of_small_size() -> None:
    assert {case.group for case in ALL} == set(GROUPS)
    assert sorted(path.stem for path in FOLDER.glob("*.jsonl")) == sorted(GROUPS)
    assert sum(path.stat().st_size for path in FOLDER.glob("*.jsonl")) < 2_000_000
    for group in GROUPS:
        languages = {case.language for case in ALL if case.group == group}
        assert languages == ({"python"} if group in ONLY_PYTHON else
                             {"cpp"} if group in ("language_cpp", "call_cpp") else {"python", "cpp"})  # fmt: skip


def test_ids_are_unique_and_name_group_and_language() -> None:
    assert len({case.case_id for case in ALL}) == len(ALL) >= 1000
    for case in ALL:
        assert case.case_id.startswith(f"{case.group}/")
        assert case.case_id.endswith({"python": ".py", "cpp": ".cpp"}[case.language])


def test_each_case_says_why_and_has_a_suite_that_can_be_read() -> None:
    for case in ALL:
        assert "§" in case.why or case.group.startswith("language_"), case.case_id
        suite = suite_from_json(case.problem)
        assert case.first_failure is None or case.first_failure < len(suite["tests"]), case.case_id
        assert len(set(case.expected)) == len(case.expected), case.case_id


def test_every_verdict_and_every_test_kind_is_asked_for() -> None:
    assert {verdict for case in ALL for verdict in case.expected} == set(check.VERDICTS)
    assert {test["kind"] for case in ALL for test in case.problem["tests"]} == {"stdin", "call", "assert", "pytest"}
    assert sum(case.expected == ("accepted",) for case in ALL) > 400  # a grader that rejects all is wrong as often


def test_a_grader_is_not_told_the_verdict() -> None:
    assert all(set(case.request()) == {"case_id", "problem", "solution"} for case in ALL)


def test_generated_values() -> None:
    assert expand({"a": [{"generate": ["x", {"repeat": "ab", "times": 2}, {"count": [1, 3], "separator": ","}]}]}) == {
        "a": ["xabab1,2,3"]
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", "a case needs case_id"),
        ('{"case_id": "x", "group": "call", "why": "", "expected": "right", "problem": {}, "solution": {}}', '"expected" must be'),
        ('{"case_id": "x", "group": "limits", "why": "", "expected": "accepted", "problem": {}, "solution": {}}', "group limits"),
        ('{"case_id": "x", "group": "call", "why": "", "expected": "accepted", "problem": {"a": {"generate": [{}]}}, "solution": {}}',
         "cannot be written out"),
    ],
)  # fmt: skip
def test_bad_data_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "call.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput, match=rf"line 1: .*{message}"):
        load(["call"], folder=tmp_path)


# ---- what a verdict means -----------------------------------------------------------------------------------------


def case_of(*expected: str, first_failure: int | None = None) -> Case:
    return Case("x/y.py", "verdicts", "§1", expected, {"tests": []}, {"language": "python"}, first_failure)


@pytest.mark.parametrize(
    ("said", "expected", "mark"),
    [
        ("accepted", ["accepted"], "right"), ("AC", ["accepted"], "right"), (True, ["accepted"], "right"),
        (1.0, ["accepted"], "right"), (0.5, ["accepted"], "wrong"), ("Wrong Answer", ["wrong_answer"], "right"),
        ("TLE", ["idle_limit"], "right"), ("time_limit", ["idle_limit"], "wrong"), ("LATE", ["time_limit"], "right"),
        ("time-limit-exceeded", ["memory_limit", "time_limit"], "right"), ("accepted", ["wrong_answer", "suspect"], "wrong"),
        ("perhaps", ["accepted"], "wrong"), (None, ["accepted"], "wrong"), ("unsupported", ["accepted"], "unsupported"),
        ("judge error", ["sandbox_error"], "right"), ("sandbox_error", ["wrong_answer"], "wrong"),
    ],
)  # fmt: skip
def test_words_of_other_graders(said: object, expected: list[str], mark: str) -> None:
    vocabulary = check.Vocabulary({"LATE": ["time_limit", "idle_limit"]})
    assert check.result(case_of(*expected), Answer(said), vocabulary).mark == mark


@pytest.mark.parametrize(
    ("said", "expected", "mark"),
    [
        (True, ["accepted"], "right"), (False, ["accepted"], "wrong"), (False, ["time_limit"], "right"), (True, ["time_limit"], "wrong"),
        ("fail", ["runtime_error"], "right"), ("WA", ["runtime_error"], "right"), (0, ["accepted", "compile_error"], "right"),
        (1, ["accepted", "compile_error"], "right"), (False, ["sandbox_error"], "unsupported"), (True, ["sandbox_error"], "wrong"),
    ],
)  # fmt: skip
def test_graders_that_only_pass_or_fail(said: object, expected: list[str], mark: str) -> None:
    assert check.result(case_of(*expected), Answer(said), check.Vocabulary({}, pass_fail=True)).mark == mark


def test_the_test_that_decides_counts_where_it_is_told() -> None:
    case = case_of("wrong_answer", first_failure=1)
    assert check.result(case, Answer("wrong_answer", first_failure=1)).mark == "right"
    assert check.result(case, Answer("wrong_answer")).mark == "right"
    found = check.result(case, Answer("wrong_answer", first_failure=0))
    assert (found.mark, found.problem) == ("wrong", "test 1 decides, not test 0")


# ---- adapters -----------------------------------------------------------------------------------------------------

# Judges by a word in the code, and misbehaves by others.
LINES = """
import json, os, sys, time
for line in sys.stdin:
    case = json.loads(line)
    assert set(case) == {"case_id", "problem", "solution"}
    code = case["solution"]["code"]
    if "die" in code:
        sys.exit(3)
    if "hang" in code:
        time.sleep(1000)
    if "babble" in code:
        print("what?", flush=True)
        continue
    print(json.dumps({"verdict": "AC" if "good" in code else "WA", "message": str(os.getpid())}), flush=True)
"""
FILES = """
import json, sys
problems = {p["problem_id"]: p for p in map(json.loads, open(sys.argv[1]))}
rows = []
for solution in map(json.loads, open(sys.argv[2])):
    assert solution["problem_id"] in problems
    if "die" not in solution["code"]:
        rows.append({"solution_id": solution["solution_id"], "verdict": "AC" if "good" in solution["code"] else "WA"})
for row in reversed(rows):
    print(json.dumps(row))
"""


def requests(*codes: str) -> list[dict[str, object]]:
    return [
        {
            "case_id": f"c{index}",
            "problem": {"problem_id": f"c{index}", "tests": []},
            "solution": {"solution_id": f"c{index}", "problem_id": f"c{index}", "language": "python", "code": code},
        }
        for index, code in enumerate(codes)
    ]


def command(folder: Path, script: str, arguments: str = "") -> str:
    (folder / "grader.py").write_text(script)
    return f"{sys.executable} {folder / 'grader.py'} {arguments}"


@pytest.mark.long
def test_a_command_that_reads_lines(tmp_path: Path) -> None:
    codes = ["good", "bad", "x" * 300_000, "die", "babble", "hang", "good"]
    found = list(LineGrader(command(tmp_path, LINES), timeout_s=10).answers(requests(*codes)))
    assert [answer.verdict for answer in found] == ["AC", "WA", "WA", None, None, None, "AC"]
    assert [answer.fault for answer in found[3:6]] == [
        "the command ended (exit code 3) without a verdict", "not JSON: what?", "no verdict within 10 s",
    ]  # fmt: skip
    assert found[0].message == found[2].message != found[6].message  # one process until it dies


def test_a_command_that_reads_lines_with_workers(tmp_path: Path) -> None:
    grader = LineGrader(command(tmp_path, LINES), workers=3, timeout_s=60)
    found = list(grader.answers(requests(*(["good", "bad"] * 20))))
    assert [answer.verdict for answer in found] == ["AC", "WA"] * 20


def test_a_command_that_reads_files(tmp_path: Path) -> None:
    grader = FileGrader(command(tmp_path, FILES, "{problem} {solution}"), timeout_s=60)
    found = list(grader.answers(requests("good", "bad", "die", "good")))
    assert [answer.verdict for answer in found] == ["AC", "WA", None, "AC"]
    assert found[2].fault == "the command wrote no line for it"


@pytest.mark.parametrize(
    "grader", [LineGrader("/no/such/command"), FileGrader("/no/such/command {problem}"), HttpGrader("http://127.0.0.1:9")]
)
def test_a_grader_that_is_not_there(grader: LineGrader | FileGrader | HttpGrader) -> None:
    with pytest.raises(GraderUnavailable):
        list(grader.answers(requests("good")))


class Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        case = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        code = case["solution"]["code"]
        status, body = 200, json.dumps({"verdict": "accepted" if "good" in code else "wrong_answer", "first_failure": 0})
        if "die" in code:
            status, body = 500, "out of order"
        elif "babble" in code:
            body = "[1]"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/judge"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service(service: str) -> None:
    found = list(HttpGrader(service, workers=2).answers(requests("good", "bad", "die", "babble", "good")))
    assert [answer.verdict for answer in found] == ["accepted", "wrong_answer", None, None, "accepted"]
    assert found[1].first_failure == 0
    assert found[2].fault == "HTTP 500: out of order"
    assert found[3].fault.startswith('an object with "verdict" was expected')


# ---- the command --------------------------------------------------------------------------------------------------

YES = 'import sys\nfor line in sys.stdin:\n    print(\'{"verdict": "accepted"}\', flush=True)\n'
NO = YES.replace('"accepted"', "false")


def conformance(*options: str) -> Result:
    return CliRunner().invoke(main, ["conformance", *options])


def test_a_grader_that_accepts_all_is_caught(tmp_path: Path) -> None:
    cases = load(["comparison_tokens", "checkers"], "python")
    wrong = sum("accepted" not in case.expected for case in cases)
    assert 0 < wrong < len(cases)
    done = conformance("--command", command(tmp_path, YES), "--group", "comparison_tokens", "--group", "checkers",
                       "--language", "python", "--json", str(tmp_path / "out.json"))  # fmt: skip
    assert done.exit_code == 1, done.output
    assert "comparison_tokens/no_for_yes.py: said accepted; must be wrong_answer" in done.output
    assert f"{wrong} wrong of {len(cases)}" in done.output
    written = json.loads((tmp_path / "out.json").read_text())
    assert (written["cases"], written["wrong"]) == (len(cases), wrong)
    assert {row["case_id"] for row in written["results"] if row["mark"] == "wrong"} == {
        case.case_id for case in cases if "accepted" not in case.expected
    }


def test_a_grader_that_rejects_all_is_caught(tmp_path: Path) -> None:
    done = conformance(
        "--command", command(tmp_path, NO), "--pass-fail", "--case", "verdicts/accepted*", "--case", "verdicts/wrong*"
    )
    assert done.exit_code == 1
    assert "verdicts/accepted.py: said False; must be accepted" in done.output
    assert "verdicts/wrong_answer.py: said" not in done.output


def test_the_command_with_a_service_and_with_our_own_sandbox(service: str) -> None:
    done = conformance("--http", service, "--case", "verdicts/wrong_answer.py")
    assert done.exit_code == 0, done.output
    own = conformance("--case", "verdicts/accepted.*", "--case", "verdicts/second_test_fails.py")
    assert own.exit_code == 0, own.output
    assert "0 wrong of 3" in own.output


@pytest.mark.long
def test_our_own_verify_is_a_grader_by_files() -> None:
    line = f"{sys.executable} -m ocr_assets.cli verify {{problem}} {{solution}}"
    done = conformance("--command", line, "--case", "comparison_numbers/within_*", "--case", "verdicts/hundredth_*")
    assert done.exit_code == 0, done.output


def test_list_show_and_export(tmp_path: Path) -> None:
    listed = conformance("--list", "--group", "call")
    assert "call/true_for_1.py" in listed.output and "True is not 1" in listed.output
    shown = conformance("--show", "--case", "call/true_for_1.py")
    assert "return True" in shown.output and "tests[0].expected" in shown.output
    out = tmp_path / "cases.jsonl"
    assert conformance("--export", str(out), "--group", "comparison_bytes").exit_code == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(rows) == sum(case.group == "comparison_bytes" for case in ALL)
    assert "generate" not in json.dumps([row["problem"] for row in rows])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--case", "nothing/*"], "no case is left"),
        (["--command", "x", "--http", "y"], "one of"),
        (["--map", "TLE=late"], "THEIRS=OURS"),
    ],
)
def test_wrong_usage(options: list[str], message: str) -> None:
    done = conformance(*options)
    assert done.exit_code == 2 and message in done.output


def test_a_grader_that_cannot_be_reached_is_an_error() -> None:
    done = conformance("--command", "/no/such/command", "--case", "verdicts/accepted.py")
    assert done.exit_code == 1 and "cannot be started" in done.output


@pytest.mark.long  # needs PyPI
def test_a_grader_from_pypi_is_installed_and_asked(sandbox: DockerSandbox, tmp_path: Path) -> None:
    (grader,) = (one for name, one in published_graders().items() if name == "human-eval")
    cases = [case for case in ALL if case.case_id in ("call/int.py", "assert/tolerance.py", "verdicts/accepted.cpp")]
    with contextlib.closing(engine()) as client:
        image = ensure_image(client)
    with grader.asked(grader.installed(tmp_path), image, timeout_s=120) as asked:
        answers = [answer.verdict for answer in asked.answers([case.request() for case in cases])]
    assert dict(zip((case.case_id for case in cases), answers, strict=True)) == {
        "call/int.py": "accepted", "assert/tolerance.py": "accepted", "verdicts/accepted.cpp": "unsupported",
    }  # fmt: skip
