"""What a model was asked, used and paid over all runs and all stages that ask it: one budget, wherever it is spent.

A stage whose rows are paid answers of the teacher enters its table in ``PAID`` (``tests/unit/test_spending.py`` finds one that
was forgotten). Judges have a budget of their own (``problems/decontamination/judging.py``).
"""

from __future__ import annotations

from contextlib import closing

from ocr_assets.generation.request_loop import Spent
from resources.lake import Lake

PAID = (
    "r1_traces",
    "synthetic_questions",
    "synthetic_attempts",
    "style_conversions",
    "kodcode_responses",
    "evaluation_samples",
    "reasoning_annotations",
    "critic_answers",
)
_OF = {"r1_traces": "(FROM r1_traces WHERE origin IS NULL)"}  # others paid for what they published


def spent_on(store: Lake, model: str) -> Spent:
    """What the answers in the lake took of ``model``. No input of the stage that asks: it changes no row."""
    columns = "cost, coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0) AS tokens"
    answers = " UNION ALL ".join(f"SELECT {columns} FROM {_OF.get(table, table)} WHERE model = $model" for table in PAID)
    query = f"SELECT count(*), coalesce(sum(tokens), 0)::BIGINT, coalesce(sum(cost), 0.0) FROM ({answers})"
    with closing(store.plain_cursor()) as cursor:
        row = cursor.execute(query, {"model": model}).fetchone()
    assert row is not None
    return Spent(*row)
