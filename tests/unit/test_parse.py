"""Responses taken apart: by hand-made cases, by properties, and on real DeepSeek-R1 answers."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_assets.generation.parse import fences, parse
from ocr_assets.programs import syntax

PROGRAM = "print(int(input()) * 2)"
OWN_NAME = "import m\nf = m.g(f=2)\nprint(f, m.f)"
WHOLE = "def f(x): return x\nprint(f(input()))"
METHOD = "class Solution:\n    def f(self): pass"


def block(code: str, info: str = "python", mark: str = "```") -> str:
    return f"{mark}{info}\n{code}\n{mark}\n"


CASES = [
    (f"<think>\nhm\n</think>\n{block(PROGRAM)}", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"hm\n</think>\n{block(PROGRAM)}", "stop", None, ("ok", ("no_think_open",), "only", PROGRAM)),
    (f"<think>{block('draft')}</think>{block(PROGRAM)}", "stop", None, ("ok", ("code_in_reasoning",), "only", PROGRAM)),
    (f"<think>x</think>{block(PROGRAM, 'Python3')}", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"<think>x</think>{block(PROGRAM, mark='~~~')}", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"<think>x</think>{block(PROGRAM, mark='````')}", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"<think>x</think>```python\r\n{PROGRAM}\r\n```", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"<think>x</think>1. So:\n   ```python\n   {PROGRAM}\n   ```", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"<think>x</think>```python\n{PROGRAM}", "stop", None, ("ok", (), "only", PROGRAM)),
    (f"<think>x</think>```python\n{PROGRAM}", "length", None, ("truncated", ("truncated",), None, None)),
    (f"<think>x</think>{block(PROGRAM)}and also", "length", None, ("ok", ("truncated",), "only", PROGRAM)),
    (f"<think>x</think>{block(PROGRAM, '')}", "stop", None, ("no_fence", (), None, None)),
    (f"<think>x</think>{block(PROGRAM, 'cpp')}", "stop", None, ("no_fence", (), None, None)),
    ("<think>x</think>The answer is 4.", "stop", None, ("no_fence", (), None, None)),
    (f"<think>x {block(PROGRAM)}", "stop", None, ("no_think_close", ("code_in_reasoning",), None, None)),
    ("<think>and so on", "length", None, ("truncated", ("truncated",), None, None)),
    ("", "stop", None, ("empty", (), None, None)),
    ("  \n", "length", None, ("empty", ("truncated",), None, None)),
    (
        f"<think>x</think>{block('def f(x): return x')}Use:\n{block('print(f(1))')}",
        "stop", "f", ("ok", ("several_fences",), "defines_entry", "def f(x): return x"),
    ),
    (
        f"<think>x</think>{block('def f(x): return 1')}better:\n{block('def f(x): return 2')}",
        "stop", "f", ("ok", ("several_fences",), "defines_entry", "def f(x): return 2"),
    ),
    (
        f"<think>x</think>{block(METHOD)}Use:\n{block('Solution().f()')}",
        "stop", "Solution.f", ("ok", ("several_fences",), "defines_entry", METHOD),
    ),
    (
        f"<think>x</think>{block(PROGRAM)}For example\n{block('print(2)')}",
        "stop", None, ("ok", ("several_fences",), "defines_entry", PROGRAM),
    ),
    (  # no entry known: a usage example is passed over, though it prints or reads
        f"<think>x</think>{block('def f(x): return x')}Use:\n{block('print(f(1))')}",
        "stop", None, ("ok", ("several_fences",), "stands_alone", "def f(x): return x"),
    ),
    (
        f"<think>x</think>{block(METHOD)}Use:\n{block('for n in range(int(input())): print(Solution().f(n))')}",
        "stop", None, ("ok", ("several_fences",), "stands_alone", METHOD),
    ),
    (  # a test harness is one too
        f"<think>x</think>{block('def f(x): return x')}Test:\n{block('def test(): assert f(1) == 1')}",
        "stop", None, ("ok", ("several_fences",), "stands_alone", "def f(x): return x"),
    ),
    (  # drafts that each stand alone: the last
        f"<think>x</think>{block('def f(x): return 1')}better:\n{block('def f(x): return 2')}{block('f(3)')}",
        "stop", None, ("ok", ("several_fences",), "stands_alone", "def f(x): return 2"),
    ),
    (  # a name of its own, an attribute or a keyword is no use of another block's function
        f"<think>x</think>{block('def f(x): return 1')}or:\n{block(OWN_NAME)}",
        "stop", None, ("ok", ("several_fences",), "defines_entry", OWN_NAME),
    ),
    (  # a program that reads input stays the choice over helpers that stand alone
        f"<think>x</think>{block('def f(x): return x')}All of it:\n{block(WHOLE)}",
        "stop", None, ("ok", ("several_fences",), "defines_entry", WHOLE),
    ),
    (  # each needs the other: as if nothing were known
        f"<think>x</think>{block('def f(x): return g(x)')}{block('def g(x): return f(x)')}",
        "stop", None, ("ok", ("several_fences",), "last_parsing", "def g(x): return f(x)"),
    ),
    (
        f"<think>x</think>{block('x = 1')}{block('y = = 2')}",
        "stop", "f", ("ok", ("several_fences",), "last_parsing", "x = 1"),
    ),
    (f"<think>x</think>{block('x = = 1')}{block('y = = 2')}", "stop", "f", ("ok", ("several_fences",), "last", "y = = 2")),
]  # fmt: skip


@pytest.mark.parametrize(("content", "finish", "entry", "wanted"), CASES)
def test_hand_made_responses(content: str, finish: str, entry: str | None, wanted: tuple) -> None:
    parsed = parse(content, None, finish, "python", entry)
    assert (parsed.parse_status, parsed.labels, parsed.fence_rule, parsed.code) == wanted


def test_reasoning_that_came_apart() -> None:
    parsed = parse(block(PROGRAM), "I think", "stop", "python", None)
    assert (parsed.parse_status, parsed.labels, parsed.reasoning, parsed.code) == ("ok", (), "I think", PROGRAM)
    assert parse("", "I think", "length", "python", None).parse_status == "truncated"
    assert parse("no code", f"x\n{block('y')}", "stop", "python", None).labels == ("code_in_reasoning",)


def test_cpp_blocks() -> None:
    code = "#include <iostream>\nint main() { int x; std::cin >> x; }"
    for info in ("cpp", "c++", "C++", "cc"):
        assert parse(f"<think></think>{block(code, info)}", None, "stop", "cpp", None).code == code


@given(st.text(), st.none() | st.text(), st.sampled_from(["stop", "length", None]), st.none() | st.just("f"))
def test_anything_is_parsed_to_one_of_the_states(
    content: str, reasoning: str | None, finish: str | None, entry: str | None
) -> None:
    parsed = parse(content, reasoning, finish, "python", entry)
    assert (parsed.code is not None) == (parsed.parse_status == "ok") == (parsed.fence_rule is not None)
    assert parsed.labels == tuple(sorted(set(parsed.labels)))


safe = st.text(st.characters(codec="utf-8", exclude_characters="`~\r", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)


@given(safe.filter(str.strip), safe.filter(lambda t: "<" not in t))
def test_what_stands_in_the_block_comes_out_as_it_is(code: str, thought: str) -> None:
    parsed = parse(f"<think>\n{thought}\n</think>\n\n{block(code)}", None, "stop", "python", None)
    assert (parsed.parse_status, parsed.code, parsed.reasoning) == ("ok", code, thought)


def test_fences_know_their_kind_and_end() -> None:
    found = fences("````md\n```python\nx\n```\n````\ntext\n```\ny")
    assert [(f.info, f.text, f.closed) for f in found] == [("md", "```python\nx\n```", True), ("", "y", False)]


@pytest.mark.parametrize(
    ("code", "language", "error"),
    [
        ("print(1)", "python", None),
        ("def f(:\n  pass", "python", "line 1"),
        ("x = 1\nprint(x", "python", "line 2"),
        ("int main() { return 0; }", "cpp", None),
        ("int main() { return 0 }", "cpp", "line 1: missing ;"),
        ("match x:\n    case 1: pass", "python", None),
        ("print(f'{x!r:>{w}}')", "python", None),
    ],
)
def test_syntax_errors_have_a_line(code: str, language: str, error: str | None) -> None:
    found = syntax.syntax_error(code, language)  # type: ignore[arg-type]
    assert found is None if error is None else (found or "").startswith(error)


def real_answers(shared_data: Path) -> list[tuple[str, list[str]]]:
    """(text, names of the functions asked for) of the real R1 answers."""
    entries: dict[str, list[str]] = {}
    for path in shared_data.glob("kodcode/SFT*.json.gz"):
        with gzip.open(path, "rt") as file:
            for row in json.load(file):
                entries[row["question"]] = [item["function_name"] for item in row["test_info"] or []]
    answers = []
    for path in sorted(shared_data.glob("kodcode/*_prepared_results*.jsonl.gz")):
        with gzip.open(path, "rt") as file:
            for line in file:
                row = json.loads(line)
                answers.append((row["messages"][-1]["content"], entries.get(row["messages"][0]["content"], [])))
    return answers


def test_real_r1_answers_give_the_same_program_without_their_entry_point(shared_data: Path) -> None:
    differing = []
    for text, names in real_answers(shared_data):
        without = parse(text, None, "stop", "python", None).code
        if names and without != parse(text, None, "stop", "python", names[0]).code:
            differing.append(names[0])
    # Four functions, a block each, of which the suite calls all: no single block is right.
    assert differing == ["fibonacci_iterative"]


def test_real_r1_answers(shared_data: Path) -> None:
    answers = real_answers(shared_data)
    statuses: Counter[str] = Counter()
    unparsable = 0
    for text, names in answers:
        parsed = parse(text, None, "stop", "python", names[0] if names else None)
        statuses[parsed.parse_status] += 1
        if parsed.code is not None and syntax.syntax_error(parsed.code, "python"):
            unparsable += 1
    assert len(answers) == 180
    # Looked at one by one: the eleven answered in Java, C++, JavaScript or prose; one never ends its reasoning.
    assert statuses == {"ok": 168, "no_fence": 11, "no_think_close": 1}
    assert unparsable == 0


@pytest.mark.slow
@pytest.mark.parametrize("nested", ["-" * 20_000 + "x", "x" + ".a" * 20_000, "a" + "+a" * 20_000])
def test_names_of_code_that_nests_deeply_are_found_in_linear_time(nested: str) -> None:
    """A model may write such a thing, and the thread that takes it apart is ours: the square of its length had been minutes."""
    assert syntax.used_names(nested) == {nested.strip("-")[0]}


def test_thousands_of_blocks_are_each_read_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that writes only fences had held the server's interpreter for minutes: each block was compared with each."""
    read, parse_code = Counter[str](), syntax.parse

    def counted(code: str, language: syntax.Language) -> object:
        read[code] += 1
        return parse_code(code, language)

    monkeypatch.setattr(syntax, "parse", counted)
    blocks = [f"x = a{number}" for number in range(100)]
    assert parse("".join(map(block, blocks)), "", "stop", "python", None).code == blocks[-1]
    assert max(read.values()) < 12
