"""C++ as a judge compiles it: standards by what the source says, ``ONLINE_JUDGE``."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocr_assets.grading.grade import grade
from ocr_assets.programs.suites import suite_from_json
from resources.sandbox.docker_pool import DockerSandbox
from resources.sandbox.process import ProcessSandbox

SUM = suite_from_json({"tests": [{"kind": "stdin", "input": "1 2\n", "output": "3\n"}]})
STD = "#include <bits/stdc++.h>\nusing namespace std;\n"
READ = "int a, b; std::cin >> a >> b;"
ONLY_BY = {
    "14, for a name that 17 took": STD + f"int data = 0;\nint main() {{ {READ} data = a + b; cout << data; }}",
    "14, for an exception specification": STD + f"void f() throw(int) {{}}\nint main() {{ {READ} f(); cout << a + b; }}",
    "17": STD + f"int main() {{ {READ} if (auto s = a + b; s) cout << s; }}",
    "20": STD + "bool operator<(auto, int) = delete;\ntemplate <class T> concept C = requires(T t) { t + t; };\n"
    f"C auto twice(C auto x) {{ return x + x; }}\nint main() {{ {READ} cout << a + b + twice(0); }}",
    "23": STD + "struct S { int operator[](int i, int j) const { return i + j; } };\n"
    f"int main() {{ {READ} if consteval {{}} else {{ cout << S{{}}[a, b]; }} }}",
}  # fmt: skip


SQUARE = suite_from_json(
    {
        "tests": [{"kind": "call", "entry": "f", "args": [n], "expected": n * n} for n in (2, 3)],
        "limits": {"cpu_s": 2, "wall_s": 20},
    }
)
# Before main, with what the call is given at hand: "%s" is the mark by which a result is known.
FORGES = (
    "#include <cstdio>\n#include <cstdlib>\n#include <unistd.h>\nint f(int x) { return 0; }\nstruct Early { Early() {\n"
    "  char text[4096], out[200]; int size = pread(3, text, 4095, 0); text[size > 32 ? 32 : 0] = 0;\n"
    "  int length = snprintf(out, 200, %s, text); ftruncate(3, 0); pwrite(3, out, length, 0); _exit(0);\n} } early;\n"
)
CHEATS = {
    "forges a result": FORGES.replace("%s,", '"%s5",'),
    "says the arguments do not fit": FORGES.replace("%s,", '"%s!\\"no\\"",'),
    "has an == for everything": "#include <vector>\nbool operator==(const std::vector<int>&, int) { return true; }\n"
    "std::vector<int> f(int x) { return {1}; }",
    "leaves a file for the next call": '#include <fstream>\nint f(int x) { std::ifstream seen("/tmp/seen"); int n = 0; seen >> n;\n'
    '  std::ofstream("/tmp/seen") << 9; return n ? n : x == 2 ? 4 : 0; }',
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_before_cpp_calls_is_a_failure(sandbox: DockerSandbox, name: str) -> None:
    judged = grade(sandbox, "cpp", CHEATS[name], SQUARE)
    assert judged["verdict"] in ("wrong_answer", "runtime_error", "compile_error"), judged
    assert judged["tests_passed"] <= 1


@pytest.mark.parametrize("standard", ONLY_BY)
def test_a_program_of_any_standard_is_compiled(sandbox: DockerSandbox, standard: str) -> None:
    judged = grade(sandbox, "cpp", ONLY_BY[standard], SUM)
    assert judged["verdict"] == "accepted", judged


def test_a_program_that_no_standard_takes(sandbox: DockerSandbox) -> None:
    judged = grade(sandbox, "cpp", STD + "int main() { cout << undeclared; }", SUM)
    assert judged["verdict"] == "compile_error" and "undeclared" in judged["message"]
    assert judged["grader_version"].endswith("+cxx23")


LOCAL = (
    STD
    + """
int main() {
#ifndef ONLINE_JUDGE
    freopen("input.txt", "r", stdin);
#endif
    int a = 0, b = 0;
    cin >> a >> b;
    cout << a + b;
}
"""
)


def test_online_judge_is_defined_and_can_be_left_out(sandbox: DockerSandbox) -> None:
    judged = grade(sandbox, "cpp", LOCAL, SUM)
    assert judged["verdict"] == "accepted" and judged["grader_version"] == "2+judge"
    sandbox.online_judge = False
    try:
        judged = grade(sandbox, "cpp", LOCAL, SUM)
    finally:
        sandbox.online_judge = True
    assert judged["verdict"] == "wrong_answer" and judged["grader_version"] == "2"


@pytest.mark.long
def test_calls_come_through_a_local_process_too() -> None:
    tests = [{"kind": "call", "entry": "f", "args": [[1, 2]], "expected": [2, 1]}]
    code = "#include <vector>\nstd::vector<int> f(std::vector<int> v) { return {v.rbegin(), v.rend()}; }\n"
    with ProcessSandbox(workers=1) as pool:
        judged = grade(pool, "cpp", code, suite_from_json({"tests": tests}))
        assert judged["verdict"] == "accepted", judged
        left = grade(
            pool,
            "cpp",
            code.replace("return", "_exit(0); return").replace("vector>", "vector>\n#include <unistd.h>", 1),
            suite_from_json({"tests": tests}),
        )
        assert left["verdict"] == "runtime_error" and left["message"] == "the function did not return"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LONGS = st.integers(-(2**63), 2**63 - 1)
VALUES = {
    "std::vector<std::vector<std::string>>": st.lists(st.lists(TEXT)),
    "std::vector<long long>": st.lists(LONGS),
    "std::vector<char>": st.lists(st.characters(max_codepoint=127)),
    "std::map<std::string, double>": st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False)),
    "std::pair<std::optional<bool>, unsigned>": st.tuples(st.booleans() | st.none(), st.integers(0, 2**32 - 1)).map(list),
    "ListNode*": st.lists(st.integers(-(2**31), 2**31 - 1)),
}


@pytest.mark.parametrize("type_", VALUES)
def test_values_come_back_as_they_went(sandbox: DockerSandbox, type_: str) -> None:
    """Through the encoding, the compiled program and back; one compilation a type, all values as tests of one suite."""
    found: list[Any] = []

    @settings(max_examples=40, database=None, suppress_health_check=list(HealthCheck))
    @given(VALUES[type_])
    def draw(value: Any) -> None:
        found.append(value)

    draw()
    tests = [{"kind": "call", "entry": "f", "args": [value], "expected": value} for value in found]
    judged = grade(
        sandbox, "cpp", f"#include <string>\n{type_} f({type_} x) {{ return x; }}\n", suite_from_json({"tests": tests})
    )
    assert judged["verdict"] == "accepted", (judged["message"], found[judged["first_failure"] or 0])
    assert judged["tests_total"] == len(found) > 10
