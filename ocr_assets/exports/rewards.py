"""Problems to train on by reward: what is asked, and what decides, in the columns of TRL (GRPO), verl and open-r1.

What is asked is the prompt that teachers are asked with. What decides is, where the trainer leaves that to a reward function,
the problem as ``ocr-assets verify`` reads it, so that our comparison and the problem's own checker decide; a trainer's own
comparison is given only problems that it is right for.
"""

from __future__ import annotations

from ocr_assets.exports.problems import LABELS, NEEDS_MORE, PROBLEM_JSON, of_problems
from ocr_assets.exports.release import Release
from ocr_assets.exports.selection import text
from ocr_assets.exports.settings import RewardSettings, VerlSettings
from ocr_assets.generation.prompts import load_templates
from ocr_assets.generation.prompts.solving import NAMES, solution_prompt, template_name
from ocr_assets.schema import GRPO, OPEN_R1, VERL
from resources.lake.tables import Table

# Stand in a template for what is put in by SQL; nobody writes these into a problem.
_PLACES = {"statement": "⟦statement 8c1f⟧", "starter_code": "⟦starter 8c1f⟧", "entry_point": "⟦entry 8c1f⟧"}
_DATA_SOURCES = "CASE t.dataset WHEN 'code_contests' THEN 'codecontests' ELSE t.dataset END"
_PYTHON_CALLS = "WHEN t.entry_point IS NOT NULL THEN 'filter: asks for a Python function'"
_PYTHON_TESTS = "WHEN t.test_kinds NOT IN (['stdin'], ['call']) THEN 'filter: tests that no C++ program can be judged by'"
_EXAMPLE = """rows = load_dataset("parquet", data_files={"train": "data/train-*.parquet"}, split="train")
print(rows[0]["prompt"][-1]["content"])"""
_ABOUT = "Programming problems to train a model on by reward, in the columns of {trainer}. {decides}"


def prompt_sql(language: str) -> str:
    """SQL of the text that a problem is asked with, over t (columns of ``problems``): our templates, filled in."""
    templates = load_templates(NAMES)
    cases = []
    for entry, starter in ((True, True), (True, False), (False, True), (False, False)):
        problem = {**_PLACES, **({} if entry else {"entry_point": None}), **({} if starter else {"starter_code": None})}
        name = template_name(problem, "cpp" if language == "cpp" else "python")
        if name is None:
            continue
        filled = text(str(solution_prompt(templates[name], problem)[-1]["content"]))
        for column in ("entry_point", "starter_code", "statement"):  # the statement last: what it holds is left alone
            filled = f"replace({filled}, {text(_PLACES[column])}, coalesce(t.{column}, ''))"
        given = f"t.entry_point IS {'NOT ' * entry}NULL AND coalesce(t.starter_code, '') {'<>' if starter else '='} ''"
        cases.append(f"WHEN {given} THEN {filled}")
    return f"CASE {' '.join(cases)} END"


def _key(prefix: str, language: str) -> str:
    return f"'{prefix}_' || left(md5('{prefix} {language}' || t.problem_id), 20)"


def _turns(language: str) -> str:
    return f"[{{'role': 'user', 'content': {prompt_sql(language)}}}]"


def _cpp_reasons(language: str) -> tuple[str, ...]:
    return (_PYTHON_CALLS, _PYTHON_TESTS) if language == "cpp" else ()


def grpo(settings: RewardSettings, table: Table = GRPO) -> Release:
    """For TRL's GRPOTrainer, with our reward function."""
    key = _key("grpo", settings.language)
    return of_problems(
        settings,
        table,
        "grpo",
        f"""{key} AS id, {_turns(settings.language)} AS prompt, {PROBLEM_JSON} AS problem, '{settings.language}' AS language,
{LABELS}""",
        key,
        dropped=_cpp_reasons(settings.language),
        about=_ABOUT.format(
            trainer="TRL's GRPOTrainer",
            decides="`problem` holds the tests as `ocr_assets.rewards` and `ocr-assets serve` read them.",
        ),
        example=_EXAMPLE,
    )


def verl(settings: VerlSettings, table: Table = VERL) -> Release:
    """For verl, with our reward function or with its own comparison."""
    key = _key("verl", settings.language)
    plain = settings.ground_truth == "inputs_outputs"
    pairs = (
        "json_object('inputs', list_transform(s.tests, lambda test: test.input), "
        "'outputs', list_transform(s.tests, lambda test: test.output))::VARCHAR"
    )
    # A name that verl's own rewards do not know: they would find no inputs, and score 0.
    source = _DATA_SOURCES if plain else "'ocr_assets/' || t.dataset"
    return of_problems(
        settings,
        table,
        "verl",
        f"""{key} AS id, {source} AS data_source, {_turns(settings.language)} AS prompt, 'code' AS ability,
{{'style': 'rule', 'ground_truth': {pairs if plain else PROBLEM_JSON}}} AS reward_model,
{{'index': {key}, 'problem_id': t.problem_id, 'language': '{settings.language}'}} AS extra_info,
'{settings.language}' AS language, {LABELS}""",
        key,
        dropped=(*_cpp_reasons(settings.language), *(NEEDS_MORE if plain else ())),
        about=_ABOUT.format(
            trainer="verl",
            decides="`reward_model.ground_truth` holds inputs and outputs, which verl compares by itself."
            if plain
            else "`reward_model.ground_truth` holds the tests as the reward function of `ocr_assets.rewards` reads them.",
        ),
        example=_EXAMPLE,
    )


def open_r1(settings: RewardSettings, table: Table = OPEN_R1) -> Release:
    """For open-r1, which runs programs on standard input and compares line by line."""
    key = _key("open_r1", settings.language)
    test = "{'fn_name': NULL::VARCHAR, 'input': test.input, 'output': test.output, 'type': 'stdin_stdout'}"
    return of_problems(
        settings,
        table,
        "open_r1",
        f"""{key} AS id, {prompt_sql(settings.language)} AS problem, {_turns(settings.language)} AS prompt,
{{'language': '{settings.language}', 'test_cases': list_transform(s.tests, lambda test: {test})}} AS verification_info,
'{settings.language}' AS language, {LABELS}""",
        key,
        dropped=(*_cpp_reasons(settings.language), *NEEDS_MORE),
        about=_ABOUT.format(
            trainer="open-r1",
            decides="`verification_info` holds tests, which it compares line by line: other problems are left out.",
        ),
        example=_EXAMPLE,
    )
