"""Prompts are files that a user may replace; what is wrong with a replacement is said at once."""

from pathlib import Path

import pytest

from ocr_assets.generation.prompts import VARIABLES, PromptTemplate, load_templates, prompt_hash, prompt_row


@pytest.mark.parametrize("name", VARIABLES)
def test_each_template_says_what_it_is_given(name: str) -> None:
    template = load_templates([name])[name]
    values = {variable: f"[{variable} is here]" for variable in VARIABLES[name]}
    system, user = template.messages(**values)
    assert system == {"role": "system", "content": ""}
    for variable in VARIABLES[name]:
        if variable not in ("starter_code", "entry"):  # these belong to the call-based one only
            assert values[variable] in user["content"]


def test_a_replacement_changes_the_hash_of_that_template_only(tmp_path: Path) -> None:
    (tmp_path / "python_stdin.jinja").write_text("Solve {{ question }}\n")
    ours, own = (load_templates(["python_stdin", "cpp_stdin"], folder) for folder in (None, tmp_path))
    assert own["python_stdin"].messages(question="q", starter_code=None, entry=None)[1]["content"] == "Solve q"
    assert own["python_stdin"].hash != ours["python_stdin"].hash and own["cpp_stdin"].hash == ours["cpp_stdin"].hash
    assert own["python_stdin"].origin.endswith("python_stdin.jinja")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("python_stdin.jinja", "{{ statement }}", "may use question, starter_code, entry"),
        ("python_stdin.jinja", "{% if %}", "python_stdin"),
        ("python_stdn.jinja", "{{ question }}", "no file there is one of"),
        (None, "", "no file there is one of"),
    ],
)
def test_a_wrong_replacement_is_refused_by_name(tmp_path: Path, name: str | None, text: str, message: str) -> None:
    if name:
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_templates(["python_stdin"], tmp_path)


def test_a_file_beside_a_good_one_that_replaces_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "python_stdin.jinja").write_text("{{ question }}")
    (tmp_path / "pyton_call.jinja").write_text("{{ question }}")
    with pytest.raises(ValueError, match="pyton_call replace nothing"):
        load_templates(["python_stdin"], tmp_path)


def test_the_rendered_prompt_is_stored_by_its_hash() -> None:
    template = PromptTemplate("x", "Say {{ word }}")
    one, same, other = (template.messages(word=word) for word in ("a", "a", "b\ud800"))
    assert prompt_hash(one) == prompt_hash(same) != prompt_hash(other)
    row = prompt_row(template, one)
    assert (row["prompt_hash"], row["template_hash"], row["template"]) == (prompt_hash(one), template.hash, "x")
