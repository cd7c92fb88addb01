"""What questions are made from, read by example: snippets, pages of documentation, rows of files."""

import json
from pathlib import Path

import pytest

from ocr_assets.synthesis.seeds.documentation import pages, pages_of
from ocr_assets.synthesis.seeds.snippets import cut, snippets
from ocr_assets.synthesis.seeds.written import questions

CODE = '''"""A module."""
import math
import os.path
from collections import deque as queue


@cached
# a comment within
def area(r):
    """Of a circle."""
    return math.pi * r * r  # behind


CONSTANT = 3


class Line:
    def __init__(self):
        self.waiting = queue()


async def later():
    return 1
'''


def test_code_is_cut_by_function_and_class_with_the_imports_that_each_uses() -> None:
    area, line, later = cut(CODE, "shapes.py")
    assert area.text == (
        'import math\n\n\n@cached\n# a comment within\ndef area(r):\n    """Of a circle."""\n    return math.pi * r * r  # behind'
    )
    assert (area.names, area.place, area.kind) == (("shapes.py:area",), "shapes.py, line 7", "snippet")
    assert line.text.startswith("from collections import deque as queue\n\n\nclass Line:")
    assert later.text == "async def later():\n    return 1"


def test_a_snippets_id_is_its_text_wherever_it_lies() -> None:
    (one,), (other,) = (list(cut("def f():\n    return 1\n", name)) for name in ("a.py", "b.py"))
    assert one.seed_id == other.seed_id and one.seed_id.startswith("seed_") and one.names != other.names


def test_files_that_are_no_python_are_told_and_left_out(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good.py").write_text("def f():\n    return 1\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "latin.py").write_bytes(b"def f():\n    return '\xe9'\n")
    (tmp_path / "notes.txt").write_text("def g(): pass")
    said: list[str] = []
    (seed,) = snippets(tmp_path, said.append)
    assert (seed.names[0], seed.place) == ("deep/good.py:f", f"{tmp_path.name}/deep/good.py, line 1")
    assert len(said) == 2 and all("left out, no Python" in line for line in said)
    with pytest.raises(ValueError, match="no such file or folder"):
        list(snippets(tmp_path / "gone", said.append))


MODULE = '''"""Tools for words.

More about them."""
__all__ = ["Speller", "joined", "undocumented"]

def joined(words: list[str], /, *, by: str = " ") -> str:
    """Join words.

    :param by: between them
    """

def undocumented(x): return x

def left_out():
    """Not in __all__."""

class Speller(Base, metaclass=Meta):
    """Spells."""

    def __init__(self, language="en"): ...

    def spell(self, word):
        """Letter by letter."""

    def _private(self):
        """No."""

    def silent(self): ...
'''


def test_a_page_is_signature_and_docstring_under_the_name_of_its_place() -> None:
    joined, speller = pages_of(MODULE, "words.tools", "words 1.2", 6_000)
    assert joined == (
        "words.tools.joined", 6,
        'Package words 1.2, module words.tools\nTools for words.\n\ndef joined(words: list[str], /, *, by: str=\' \') -> str\n'
        "    Join words.\n\n    :param by: between them",
    )  # fmt: skip
    assert speller[2].partition("\n\n")[2] == (
        "class Speller(Base)\n    Spells.\n\n    def __init__(self, language='en')\n\n    def spell(self, word)\n        Letter by letter."
    )


def test_a_long_page_is_cut_between_lines() -> None:
    whole = next(iter(pages_of(MODULE, "words", "words", 6_000)))[2]
    cut_page = next(iter(pages_of(MODULE, "words", "words", len(whole) - 3)))[2]
    assert whole.startswith(cut_page + "\n") and len(cut_page) < len(whole) - 3


def test_pages_of_an_installed_package_are_read_without_running_it() -> None:
    said: list[str] = []
    found = {seed.names[0]: seed for seed in pages("jinja2", ["jinja2.filters"], 6_000, said.append)}
    page = found["jinja2.filters.do_filesizeformat"]
    assert "def do_filesizeformat(" in page.text and "13 kB" in page.text and page.place.startswith("jinja2 ")
    assert all(name.startswith("jinja2.filters.") for name in found) and len(found) > 20
    assert said == []
    assert len(list(pages("jinja2", (), 6_000, said.append))) > len(found)


def test_private_modules_and_tests_have_no_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = 'def f():\n    """Says something."""\n'
    files = (
        "thing/__init__.py",
        "thing/open.py",
        "thing/_hidden.py",
        "thing/tests/test_it.py",
        "thing/broken.py",
        "thing/data.txt",
    )
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("def (" if "broken" in name else body)
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nLicense: MIT\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in files))
    monkeypatch.syspath_prepend(str(tmp_path))
    said: list[str] = []
    found = list(pages("thing", (), 6_000, said.append))
    assert [seed.names[0] for seed in found] == ["thing.f", "thing.open.f"]
    assert {seed.license for seed in found} == {"MIT"}
    assert len(said) == 1 and "thing/broken.py left out" in said[0]


def test_a_package_that_is_not_installed_has_no_pages_and_is_told() -> None:
    said: list[str] = []
    assert list(pages("no-such-package-here", (), 100, said.append)) == []
    assert said == ["documentation: no-such-package-here is not installed; no pages of it"]


def test_questions_of_others_are_rows_by_their_usual_columns_or_the_one_named(tmp_path: Path) -> None:
    rows = [{"id": 7, "instruction": " Do it. ", "license": "MIT"}, {"question": "", "prompt": "Why?", "own": "Mine."}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second = questions(file)
    assert (first.text, first.names, first.license, first.kind) == ("Do it.", ("7",), "MIT", "question")
    assert second.text == "Why?" and second.names[0].startswith("rows.jsonl:")
    assert [seed.text for seed in questions(tmp_path)] == ["Do it.", "Why?"]
    with pytest.raises(ValueError, match=r"rows\.jsonl.*no text; own must hold it"):
        list(questions(file, "own"))
