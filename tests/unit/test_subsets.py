"""Definitions of subsets: the bundled twelve, and what is wrong with a user's own is said with its file."""

from pathlib import Path

import pytest

from ocr_assets.generation.prompts import VARIABLES
from ocr_assets.synthesis.subsets.definition import BUNDLED, FOLDER, METHODS, load_subsets


def write(folder: Path, text: str, name: str = "mine") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text)
    return folder


def test_kodcodes_twelve_subsets_are_there_by_their_published_names() -> None:
    subsets = load_subsets()
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(BUNDLED) == set(subsets)
    assert [subset.title for subset in subsets.values()] == [
        "Prefill", "Leetcode", "Codeforces", "Apps", "Taco", "Code_Contests", "Algorithm", "Data_Structure", "Docs", "Filter",
        "Package", "Evol",
    ]  # fmt: skip
    assert {subset.method for subset in subsets.values()} == set(METHODS), "every method has a subset"
    assert subsets["leetcode"].seeds.together == 3 and subsets["taco"].seeds.together == 1
    assert subsets["prefill"].stop == ("\n",) and subsets["docs"].stop == ()


def test_what_a_method_asks_by_is_given_one_seed_or_none() -> None:
    for method, usual in METHODS.items():
        assert VARIABLES[usual.template] == (() if method == "prefill" else ("seed",))


def test_an_own_definition_needs_little_and_replaces_one_of_its_name(tmp_path: Path) -> None:
    write(tmp_path, 'title = "Mine"\nmethod = "snippets"\n[seeds]\npath = "code"\n')
    write(tmp_path, 'title = "Docs"\nmethod = "documentation"\n[seeds]\npackages = ["numpy"]\n', "docs")
    subsets = load_subsets(tmp_path)
    assert list(subsets) == [*BUNDLED, "mine"]
    assert subsets["docs"].seeds.packages == ("numpy",)
    assert subsets["mine"].path(Path("/elsewhere")) == tmp_path / "code"
    assert subsets["algorithm"].path(Path("/elsewhere")) == Path("/elsewhere/algorithm")


def test_an_own_prompt_lies_beside_the_definition(tmp_path: Path) -> None:
    write(tmp_path, 'title = "Mine"\nmethod = "snippets"\n[seeds]\npath = "code"\n[ask]\ntemplate = "my.jinja"\n')
    (tmp_path / "my.jinja").write_text("Ask about {{ seed }}")
    mine = load_subsets(tmp_path)["mine"].template()
    assert mine.messages(seed="this")[1]["content"] == "Ask about this"
    assert mine.hash != load_subsets()["algorithm"].template().hash
    (tmp_path / "my.jinja").write_text("Ask about {{ snippet }}")
    with pytest.raises(ValueError, match=r"mine\.toml: prompt my .*a template may use seed"):
        load_subsets(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('title = "M"\nmethod = "magic"', "method: Input should be 'prefill'"),
        ('method = "prefill"', "title: Field required"),
        ('title = "M"\nmethod = "prefill"\n[seeds]\npath = "x"', "method prefill has no seeds"),
        ('title = "M"\nmethod = "seed_questions"', "takes kind = problem or question"),
        ('title = "M"\nmethod = "seed_questions"\n[seeds]\nkind = "snippet"', "takes kind = problem or question"),
        ('title = "M"\nmethod = "snippets"', "path is missing"),
        ('title = "M"\nmethod = "documentation"', "packages is missing"),
        (
            'title = "M"\nmethod = "documentation"\n[seeds]\npackages = ["a"]\npath = "x"',
            "path belong to another kind than documentation",
        ),
        ('title = "M"\nmethod = "snippets"\nparser = "tags"\n[seeds]\npath = "x"', "tags belong to method filter"),
        ('title = "M"\nmethod = "prefill"\n[ask]\nsample = 3', r"ask\.sample: Extra inputs are not permitted"),
        ('title = "M"\nmethod = "prefill"\nname = "x"', "name: the file itself says that"),
        ('title = "M"\nmethod = "prefill"\n[ask]\ntemplate = "judge"', "give a .jinja file or one of question_prefill"),
        ('title = "M"\nmethod = "prefill"\n[ask]\ntemplate = "gone.jinja"', "no such file"),
        ('title = "M', "mine.toml"),
    ],
)
def test_a_wrong_definition_is_refused_by_file_and_field(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as found:
        load_subsets(write(tmp_path, text))
    assert str(found.value).startswith(str(tmp_path / "mine.toml"))


def test_a_folder_without_definitions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no <name>\.toml there"):
        load_subsets(tmp_path)


def test_another_rule_for_keeping_is_another_rule_and_another_bound_on_questions_is_not(tmp_path: Path) -> None:
    base = 'title = "M"\nmethod = "prefill"\n'
    rules = [
        load_subsets(write(tmp_path, base + more))["mine"].rule("1")
        for more in ("", "[ask]\nquestions = 9", "[keep]\nleast_characters = 9")
    ]
    assert rules[0] == rules[1] != rules[2]
