"""One budget for a model, wherever it is spent: no table of paid answers may be forgotten."""

from pathlib import Path

from ocr_assets.generation.spending import PAID, spent_on
from ocr_assets.schema import JUDGE_VOTES, R1_TRACES, SYNTHETIC_QUESTIONS, TABLES
from resources.lake import RunInfo
from tests.support.lakes import new_lake
from tests.support.rows import row_of

PAYS = {"model", "prompt_tokens", "completion_tokens", "cost"}


def test_each_table_of_paid_answers_counts() -> None:
    paying = {table.name for table in TABLES if {column.name for column in table.columns} >= PAYS}
    assert paying == set(PAID), "enter the table in PAID of ocr_assets/generation/spending.py"
    assert JUDGE_VOTES.name not in PAID, "judges have a budget of their own"


def test_what_stages_spend_on_one_model_is_one_sum(tmp_path: Path) -> None:
    def answer(model: str, cost: float | None) -> dict[str, object]:
        return {"model": model, "prompt_tokens": 10, "completion_tokens": None, "cost": cost}

    with new_lake(tmp_path / "lake") as lake:
        with lake.write(RunInfo("test"), "r1_traces") as write:
            write.append(R1_TRACES, [row_of(R1_TRACES, response_id="a", **answer("r1", 0.5))])
            write.append(
                SYNTHETIC_QUESTIONS,
                [
                    row_of(SYNTHETIC_QUESTIONS, question_id="b", **answer("r1", None)),
                    row_of(SYNTHETIC_QUESTIONS, question_id="c", **answer("gpt", 9.0)),
                ],
            )
        found = spent_on(lake, "r1")
    assert (found.requests, found.tokens, found.cost) == (2, 20, 0.5)
