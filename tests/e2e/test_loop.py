"""The loop closed: a toy model trained by real TRL on rows of a release, sampled, judged in the sandbox and measured, through the graph."""

from pathlib import Path

import pytest

from ocr_assets.cli.loop import EVALUATED, MIXES, write
from tests.support.graph import only, open_lake, run

pytestmark = pytest.mark.long

ASSETS = (
    "training_mix", "packed_sft", "finetuned_model", "benchmark_problems", "evaluation_samples", "evaluation_verdicts",
    "evaluations", "evaluation_comparison",
)  # fmt: skip


@pytest.mark.timeout(1800)
def test_more_and_right_data_make_a_better_model_and_shuffled_answers_none(tmp_path: Path) -> None:
    settings = write(tmp_path / "loop")
    home = Path(settings.pop("OCR_HOME"))
    words = [*only(*ASSETS), *(word for mix in MIXES for word in ("--mix", mix))]
    run("run", *words, home=home, **settings)
    with open_lake(home) as lake:
        rows = lake.rows(
            "SELECT split_part(model, '@', 1) AS model, problems, without_verdict, value, low, high FROM evaluations "
            "WHERE k = 1 AND slice_by = 'all' AND extraction = 'ours'"
        )
        found = {row["model"]: row["value"] for row in rows}
        differences = {
            (row["model"].partition("@")[0], row["other"].partition("@")[0]): (row["low"], row["high"])
            for row in lake.rows(
                "FROM evaluation_comparison WHERE kind = 'paired' AND slice_by = 'all' AND k = 1 AND model <> other"
            )
        }
        inputs = {row["dataset"] for row in lake.rows("SELECT dataset FROM run_io WHERE stage = 'evaluation_samples' AND direction = 'input'")}  # fmt: skip
    assert set(found) == set(EVALUATED)
    assert all(row["problems"] == 115 and row["without_verdict"] == 0 for row in rows)
    assert found["untrained"] < 0.05
    assert found["mix:loop_shuffled"] < 0.1
    assert found["mix:loop_1200"] > 0.8
    assert 0.05 < found["mix:loop_400"] < 0.6
    low, high = differences["mix:loop_400", "mix:loop_1200"]
    assert high < 0, (low, high)
    assert "finetuned_model" in inputs, "which models were read is known"
