"""Checkers and interactors as problem setters write them, in the sandbox: testlib in C++, Kattis validators in both languages."""

import pytest

from ocr_assets.grading import checkers
from ocr_assets.grading.checkers import Question, check
from ocr_assets.grading.grade import grade
from ocr_assets.grading.settings import GradingSettings
from ocr_assets.programs.suites import Suite, suite_from_json
from resources.sandbox.api import RunLimits
from resources.sandbox.docker_pool import DockerSandbox


def testlib(source: str) -> dict:
    return {"language": "cpp", "source": f'#include "testlib.h"\n{source}', "protocol": "testlib"}


testlib.__test__ = False  # type: ignore[attr-defined]

RIGHT, WRONG, FAULT = "right", "wrong", "fault"


def judged(sandbox: DockerSandbox, checker: dict, cases: list[tuple[str, str, str]]) -> list[str]:
    """RIGHT, WRONG or FAULT of each (input, answer, output)."""
    found = check(sandbox, checker, [Question(*(text.encode() for text in case)) for case in cases])  # type: ignore[arg-type]
    return [FAULT if said.fault else RIGHT if said.right else WRONG for said in found]


# A path of given length: the jury's answer is read by the same function, so that its faults are told apart.
PATH = testlib("""
#include <bits/stdc++.h>
using namespace std;
const double EPS = 1E-6;
int n;
pair<double, vector<int>> readAnswer(InStream& stream) {
    if (stream.readWord() == "NO") return {-1, {}};
    double length = stream.readDouble(0, 1e9, "length");
    vector<int> path = stream.readInts(n, 1, n, "path");
    if (set<int>(path.begin(), path.end()).size() != path.size()) stream.quitf(_wa, "%s vertex twice", englishEnding(2).c_str());
    return {length, path};
}
int main(int argc, char* argv[]) {
    registerTestlibCmd(argc, argv);
    n = inf.readInt(1, 1000, "n");
    auto jury = readAnswer(ans);
    auto out = readAnswer(ouf);
    if (jury.first < 0 && out.first >= 0) quitf(_fail, "the jury found none");
    if (out.first < 0 && jury.first >= 0) quitf(_wa, "there is a path");
    if (!doubleCompare(jury.first, out.first, EPS)) quitf(_wa, "expected %.3f, found %.3f", jury.first, out.first);
    quitf(_ok, "path of %d", n);
}
""")
PATHS = [
    ("YES 2.5\n1 2 3\n", RIGHT),
    ("YES\n2.5000001 3 2 1", RIGHT),
    ("YES 2.5e0 3 2 1\r\n", RIGHT),
    ("YES 2.6\n1 2 3\n", WRONG),
    ("NO\n", WRONG),
    ("", WRONG),
    ("YES\n", WRONG),
    ("YES 2.5 1 2\n", WRONG),
    ("YES 2.5 1 2 3 4\n", WRONG),
    ("YES 2.5 1 2 4\n", WRONG),
    ("YES 2.5 1 2 2\n", WRONG),
    ("YES 2.5 1 2 03\n", WRONG),
    ("YES 2.5 1 2 3.0\n", WRONG),
    ("YES 2.5 1 2 +3\n", WRONG),
    ("YES 2.5 1 2 99999999999999999999\n", WRONG),
    ("YES nan 1 2 3\n", WRONG),
    ("YES inf 1 2 3\n", WRONG),
    ("YES 0x2p0 1 2 3\n", WRONG),
    ("YES 2.5 1 2 3\x00\n", WRONG),
]


@pytest.mark.long
def test_a_checker_that_reads_both_answers_by_one_function(sandbox: DockerSandbox) -> None:
    found = judged(sandbox, PATH, [("3\n", "YES 2.5 1 2 3\n", out) for out, _ in PATHS])
    assert list(zip([out for out, _ in PATHS], found, strict=True)) == PATHS


def test_faults_of_the_jury_are_not_the_programs(sandbox: DockerSandbox) -> None:
    cases = [
        ("3\n", "NO\n", "YES 1 1 2 3\n"),  # a better answer than the jury's
        ("3\n", "YES 1 1 2\n", "NO\n"),  # the jury's answer is cut
        ("0\n", "NO\n", "NO\n"),  # the input breaks its own limits
        ("", "NO\n", "NO\n"),
        ("3\n", "NO\n", "NO\n"),
    ]
    assert judged(sandbox, PATH, cases) == [FAULT, FAULT, FAULT, FAULT, RIGHT]


# Each line of the input names a part of the header to exercise; the checker itself knows what must come out.
PARTS = testlib("""
#include <bits/stdc++.h>
using namespace std;
bool is(const string& text, const char* wanted) { return pattern(wanted).matches(text); }
int main(int argc, char* argv[]) {
    registerTestlibCmd(argc, argv);
    string part = inf.readLine();
    if (part == "lines") {
        string first = ouf.readLine(), second = ouf.readString();
        quitif(first != "a  b " || second != "", _wa, "lines '%s' '%s'", first.c_str(), second.c_str());
        ouf.readEof();
    } else if (part == "eoln") {
        vector<vector<int>> rows;
        while (!ouf.seekEof()) {
            rows.emplace_back();
            while (!ouf.seekEoln()) rows.back().push_back(ouf.readInt());
        }
        if (rows != vector<vector<int>>{{1, 2}, {3}}) quit(_wa, "rows");
    } else if (part == "chars") {
        if (ouf.readChar() != 'x') quit(_wa, "x");
        ouf.readSpace();
        if (ouf.curChar() != 'y' || ouf.nextChar() != 'y') quit(_wa, "y");
        ouf.readEoln();
    } else if (part == "pattern") {
        ouf.readToken("[a-c]{2,3}", "word");
        ouf.readWord("(YES|NO)");
        ouf.readLine(" -?(0|[1-9][0-9]*)");
    } else if (part == "numbers") {
        ouf.readUnsignedLong(0, ULLONG_MAX);
        ouf.readStrictDouble(0, 1, 2, 4, "p");
        ouf.readLong(-5000000000LL, 5000000000LL, "v");
        ouf.readReals(2, -1, 1, "x");
    } else if (part == "partly") {
        quit(_pc(50), "half");
    } else if (part == "points") {
        quitp(0.5, "%d of %d", 1, 2);
    } else if (part == "dirt") {
        quitf(_dirt, "dirt");
    } else if (part == "text") {
        ensuref(format("%02d|%s", 7, "x") == "07|x" && format(string("%d"), 7) == "7", "format");
        ensuref(englishEnding(1) == "st" && englishEnding(12) == "th" && englishEnding(23) == "rd", "ending");
        ensuref(vtos(12) == "12" && compress(string(200, 'q')).size() < 70, "text");
        ensuref(upperCase("aB") == "AB" && lowerCase("aB") == "ab" && trim(" a ") == "a", "case");
        ensuref(split("a,,b", ',').size() == 3 && tokenize("a,,b", ',').size() == 2, "split");
        ensuref(join(vector<int>{1, 2}, ',') == "1,2", "join");
        ensuref(is("abc", "[a-z]{1,3}") && !is("abcd", "[a-z]{1,3}") && !is("", "[a-z]+"), "sets");
        ensuref(is("x[-", "[^y]\\\\[-") && is("aabca", "(a|bc){1,}") && !is("ab", "(a|bc)*") && is("", "a?"), "groups");
        ensuref(doubleCompare(1e9, 1e9 + 1, 1e-6) && !doubleCompare(1, 1.1, 1e-6) && doubleDelta(2, 1) == 0.5, "doubles");
        vector<int> order = rnd.perm(9, 1);
        ensuref(set<int>(order.begin(), order.end()).size() == 9 && rnd.next(3, 3) == 3 && rnd.next(1) == 0, "rnd");
    } else if (part == "case") {
        setTestCase(3);
        quitf(_wa, "not this one");
    } else if (part == "crash") {
        abort();
    }
    quitf(_ok, "%s", part.c_str());
}
""")
PART_CASES = [
    ("lines", "a  b \n\n", RIGHT),
    ("lines", "a  b \r\n\r\n", RIGHT),
    ("lines", "a b\n\n", WRONG),
    ("lines", "a  b \n", WRONG),
    ("eoln", "1 2\n3\n", RIGHT),
    ("eoln", "1 2 \n3", RIGHT),
    ("eoln", "1\n2 3\n", WRONG),
    ("chars", "x y\n", RIGHT),
    ("chars", "x  y\n", WRONG),
    ("chars", "x yz\n", WRONG),
    ("pattern", "abc NO -12\n", RIGHT),
    ("pattern", "abcd NO -12\n", WRONG),
    ("pattern", "abc MAYBE -12\n", WRONG),
    ("pattern", "abc NO 012\n", WRONG),
    ("numbers", "18446744073709551615 0.25 -5000000000 0.5 1\n", RIGHT),
    ("numbers", "18446744073709551616 0.25 1 0.5 1\n", WRONG),
    ("numbers", "-1 0.25 1 0.5 1\n", WRONG),
    ("numbers", "1 0.5 1 0.5 1\n", WRONG),
    ("numbers", "1 2.5e-1 1 0.5 1\n", WRONG),
    ("numbers", "1 0.25 5000000001 0.5 1\n", WRONG),
    ("numbers", "1 0.25 1 0.5 2\n", WRONG),
    ("partly", "", WRONG),
    ("points", "", FAULT),
    ("dirt", "", WRONG),
    ("text", "", RIGHT),
    ("case", "", WRONG),
    ("crash", "", FAULT),
]


@pytest.mark.long
def test_the_header_does_what_checkers_count_on(sandbox: DockerSandbox) -> None:
    found = judged(sandbox, PARTS, [(part + "\n", "", out) for part, out, _ in PART_CASES])
    assert [(part, out, verdict) for (part, out, _), verdict in zip(PART_CASES, found, strict=True)] == PART_CASES


def test_messages_reach_the_verdict(sandbox: DockerSandbox) -> None:
    said = check(sandbox, PARTS, [Question(b"case\n", b"", b""), Question(b"points\n", b"", b"")])  # type: ignore[arg-type]
    assert said[0].message == "wrong answer test case 3: not this one"
    assert "points 0.5 1 of 2" in said[1].message


VALIDATOR = {
    "language": "cpp",
    "protocol": "kattis",
    "source": """
#include <bits/stdc++.h>
using namespace std;
int main(int argc, char* argv[]) {
    ifstream given(argv[1]), answer(argv[2]);
    ofstream message(string(argv[3]) + "judgemessage.txt");
    long long sum, jury, x, found = 0;
    given >> sum;
    answer >> jury;
    while (cin >> x) found += x;
    if (!cin.eof()) { message << "no number"; return 43; }
    if (sum == 13) return 1;
    if (jury != sum) abort();
    if (found != sum) { message << "sums to " << found; return 43; }
    return 42;
}
""",
}


def test_a_kattis_validator_in_cpp(sandbox: DockerSandbox) -> None:
    cases = [("5", "5", "2 3\n"), ("5", "5", "2 2"), ("5", "5", "two"), ("13", "13", "13"), ("5", "6", "5")]
    said = check(sandbox, VALIDATOR, [Question(*(text.encode() for text in case)) for case in cases])  # type: ignore[arg-type]
    assert [(judgement.right, judgement.fault) for judgement in said] == [
        (True, False), (False, False), (False, False), (False, True), (False, True),
    ]  # fmt: skip
    assert [judgement.message for judgement in said[1:3]] == ["sums to 4", "no number"]


@pytest.mark.parametrize("printed", ["1\n", "1.0", "note\n1"])
def test_open_r1_scores_of_one_are_right(sandbox: DockerSandbox, printed: str) -> None:
    checker = {"language": "python", "source": f"print({printed!r})", "protocol": "open_r1"}
    assert judged(sandbox, checker, [("", "", "")]) == [RIGHT]


@pytest.mark.parametrize(("printed", "verdict"), [("0", WRONG), ("0.5", WRONG), ("nan", FAULT), ("yes", FAULT), ("", FAULT)])
def test_other_open_r1_scores(sandbox: DockerSandbox, printed: str, verdict: str) -> None:
    checker = {"language": "python", "source": f"print({printed!r})", "protocol": "open_r1"}
    assert judged(sandbox, checker, [("", "", "")]) == [verdict]


def test_a_program_cannot_reach_the_checker(sandbox: DockerSandbox) -> None:
    """Files a program leaves behind are not there when its checker runs."""
    code = "open('judgemessage.txt', 'w').write('42')\nopen('sitecustomize.py', 'w').write('raise SystemExit(42)')\nprint(1)"
    source = "import os, sys\nsys.exit(43 if set(os.listdir('.')) == {'input.txt', 'answer.txt', 'feedback'} else 42)"
    checker = {"language": "python", "source": source, "protocol": "kattis"}
    suite = suite_from_json({"tests": [{"kind": "stdin", "input": "", "output": ""}], "checker": checker})
    assert grade(sandbox, "python", code, suite)["verdict"] == "wrong_answer"


# ---- interactors ------------------------------------------------------------------------------------------------------

GUESS = testlib("""
using namespace std;
int main(int argc, char* argv[]) {
    registerInteraction(argc, argv);
    int secret = inf.readInt(1, 100);
    ensuref(ans.readInt() == secret, "answer file");
    for (int asked = 1; asked <= 8; asked++) {
        string word = ouf.readToken("[?!]");
        int number = ouf.readInt(1, 100, "guess");
        if (word == "!") {
            tout << asked << endl;
            quitf(number == secret ? _ok : _wa, "said %d", number);
        }
        cout << (number < secret ? "<" : number > secret ? ">" : "=") << endl;
    }
    quitf(_wa, "too many questions");
}
""")
GUESS_KATTIS = {
    "language": "python",
    "protocol": "kattis",
    "source": """
import sys
secret = int(open(sys.argv[1]).read())
assert int(open(sys.argv[2]).read()) == secret
def wrong(message):
    open(sys.argv[3] + "judgemessage.txt", "w").write(message)
    sys.exit(43)
for asked in range(8):
    parts = sys.stdin.readline().split()
    if len(parts) != 2 or parts[0] not in "?!" or not parts[1].isdigit():
        wrong("no question")
    number = int(parts[1])
    if parts[0] == "!":
        sys.exit(42) if number == secret else wrong(f"said {number}")
    print("<" if number < secret else ">" if number > secret else "=", flush=True)
wrong("too many questions")
""",
}
BISECT = """
low, high = 1, 100
while True:
    middle = (low + high) // 2
    print("?", middle, flush=True)
    said = input()
    if said == "=":
        break
    low, high = (middle + 1, high) if said == "<" else (low, middle - 1)
print("!", middle, flush=True)
"""
BISECT_CPP = """
#include <iostream>
int main() {
    int low = 1, high = 100;
    while (true) {
        int middle = (low + high) / 2;
        std::cout << "? " << middle << std::endl;
        std::string said;
        if (!(std::cin >> said)) return 3;
        if (said == "=") { std::cout << "! " << middle << std::endl; return 0; }
        (said == "<" ? low : high) = said == "<" ? middle + 1 : middle - 1;
    }
}
"""
INTERACTIONS = {
    "knows nothing": ("print('! 1')", "wrong_answer"),
    "ends at once": ("", "wrong_answer"),
    "asks for ever": ("for i in range(1, 100):\n    print('?', i, flush=True)\n    input()", "wrong_answer"),
    "does not flush": ("import sys\nprint('? 1')\nsys.stdin.readline()", "idle_limit"),
    "waits first": ("input()", "idle_limit"),
    "crashes": ("print('? 1', flush=True)\ninput()\n1 / 0", "runtime_error"),
    "spins": ("print('? 1', flush=True)\nwhile True: pass", "time_limit"),
    "sleeps": ("print('? 1', flush=True)\nimport time\ntime.sleep(60)", "idle_limit"),
    "talks nonsense": ("print('hello there', flush=True)\ninput()", "wrong_answer"),
    "floods": ("while True: print('? 1' * 1000)", "wrong_answer"),
    "eats memory": ("print('? 1', flush=True)\nx = []\nwhile True: x.append(bytearray(10**6))", "memory_limit"),
    "exits with an error after the right answer": (BISECT + "raise SystemExit(3)", "runtime_error"),
    "lingers after the right answer": (BISECT + "import sys\nsys.stdin.read()", "accepted"),
}  # fmt: skip


def interactive(interactor: dict, secrets: tuple[int, ...] = (77,), wall_s: float = 60, **more: object) -> Suite:
    tests = [{"kind": "stdin", "input": f"{n}\n", "output": f"{n}\n"} for n in secrets]
    limits = {"cpu_s": 0.5, "wall_s": wall_s, "memory_mb": 128, "language_factor": {"python": 1}}
    return suite_from_json({"tests": tests, "interactor": interactor, "limits": limits, **more})


@pytest.mark.parametrize("interactor", [GUESS, GUESS_KATTIS], ids=["testlib", "kattis"])
@pytest.mark.parametrize(("language", "code"), [("python", BISECT), ("cpp", BISECT_CPP)], ids=["python", "cpp"])
def test_a_right_program_is_accepted_by_its_interactor(sandbox: DockerSandbox, interactor: dict, language, code: str) -> None:
    judged = grade(sandbox, language, code, interactive(interactor, (1, 50, 77, 100)))
    assert (judged["verdict"], judged["tests_passed"]) == ("accepted", 4), judged


@pytest.mark.long
@pytest.mark.parametrize("interactor", [GUESS, GUESS_KATTIS], ids=["testlib", "kattis"])
@pytest.mark.parametrize("name", INTERACTIONS)
def test_talks_that_go_wrong(sandbox: DockerSandbox, interactor: dict, name: str) -> None:
    code, verdict = INTERACTIONS[name]
    judged = grade(sandbox, "python", code, interactive(interactor, wall_s=2 if verdict == "idle_limit" else 60))
    assert judged["verdict"] == verdict, judged


BROKEN = {
    "crashes": "raise SystemExit(1)",
    "does not compile": "def f(:",
    "waits for ever": "import time\ntime.sleep(100)",
    "spins": "while True: pass",
    "floods": "while True: print('x' * 10000)",
    "unknown code": "input()\nraise SystemExit(9)",
}


@pytest.mark.long
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_interactor_is_never_the_programs_fault(sandbox: DockerSandbox, name: str, monkeypatch) -> None:
    monkeypatch.setattr(checkers, "LIMITS", RunLimits(cpu_s=0.5, wall_s=2, memory_mb=128))
    interactor = {"language": "python", "source": BROKEN[name], "protocol": "kattis"}
    code = "import sys\nprint('! 77', flush=True)\nfor line in sys.stdin: pass"
    suite = interactive(interactor)
    suite["limits"]["cpu_s"] = 20  # whoever is slower must not be the program
    assert grade(sandbox, "python", code, suite)["verdict"] == "sandbox_error"


LAST_WORDS = {
    "language": "python",
    "protocol": "kattis",
    "source": "import sys, time\nanswer = sys.stdin.readline().strip()\nwhile sys.stdin.readline(): pass\n"
    "for _ in range(2000): print('thank you ' * 10, flush=True)\nsys.exit(42 if answer == open(sys.argv[2]).read().strip() else 43)",
}


@pytest.mark.parametrize(("code", "verdict"), [("print(77)", "accepted"), ("print(78)", "wrong_answer"), ("", "wrong_answer")])
def test_an_interactor_may_talk_to_a_program_that_has_left(sandbox: DockerSandbox, code: str, verdict: str) -> None:
    assert grade(sandbox, "python", code, interactive(LAST_WORDS))["verdict"] == verdict


def test_an_interactor_that_gives_much_to_read_to_a_program_that_does_not_listen(sandbox: DockerSandbox) -> None:
    source = "import sys\nprint('5 ' * 10**6, flush=True)\nsys.exit(42 if sys.stdin.readline().strip() == '5' else 43)"
    interactor = {"language": "python", "source": source, "protocol": "kattis"}
    assert grade(sandbox, "python", "print(4)", interactive(interactor))["verdict"] == "wrong_answer"
    assert grade(sandbox, "python", "print(input()[0])", interactive(interactor))["verdict"] == "accepted"


def test_a_child_left_behind_does_not_keep_the_talk_open(sandbox: DockerSandbox) -> None:
    code = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(600)\nprint('! 1', end='', flush=True)"
    interactor = {
        **LAST_WORDS,
        "source": LAST_WORDS["source"].replace("sys.stdin.readline().strip()", "sys.stdin.read().strip()"),
    }
    assert grade(sandbox, "python", code, interactive(interactor))["verdict"] == "wrong_answer"


def test_all_talks_are_held_when_asked(sandbox: DockerSandbox) -> None:
    suite = interactive(GUESS_KATTIS, (1, 2, 1))
    settings = GradingSettings(stop_at_first_failure=False)
    judged = grade(sandbox, "python", "print('! 1', flush=True)", suite, settings)
    assert [test["verdict"] for test in judged["tests"]] == ["accepted", "wrong_answer", "accepted"]
    assert (judged["verdict"], judged["first_failure"], judged["tests_passed"]) == ("wrong_answer", 1, 2)


def test_a_checker_judges_what_an_interactor_wrote_down(sandbox: DockerSandbox) -> None:
    """testlib: the interactor's log is the checker's output file. Here it holds the number of questions."""
    source = "import sys\nasked = int(open(sys.argv[2]).read())\nsys.exit(0 if asked <= 6 else 1)"
    checker = {"language": "python", "source": source, "protocol": "testlib"}
    quick = "print('! 77', flush=True)"
    slow = "for i in range(6):\n    print('? 1', flush=True)\n    input()\nprint('! 77', flush=True)"
    suite = interactive(GUESS, checker=checker)
    assert grade(sandbox, "python", quick, interactive(GUESS))["verdict"] == "accepted"
    assert grade(sandbox, "python", slow, interactive(GUESS))["verdict"] == "accepted"
    assert grade(sandbox, "python", quick, suite)["verdict"] == "accepted"
    assert grade(sandbox, "python", slow, suite)["verdict"] == "wrong_answer"


READS_THE_FIRST_TOKEN = """
import sys
answer, output = (open(name).read().split() for name in sys.argv[2:4])
print(1 if output[0] == answer[0] else 0)
"""


@pytest.mark.parametrize("all_tests", [False, True])
def test_a_checker_that_only_fails_on_this_output_has_found_a_wrong_answer(sandbox: DockerSandbox, all_tests: bool) -> None:
    problem = {
        "tests": [{"kind": "stdin", "input": f"{n}\n", "output": f"{n}\n"} for n in range(3)],
        "checker": {"language": "python", "source": READS_THE_FIRST_TOKEN, "protocol": "open_r1"},
    }
    settings = GradingSettings(stop_at_first_failure=not all_tests)
    silent_at_one = "n = input()\nif n != '1': print(n)"
    judged = grade(sandbox, "python", silent_at_one, suite_from_json(problem), settings)
    assert (judged["verdict"], judged["first_failure"]) == ("wrong_answer", 1)
    assert "IndexError" in judged["message"] and "it accepts the reference output" in judged["message"]
    assert [test["verdict"] for test in judged["tests"]] == ["accepted", "wrong_answer", "accepted"][: 3 if all_tests else 2]


def test_a_checker_that_fails_on_the_reference_output_too_is_the_problems_fault(sandbox: DockerSandbox) -> None:
    problem = {
        "tests": [{"kind": "stdin", "input": "", "output": ""}],
        "checker": {"language": "python", "source": READS_THE_FIRST_TOKEN, "protocol": "open_r1"},
    }
    judged = grade(sandbox, "python", "pass", suite_from_json(problem))
    assert judged["verdict"] == "sandbox_error" and "IndexError" in judged["message"]
