"""A subset of one's own, by following docs/synthesis.md from the definition to the question in the lake."""

import shlex
from pathlib import Path

import pytest

from tests.support.fake_teacher import FakeTeacher
from tests.support.graph import ROOT, open_lake, run

CODE = "def harmonic(values):\n    return len(values) / sum(1 / value for value in values)\n"


def blocks(page: str, language: str) -> list[str]:
    return [part.partition("```")[0] for part in page.split(f"```{language}\n")[1:]]


@pytest.mark.long
def test_ten_lines_and_the_command_of_the_page_make_questions(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "synthesis.md").read_text(encoding="utf-8")
    definition, commands = blocks(page, "toml")[0], blocks(page, "sh")[0]
    assert len(definition.splitlines()) <= 10
    own, home = tmp_path / "own", tmp_path / "home"
    (own / "code").mkdir(parents=True)
    (own / "numeric.toml").write_text(definition)
    (own / "code" / "means.py").write_text(CODE)
    export, asked, read = commands.splitlines()
    assert export == "export OCR_SUBSETS=/path/to/folder"
    number = iter(range(9))
    with FakeTeacher(
        lambda body: f"<question>Write a function mean_{next(number)}(values) that returns a mean.</question>"
    ) as server:
        teacher = {"OCR_TEACHER": "endpoint", "OCR_TEACHER_URL": server.url, "OCR_SUBSETS": str(own), "OCR_BENCHMARKS": " "}
        run(*shlex.split(asked)[1:], home=home, **teacher)
        assert len(server.bodies) == 2 and all(CODE.strip() in body["messages"][0]["content"] for _, body in server.bodies)
        again = run("run", "--only", "synthetic_questions", "--subset", "numeric", home=home, **teacher)
        assert "synthetic_questions: 0 teacher requests" in again.stderr
        assert len(server.bodies) == 2
    shown = run(*shlex.split(read)[1:], home=home, OCR_SUBSETS=str(own)).stdout
    assert "Write a function mean_" in shown
    with open_lake(home) as lake:
        rows = lake.rows("SELECT subset, seed_name, status FROM synthetic_questions")
    assert rows == [{"subset": "numeric", "seed_name": "means.py:harmonic", "status": "kept"}] * 2


@pytest.mark.long
def test_an_unknown_subset_is_refused_by_name(tmp_path: Path) -> None:
    done = run("run", "--subset", "nothing", home=tmp_path, check=False)
    assert done.returncode == 2 and "no subset nothing; there are prefill, leetcode" in done.stderr
