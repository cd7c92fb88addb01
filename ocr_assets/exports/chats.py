"""Chats for supervised training: the same triplets as turns of one chat, as prompt and completion, and as ShareGPT writes them.

The columns of OpenCodeReasoning are in ``sft.py``.
"""

from __future__ import annotations

from ocr_assets.exports.release import Release
from ocr_assets.exports.selection import RESPONSE_ORIGIN, Profile, edges_query, rows_query
from ocr_assets.exports.settings import ChatSettings, PreferenceSettings
from ocr_assets.exports.sft import LICENSES, WHOLE_RESPONSE
from ocr_assets.schema import MESSAGES, PROMPT_COMPLETION, SHAREGPT
from resources.lake.tables import Table

_LABELS = f"""t.language, t.source, t.license, t.dataset, t.difficulty, t.verdict, t.trusted, t.pass_rate, p.contamination,
c.reasoning_tokens, c.response_tokens, t.problem_id, t.response_id, t.solution_id, r.model,
t.response_license, {RESPONSE_ORIGIN}"""

ASKED = "LEFT JOIN prompts m ON m.prompt_hash = r.prompt_hash AND m.template_hash = r.template_hash"
# Answers that others published were asked with a prompt that is not known.
_TURNS = """coalesce(list_filter(TRY(from_json(m.messages, '[{"role": "VARCHAR", "content": "VARCHAR"}]')),
    lambda turn: turn.role <> 'assistant' AND turn.content <> ''), """
_QUESTION = "[{'role': 'user', 'content': t.question}]"
_NOT_ENDED = (
    "WHEN t.solution_id IN (SELECT solution_id FROM solutions WHERE answer IS NULL) THEN 'filter: no answer behind the reasoning'"
)

_ABOUT = """Programming questions with a teacher model's reasoning and solution as {form}, each labelled with the verdict of a
sandboxed run of the problem's tests.

A verdict is a label here, not a promise: choose rows by `verdict`, `trusted` and `pass_rate`."""
_EXAMPLE = """rows = load_dataset("parquet", data_files={{"train": "data/train-*.parquet"}}, split="train")
accepted = rows.filter(lambda row: row["verdict"] == "accepted")
print(accepted[0]["{column}"])"""


def prompt_sql(settings: ChatSettings | PreferenceSettings) -> str:
    """SQL of the turns that asked, over t, r and m (``ASKED``)."""
    return f"{_TURNS}{_QUESTION})" if settings.prompt == "asked" else _QUESTION


def answer_sql(settings: ChatSettings | PreferenceSettings) -> str:
    """SQL of the assistant's turn, over r and s."""
    if settings.reasoning == "kept":
        content, reasoning = f"({WHOLE_RESPONSE})", "NULL::VARCHAR"
    else:
        content = r"trim(s.answer, E' \n\r\t')"
        reasoning = "s.reasoning" if settings.reasoning == "split" else "NULL::VARCHAR"
    return f"{{'role': 'assistant', 'content': {content}, 'reasoning_content': {reasoning}}}"


def not_ended(settings: ChatSettings | PreferenceSettings) -> tuple[str, ...]:
    """Why a triplet is left out whose answer cannot be told from its reasoning, where they are to be apart."""
    return () if settings.reasoning == "kept" else (_NOT_ENDED,)


def messages(settings: ChatSettings, table: Table = MESSAGES) -> Release:
    """Turns of one chat."""
    asking = "{'role': turn.role, 'content': turn.content, 'reasoning_content': NULL::VARCHAR}"
    turns = f"list_append(list_transform({prompt_sql(settings)}, lambda turn: {asking}), {answer_sql(settings)}) AS messages"
    return _chat(settings, table, MESSAGES, "messages", turns, "one chat (`messages`)")


def prompt_completion(settings: ChatSettings, table: Table = PROMPT_COMPLETION) -> Release:
    """Prompt and completion."""
    columns = f"{prompt_sql(settings)} AS prompt, [{answer_sql(settings)}] AS completion"
    return _chat(settings, table, PROMPT_COMPLETION, "prompt_completion", columns, "`prompt` and `completion`")


def sharegpt(settings: ChatSettings, table: Table = SHAREGPT) -> Release:
    """Conversations. Their turns have no place for reasoning apart, so with ``reasoning="split"`` it is left out."""
    asking = "{'from': CASE turn.role WHEN 'user' THEN 'human' ELSE turn.role END, 'value': turn.content}"
    answer = f"{{'from': 'gpt', 'value': ({answer_sql(settings)}).content}}"
    columns = f"list_append(list_transform({prompt_sql(settings)}, lambda turn: {asking}), {answer}) AS conversations"
    return _chat(settings, table, SHAREGPT, "sharegpt", columns, "one chat (`conversations`, as ShareGPT writes them)")


def _chat(settings: ChatSettings, table: Table, form: Table, name: str, turns: str, said: str) -> Release:
    profile = Profile(form, f"{turns}, {_LABELS}", name, ASKED, not_ended(settings))
    column = next(column.name for column in form.columns if column.name != "id")
    return Release(
        table=table,
        profile=name,
        rows=rows_query(profile, settings),
        edges=edges_query(profile, settings, table.name),
        settings=settings,
        label="verdict",
        licenses=LICENSES,
        about=_ABOUT.format(form=said),
        example=_EXAMPLE.format(column=column),
    )


__all__ = ["ASKED", "answer_sql", "messages", "not_ended", "prompt_completion", "prompt_sql", "sharegpt"]
